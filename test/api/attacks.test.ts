// SPDX-License-Identifier: MIT
// What is meant to take more than its share is refused at once, over HTTP and over sockets, and others are served as before.
import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { openCatalog } from '../../src/api/rest/catalog.ts'
import { restHandler } from '../../src/api/rest/handler.ts'
import { allowOrigins } from '../../src/base/origin.ts'
import { refuseUpgrade } from '../../src/base/upgrade.ts'
import { openHub } from '../../src/live/hub.ts'
import { openLiveSockets } from '../../src/live/ws.ts'
import { type GraphqlAttack, graphqlAttacks, restAttacks } from '../lib/attacks.ts'
import { admin, type Served, serve } from './graphql-served.ts'

let api: Served
let at = ''
let knowing = ''
let blind = ''
const stack = new AsyncDisposableStack()

before(async () => {
  api = stack.use(
    await serve(async (db) => {
      await admin(
        db,
        `select tmidb.ingest('sensor', 'truck-17', jsonb_build_object('temperature', 20 + i, 'status', 'ok'), now() - i * interval '1 minute')
         from generate_series(1, 60) i`,
        'select tmidb.publish_views()',
      )
      knowing = await admin(db, `select tmidb.create_listener('knowing')`)
      blind = await admin(db, `select tmidb.create_listener('blind')`)
      await admin(
        db,
        `select tmidb.subscribe('knowing', null), tmidb.subscribe('blind', null), tmidb.allow_introspection('knowing')`,
      )
      return knowing
    }),
  )
  const rest = restHandler({ pool: api.pool, catalog: await openCatalog(api.pool), access: api.access })
  const hub = stack.use(await openHub(api.db.url('tmidb_api'), api.access))
  const sockets = stack.use(openLiveSockets({ hub, access: api.access }))
  const origins = allowOrigins(['https://app.example.com'])
  const server = createServer((req, res) => {
    if (!origins.cors(req, res)) void rest(req, res)
  })
  server.on('upgrade', (req, socket, head) => {
    try {
      origins.mayOpen(req)
      if (!api.graphql.handleUpgrade(req, socket, head)) sockets.upgrade(req, socket, head)
    } catch (e) {
      refuseUpgrade(socket, e as never)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  at = `127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => stack.disposeAsync())

async function post(attack: Pick<GraphqlAttack, 'body' | 'blind'>) {
  const res = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      authorization: `Bearer ${attack.blind ? blind : knowing}`,
    },
    body: attack.body,
  })
  const text = await res.text()
  const { errors } = JSON.parse(text) as { errors?: { message: string; extensions?: { code?: string } }[] }
  return { status: res.status, code: errors?.[0]?.extensions?.code, text }
}

/** A socket that has said who it is, or that says why it could not be opened. */
async function graphqlSocket(token: string, headers: Record<string, string> = {}) {
  const ws = new WebSocket(`ws://${at}/graphql`, 'graphql-transport-ws', { headers })
  const waiting = new Map<string, (message: string) => void>()
  const closed = new Promise<number>((resolve) => {
    ws.on('close', resolve)
    ws.on('unexpected-response', (_, res) => {
      resolve(res.statusCode ?? 0)
      ws.terminate()
    })
  })
  ws.on('error', () => {})
  const opened = new Promise<void>((resolve) => {
    ws.on('message', (data) => {
      const message = JSON.parse(String(data)) as { type: string; id?: string }
      if (message.type === 'connection_ack') resolve()
      else if (message.type !== 'complete') waiting.get(message.id ?? '')?.(String(data))
    })
  })
  ws.on('open', () => ws.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })))
  await Promise.race([opened, closed])
  let n = 0
  const ask = (payload: string): Promise<string> => {
    const id = String(n++)
    return new Promise((resolve) => {
      waiting.set(id, resolve)
      void closed.then((code) => resolve(`closed ${code}`))
      ws.send(`{"id":"${id}","type":"subscribe","payload":${payload}}`)
    })
  }
  return { ws, ask, closed }
}

test('there are more than 60 documents', () => {
  assert.ok(graphqlAttacks.length > 60)
  assert.equal(new Set(graphqlAttacks.map((a) => a.name)).size, graphqlAttacks.length)
})

test('each document is refused over HTTP with 4xx and its code, whatever the Accept header says', async () => {
  const wrong: string[] = []
  for (const attack of graphqlAttacks.filter((a) => a.only !== 'ws')) {
    const { status, code, text } = await post(attack)
    if (status < 400 || status > 499 || code !== attack.code) wrong.push(`${attack.name}: ${status} ${text.slice(0, 200)}`)
  }
  assert.deepEqual(wrong, [])
})

test('each document is refused over a socket, with an error or by closing it', async () => {
  const wrong: string[] = []
  const sockets = { true: await graphqlSocket(blind), false: await graphqlSocket(knowing) }
  for (const attack of graphqlAttacks.filter((a) => a.only !== 'http')) {
    const which = attack.blind ? 'true' : 'false'
    const answer = await sockets[which].ask(attack.body)
    if (answer.startsWith('closed 4400')) sockets[which] = await graphqlSocket(attack.blind ? blind : knowing)
    else if (!answer.includes(`"code":"${attack.code}"`)) wrong.push(`${attack.name}: ${answer.slice(0, 200)}`)
  }
  assert.deepEqual(wrong, [])
  for (const { ws } of Object.values(sockets)) ws.close()
})

test('who may not introspect is told no names that are near, and may ask for __typename', async () => {
  for (const attack of graphqlAttacks.filter((a) => a.blind)) assert.doesNotMatch((await post(attack)).text, /Did you mean/)
  const told = await post({ body: '{"query":"{ sensrV1 { totalCount } }"}' })
  assert.match(told.text, /Did you mean \\"sensorV1\\"/)
  assert.equal((await post({ body: '{"query":"{ __typename }"}', blind: true })).status, 200)
})

test('each address of REST is refused with 4xx and its code', async () => {
  const wrong: string[] = []
  for (const { name, path, code, method = 'GET', body, headers } of restAttacks) {
    const { status, text } = await raw(path, { method, body, headers })
    if (status < 400 || status > 499 || !text.includes(`"code":"${code}"`)) wrong.push(`${name}: ${status} ${text.slice(0, 200)}`)
  }
  assert.deepEqual(wrong, [])
})

/** Not fetch, which corrects addresses and knows only some methods. */
function raw(path: string, options: { method: string; body?: string | undefined; headers?: Record<string, string> | undefined }) {
  return new Promise<{ status: number; text: string; headers: Record<string, unknown> }>((resolve, reject) => {
    const req = request(
      `http://${at}/`,
      {
        path,
        method: options.method === 'TRACE-ME' ? 'TRACE' : options.method,
        headers: { authorization: `Bearer ${knowing}`, ...options.headers },
      },
      async (res) => {
        let text = ''
        for await (const chunk of res) text += String(chunk)
        resolve({ status: res.statusCode ?? 0, text, headers: res.headers })
      },
    )
    req.on('error', reject)
    req.end(options.body)
  })
}

test('a socket that sends too much is closed: one message over 100 kB, or hundreds a second', async () => {
  const large = await graphqlSocket(blind)
  large.ws.send(`{"id":"1","type":"subscribe","payload":{"query":"{ __typename } #${'x'.repeat(120_000)}"}}`)
  assert.equal(await large.closed, 1009)
  const fast = await graphqlSocket(blind)
  for (let i = 0; i < 700; i++) fast.ws.send('{"type":"ping"}')
  assert.equal(await fast.closed, 4429)
  const live = new WebSocket(`ws://${at}/tmi/ws?token=${blind}`)
  const ended = new Promise((resolve) => live.on('close', resolve))
  live.on('open', () => {
    for (let i = 0; i < 700; i++) live.send('{"type":"unsubscribe"}')
  })
  assert.equal(await ended, 4429)
})

test('a socket has 100 operations at once, and others go on', async () => {
  const socket = await graphqlSocket(blind)
  const answers: string[] = []
  for (let i = 0; i < 101; i++) {
    void socket.ask('{"query":"subscription { sensorV1 { cursor } }"}').then((a) => answers.push(a))
  }
  for (let n = 0; answers.length === 0 && n < 500; n++) await sleep(10)
  assert.equal(answers.length, 1)
  assert.match(answers[0] ?? '', /"code":"TM400"/)
  socket.ws.close()
})

test("a page of another address opens no socket and reads no answer; one of our own and of the setting's does", async () => {
  for (const path of ['/graphql', '/tmi/ws', '/ws/blind']) {
    const open = (origin: string) =>
      new Promise<number>((resolve) => {
        const ws = new WebSocket(`ws://${at}${path}?token=${blind}`, path === '/graphql' ? ['graphql-transport-ws'] : [], {
          origin,
        })
        ws.on('error', () => {})
        ws.on('open', () => {
          ws.close()
          resolve(101)
        })
        ws.on('unexpected-response', (_, res) => resolve(res.statusCode ?? 0))
      })
    assert.equal(await open('https://evil.example.com'), 403, path)
    assert.equal(await open('null'), 403, path)
    assert.equal(await open('https://app.example.com'), 101, path)
    assert.equal(await open(`http://${at}`), 101, path)
  }
  const asked = (origin: string) =>
    raw('/api/v1/sensor?limit=1', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization,prefer' },
    })
  const ours = await asked('https://app.example.com')
  assert.equal(ours.status, 204)
  assert.equal(ours.headers['access-control-allow-origin'], 'https://app.example.com')
  assert.equal(ours.headers['access-control-allow-headers'], 'authorization,prefer')
  assert.equal((await asked('https://evil.example.com')).headers['access-control-allow-origin'], undefined)
  const read = await raw('/api/v1/sensor?limit=1', { method: 'GET', headers: { origin: 'https://app.example.com' } })
  assert.equal(read.headers['access-control-allow-origin'], 'https://app.example.com')
})

test('after all of it an honest client is answered, by GraphQL, REST and socket', async () => {
  const { status, text } = await post({
    body: '{"query":"{ sensorV1(first: 2, orderBy: TS_DESC) { nodes { temperature } } }"}',
    blind: true,
  })
  assert.equal(status, 200)
  assert.match(text, /"temperature":21/)
  assert.equal((await raw('/api/v1/sensor?limit=2&order=ts.desc', { method: 'GET' })).status, 200)
  const socket = await graphqlSocket(blind)
  assert.match(await socket.ask('{"query":"{ sensorV1(first: 1) { nodes { temperature } } }"}'), /"temperature":/)
  socket.ws.close()
})
