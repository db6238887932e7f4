// SPDX-License-Identifier: MIT
// Every door of the HTTP port counts: beyond a limit it answers 429 and says when to come again.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { documentHandler } from '../../src/api/docs/documents.ts'
import { createGraphql } from '../../src/api/graphql/server.ts'
import { openCatalog } from '../../src/api/rest/catalog.ts'
import { restHandler } from '../../src/api/rest/handler.ts'
import { readProxies, trustProxies } from '../../src/base/proxies.ts'
import { sleep } from '../../src/base/retry.ts'
import { openAccess } from '../../src/db/access.ts'
import { openPool } from '../../src/db/pool.ts'
import { httpIntake } from '../../src/edge/http.ts'
import { influxIntake } from '../../src/edge/influx.ts'
import { openIntake } from '../../src/edge/intake.ts'
import { thingsboardIntake } from '../../src/edge/thingsboard-http.ts'
import { openHub } from '../../src/live/hub.ts'
import { openLiveSockets } from '../../src/live/ws.ts'
import type { Publisher } from '../../src/nats-bridge/publish.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

const stack = new AsyncDisposableStack()
let db: TestDatabase
let base = ''
const most = 3

before(async () => {
  db = stack.use(await testDatabase())
  await db.query(`select tmidb.ingest('sensor', 't', '{"n": 1}'), tmidb.publish_views()`)
  for (const [scope, endpoint] of [
    ['token', 'read'],
    ['token', 'write'],
    ['token', 'live'],
    ['token', 'ingest'],
  ])
    await db.query('select tmidb.set_rate_limit($1, $2, $3)', [scope, endpoint, most])
  const access = stack.use(await openAccess(db.url('tmidb_api')))
  const pool = stack.adopt(openPool(db.url('tmidb_api'), { max: 4, application: 'test' }), (p) => p.end())
  const catalog = await openCatalog(pool)
  const rest = restHandler({ pool, catalog, access })
  const hub = stack.use(await openHub(db.url('tmidb_api'), access))
  const graphql = stack.use(await createGraphql({ pool, access, hub, catalog }))
  const sockets = stack.use(openLiveSockets({ hub, access, mostSockets: 2 }))
  const documents = documentHandler({ pool, catalog, access, graphqlSchema: graphql.schema, mqttPort: null })
  const publisher: Publisher = { async publish() {}, async refuse() {}, async [Symbol.asyncDispose]() {} }
  const intake = openIntake({ access, publisher, edgeUrl: db.url('tmidb_edge') })
  const ways = [httpIntake(intake), influxIntake(intake, async () => {}), thingsboardIntake(intake)]
  const server = createServer((req, res) => {
    for (const way of ways) if (way(req, res)) return
    if (!documents(req, res) && !graphql.handle(req, res, () => res.end())) void rest(req, res)
  })
  server.on('upgrade', (req, socket, head) => {
    if (!sockets.upgrade(req, socket, head)) graphql.handleUpgrade(req, socket, head)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => stack.disposeAsync())

async function listener(name: string): Promise<string> {
  const [row] = await db.query<{ token: string }>('select tmidb.create_listener($1) as token', [name])
  await db.query('select tmidb.subscribe($1, null)', [name])
  return row?.token ?? ''
}

async function speaker(name: string): Promise<string> {
  const [row] = await db.query<{ token: string }>('select tmidb.create_speaker($1) as token', [name])
  return row?.token ?? ''
}

const ask = (path: string, token: string | null, init: RequestInit = {}) =>
  fetch(`${base}${path}`, {
    ...init,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
  })

/** Asks until it is refused, which may be in the next minute; what was let through first, and the refusal. */
async function untilRefused(once: () => Promise<Response>): Promise<[Response, Response]> {
  const first = await once()
  let last = first
  for (let n = 1; n <= 2 * most && last.status !== 429; n++) last = await once()
  return [first, last]
}

function assertTold([first, last]: [Response, Response], name: string): void {
  assert.equal(first.headers.get('ratelimit-policy'), `"${name}";q=${most};w=60`)
  assert.match(first.headers.get('ratelimit') ?? '', new RegExp(`^"${name}";r=[012];t=\\d{1,2}$`))
  assert.equal(last.status, 429)
  const seconds = last.headers.get('retry-after') ?? ''
  assert.ok(Number(seconds) >= 1 && Number(seconds) <= 60, seconds)
  assert.equal(last.headers.get('ratelimit'), `"${name}";r=0;t=${seconds}`)
}

test('TM403 REST, in PostgREST’s form', async () => {
  const token = await listener('rest')
  const asked = await untilRefused(() => ask('/api/v1/sensor', token))
  assertTold(asked, 'token-read')
  assert.equal(asked[0].status, 200)
  const body = (await asked[1].json()) as Record<string, unknown>
  assert.deepEqual([body.code, body.message], ['TM403', 'This token has 3 reads a minute.'])
  // Writing is counted for itself: it is refused for another reason.
  assert.equal((await ask('/api/v1/sensor', token, { method: 'POST', body: '{}' })).status, 403)
})

test('TM403 what writes by REST', async () => {
  const token = await listener('writer')
  assertTold(await untilRefused(() => ask('/api/v1/sensor', token, { method: 'POST', body: '{}' })), 'token-write')
})

test('TM403 GraphQL', async () => {
  const token = await listener('graphql')
  const body = JSON.stringify({ query: '{ __typename }' })
  const asked = await untilRefused(() =>
    ask('/graphql', token, { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
  )
  assertTold(asked, 'token-read')
  const { errors } = (await asked[1].json()) as { errors: { extensions: { code: string } }[] }
  assert.equal(errors[0]?.extensions.code, 'TM403')
})

test('TM403 operations over a GraphQL socket are reads too', async () => {
  const client = createClient({
    url: `${base.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    // One socket for all of them.
    lazy: false,
    connectionParams: { authorization: `Bearer ${await listener('graphql-socket')}` },
  })
  const codes: unknown[] = []
  for (let n = 0; n <= 2 * most && codes.length === 0; n++) {
    const once = client.iterate({ query: '{ __typename }' })
    await once.next().catch((e: unknown) => codes.push((e as { extensions: { code: string } }[])[0]?.extensions.code))
    await once.return?.()
  }
  await client.dispose()
  assert.deepEqual(codes, ['TM403'])
})

test('TM403 documents', async () => {
  const token = await listener('documents')
  assertTold(await untilRefused(() => ask('/api/openapi.json', token)), 'token-read')
})

for (const [name, path, init] of [
  ['readings', '/api/in/sensor/t', { body: '{"n": 1}' }],
  ['line-protocol', '/api/v2/write?bucket=b', { body: 'sensor,target=t n=1' }],
] as const)
  test(`TM403 ingest: ${name}`, async () => {
    const token = await speaker(name)
    const asked = await untilRefused(() => ask(path, token, { method: 'POST', ...init }))
    assertTold(asked, 'token-ingest')
    assert.ok(asked[0].ok)
  })

test('TM403 ingest: ThingsBoard’s firmware', async () => {
  const token = await speaker('firmware')
  const asked = await untilRefused(() => ask(`/api/v1/${token}/telemetry`, null, { method: 'POST', body: '{"n": 1}' }))
  assertTold(asked, 'token-ingest')
})

interface Opened {
  ws: WebSocket
  status: number
  headers: Headers
}

async function open(token: string): Promise<Opened> {
  const ws = new WebSocket(`${base.replace('http', 'ws')}/tmi/ws`, { headers: { authorization: `Bearer ${token}` } })
  ws.on('error', () => {})
  return await new Promise((resolve) => {
    ws.on('open', () => resolve({ ws, status: 101, headers: new Headers() }))
    ws.on('unexpected-response', (_req, res) => {
      res.resume()
      resolve({ ws, status: res.statusCode ?? 0, headers: new Headers(res.headers as Record<string, string>) })
    })
  })
}

test('TM403 sockets that are opened', async () => {
  const token = await listener('live')
  let last = await open(token)
  assert.equal(last.status, 101)
  for (let n = 1; n <= 2 * most && last.status === 101; n++) {
    last.ws.close()
    await new Promise((resolve) => last.ws.on('close', resolve))
    last = await open(token)
  }
  assert.equal(last.status, 429)
  assert.equal(last.headers.get('ratelimit'), `"token-live";r=0;t=${last.headers.get('retry-after')}`)
})

test('TM400 a token has so many sockets at once, and another one when one of them is gone', async () => {
  const token = await listener('many')
  await db.query(`select tmidb.set_rate_limit('user', 'live', 0), tmidb.set_rate_limit('token', 'live', 0)`)
  await sleep(300)
  const [one, two, three] = await Promise.all([open(token), open(token), open(token)])
  assert.deepEqual([one, two, three].map((o) => o?.status).sort(), [101, 101, 429])
  const held = [one, two, three].find((o) => o?.status === 101) as Opened
  const closed = new Promise((resolve) => held.ws.on('close', resolve))
  held.ws.close()
  await closed
  let again = await open(token)
  for (let n = 0; again.status === 429 && n < 100; n++, again = await open(token)) await sleep(10)
  assert.equal(again.status, 101)
  // Others' are not touched by that.
  assert.equal((await open(await listener('other'))).status, 101)
})

test('who has no valid token is counted by address, whatever X-Forwarded-For says', async () => {
  await db.query(`select tmidb.set_rate_limit('address', 'anonymous', $1)`, [most])
  await sleep(300)
  let n = 0
  const forged = () => ask('/api/v1/sensor', n % 2 ? null : 'wrong', { headers: { 'x-forwarded-for': `203.0.113.${++n}` } })
  const asked = await untilRefused(forged)
  assert.equal(asked[0].status, 401)
  assert.equal(asked[1].status, 429)
  // Who has a token comes in beside them.
  assert.equal((await ask('/api/v1/sensor', await listener('neighbour'))).status, 200)
  // From a proxy that is trusted each one is itself.
  trustProxies(readProxies('127.0.0.1'))
  try {
    for (let i = 0; i < 2 * most; i++) assert.equal((await forged()).status, 401)
  } finally {
    trustProxies(null)
  }
})

test('a limit that an administrator changes holds within a second', async () => {
  const token = await listener('changed')
  await untilRefused(() => ask('/api/v1/sensor', token))
  await db.query(
    `select tmidb.set_rate_limit('user', 'read', 0, 'listener:changed'), tmidb.set_rate_limit('token', 'read', 1000)`,
  )
  await sleep(1000)
  assert.equal((await ask('/api/v1/sensor', token)).status, 200)
})
