// SPDX-License-Identifier: MIT
// The plain WebSockets: what is said wrong is answered, what is not allowed is not opened, and nothing of a client stays behind.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { sleep } from '../../src/base/retry.ts'
import { type Access, openAccess } from '../../src/db/access.ts'
import { type Hub, openHub } from '../../src/live/hub.ts'
import { type LiveSockets, openLiveSockets } from '../../src/live/ws.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

type Message = { type: string; [key: string]: unknown }

let db: TestDatabase
let access: Access
let hub: Hub
let sockets: LiveSockets
let port = 0
const tokens = { reader: '', speaker: '' }
const server = createServer()

before(async () => {
  db = await testDatabase()
  const token = async (sql: string) => (await db.query<{ t: string }>(`select ${sql} as t`))[0]?.t ?? ''
  tokens.reader = await token(`tmidb.create_listener('reader')`)
  tokens.speaker = await token(`tmidb.create_speaker('speaker')`)
  await db.query(`select tmidb.subscribe('reader', null)`)
  access = await openAccess(db.url('tmidb_api'))
  hub = await openHub(db.url('tmidb_api'), access)
  sockets = openLiveSockets({ hub, access })
  server.on('upgrade', (req, socket, head) => {
    if (!sockets.upgrade(req, socket, head)) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
after(async () => {
  await sockets[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
  await hub[Symbol.asyncDispose]()
  await access[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

function open(path: string, token: string | null = tokens.reader) {
  const ws = new WebSocket(
    `ws://127.0.0.1:${port}${path}`,
    token === null ? {} : { headers: { authorization: `Bearer ${token}` } },
  )
  const seen: Message[] = []
  const closed = Promise.withResolvers<number>()
  ws.on('error', () => {})
  ws.on('message', (data) => seen.push(JSON.parse(String(data)) as Message))
  ws.on('close', (code) => closed.resolve(code))
  ws.on('unexpected-response', (_req, res) => {
    closed.resolve(res.statusCode ?? 0)
    ws.terminate()
  })
  const say = async (message: unknown) => {
    while (ws.readyState === ws.CONNECTING) await sleep(5)
    ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }
  const types = () => seen.map((m) => m.type)
  return { ws, seen, say, types, closed: closed.promise }
}
async function until(done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i++) {
    assert.ok(i < 500, 'not within 5 s')
    await sleep(10)
  }
}
const write = (n: number, target = 't') => db.query(`select tmidb.ingest('sensor', $1, $2)`, [target, { n }])

test('TM100, TM101 and TM102 are answered before the upgrade', async () => {
  assert.equal(await open('/tmi/ws', null).closed, 401)
  assert.equal(await open('/tmi/ws', 'tmi_listener_x').closed, 401)
  assert.equal(await open('/tmi/ws', tokens.speaker).closed, 403)
  assert.equal(await open('/ws/another').closed, 403)
  assert.equal(await open('/ws/').closed, 403)
  assert.equal(await open('/tmi/other').closed, 404)
})

test('an address that cannot be read is refused, and the process lives on', async () => {
  for (const path of ['//', '/ws/%E0%A4%A', '/\\', 'http://[', '*', '/ws/reader?since=%']) {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('data', (d) => {
        resolve(String(d).split('\r\n', 1)[0] ?? '')
        socket.destroy()
      })
      socket.on('close', () => resolve('closed'))
      socket.on('error', () => resolve('closed'))
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${tokens.reader}\r\n\r\n`,
      )
    })
    assert.match(answer, path.startsWith('/ws/reader') ? /^HTTP\/1.1 101/ : /^HTTP\/1.1 40[034]/, path)
  }
})

test('the token may be in the address, for browsers', async () => {
  const socket = open(`/ws/reader?token=${tokens.reader}`, null)
  await until(() => socket.types().includes('ready'))
  socket.ws.close()
})

test('TM303 answers what cannot be understood, and the socket stays', async () => {
  const socket = open('/tmi/ws')
  const wrong = [
    '',
    'hello',
    '[]',
    'null',
    '5',
    '{}',
    '{"type":"event"}',
    '{"type":"subscribe","targets":"t"}',
    '{"type":"subscribe","targets":[1]}',
    '{"type":"subscribe","category":7}',
    '{"type":"subscribe","since":{}}',
    '{"type":"subscribe","id":1}',
    Buffer.from([0xc3, 0x28]),
  ]
  for (const message of wrong) await socket.say(message)
  await until(() => socket.seen.length >= wrong.length || socket.ws.readyState !== socket.ws.OPEN)
  assert.deepEqual(
    socket.seen.map((m) => [m.type, m.code]),
    wrong.map(() => ['error', 'TM303']),
  )
  await socket.say({ type: 'subscribe' })
  await until(() => socket.types().at(-1) === 'ready')
  socket.ws.close()
})

test('what is wrong with a message is named, and its id comes back', async () => {
  const socket = open('/tmi/ws')
  await socket.say({ type: 'subscribe', id: '5', targets: 'truck-1' })
  await socket.say({ type: 'subscribe', id: '6', category: 7 })
  await socket.say({ type: 'listen', id: '7' })
  await until(() => socket.seen.length >= 3)
  assert.deepEqual(
    socket.seen.map((m) => [m.id, /"\w+"/.exec(String(m.message))?.[0]]),
    [
      ['5', '"targets"'],
      ['6', '"category"'],
      ['7', '"type"'],
    ],
  )
  socket.ws.close()
})

test('TM304 answers a cursor that cannot be used', async () => {
  const socket = open('/tmi/ws')
  await socket.say({ type: 'subscribe', id: 'x', since: 'yesterday' })
  const named = open('/ws/reader?since=yesterday')
  await until(() => socket.seen.length === 1 && named.seen.length === 1)
  assert.deepEqual([socket.seen[0]?.type, socket.seen[0]?.id, socket.seen[0]?.code], ['error', 'x', 'TM304'])
  assert.deepEqual([named.seen[0]?.type, named.seen[0]?.code], ['error', 'TM304'])
  for (const s of [socket, named]) s.ws.close()
})

test('several subscriptions of one socket are told apart by their ids', async () => {
  const socket = open('/tmi/ws')
  await socket.say({ type: 'subscribe', id: 'one', targets: ['one'] })
  await socket.say({ type: 'subscribe', id: 'all' })
  await socket.say({ type: 'subscribe', id: 'all' })
  await until(() => socket.seen.length === 3)
  assert.deepEqual(
    socket.seen.map((m) => [m.type, m.id]),
    [
      ['ready', 'one'],
      ['ready', 'all'],
      ['error', 'all'],
    ],
  )
  await write(1, 'one')
  await write(2, 'two')
  await until(() => socket.seen.length === 6)
  assert.deepEqual(
    socket.seen
      .slice(3)
      .map((m) => [m.id, m.target])
      .sort(),
    [
      ['all', 'one'],
      ['all', 'two'],
      ['one', 'one'],
    ],
  )
  await socket.say({ type: 'unsubscribe', id: 'all' })
  await until(() => socket.types().at(-1) === 'unsubscribed')
  await write(3, 'one')
  await until(() => socket.seen.length === 8)
  assert.deepEqual([socket.seen[7]?.id, socket.seen[7]?.target], ['one', 'one'])
  socket.ws.close()
})

test('messages are followed in their order, however fast they come, and a closed socket leaves nothing behind', async () => {
  await until(() => hub.status().listeners === 0)
  const socket = open('/tmi/ws')
  for (let i = 0; i < 5; i++) {
    void socket.say({ type: 'subscribe' })
    void socket.say({ type: 'unsubscribe' })
  }
  for (let i = 0; i < 5; i++) void socket.say({ type: 'subscribe' })
  await until(() => socket.seen.length === 15)
  assert.deepEqual(socket.types(), [...Array(5).fill(['ready', 'unsubscribed']).flat(), 'ready', ...Array(4).fill('error')])
  assert.equal(hub.status().listeners, 1)
  await write(4)
  await until(() => socket.types().includes('event'))
  await sleep(50)
  assert.equal(socket.types().filter((t) => t === 'event').length, 1)
  socket.ws.close()
  await until(() => hub.status().listeners === 0)
})

test('a message over 1 MB closes the socket', async () => {
  const socket = open('/tmi/ws')
  await socket.say('x'.repeat(1024 * 1024 + 1))
  assert.equal(await socket.closed, 1009)
})

test('a socket that is closed while it subscribes leaves nothing behind', async () => {
  for (let i = 0; i < 20; i++) {
    const socket = open('/ws/reader')
    socket.ws.once('open', () => (i % 2 ? socket.ws.terminate() : socket.ws.close()))
    await socket.closed
  }
  await until(() => hub.status().listeners === 0)
})

test('a member sees what its role was granted; a socket that waits is closed too when its token is revoked', async () => {
  await db.query(
    `select tmidb.create_role('crew'), tmidb.create_account('kim', null, 'crew'), tmidb.grant_access('role:crew', p_targets => '{mine}')`,
  )
  const [row] = await db.query<{ t: string }>(`select tmidb.create_token('user', 'kim') as t`)
  const token = row?.t ?? ''
  assert.equal(await open('/ws/kim', token).closed, 403, 'that is an address of listeners')
  const [busy, idle] = [open('/tmi/ws', token), open('/tmi/ws', token)]
  await busy.say({ type: 'subscribe' })
  await idle.say({ type: 'unsubscribe' })
  await until(() => busy.types().includes('ready') && idle.seen.length === 1)
  await write(1, 'other')
  await write(2, 'mine')
  await until(() => busy.types().includes('event'))
  assert.deepEqual(
    busy.seen.filter((m) => m.type === 'event').map((m) => m.target),
    ['mine'],
  )
  await db.query('select tmidb.revoke_token($1)', [token])
  assert.deepEqual(await Promise.all([busy.closed, idle.closed]), [4401, 4401])
  assert.equal(idle.seen.at(-1)?.type, 'revoked')
})
