// SPDX-License-Identifier: MIT
// Readings by WebSocket: every message is answered, in order, after it is on disk; the verdict is HTTP's.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import NodeSocket from 'ws'
import { sleep } from '../../src/base/retry.ts'
import { type Door, openDoor, told } from './door.ts'

type Message = { type: string; seq?: number; mid?: unknown; [key: string]: unknown }

let door: Door

before(async () => {
  door = await openDoor()
})
after(async () => await door?.[Symbol.asyncDispose]())
afterEach(() => {
  door.before = null
  door.rows()
})

interface Client {
  ws: NodeSocket
  seen: Message[]
  raw: string[]
  say(message: unknown): void
  /** The n-th answer, counted from 1; "ready" is none. */
  answer(n?: number): Promise<Message>
  closed: Promise<number>
}

const open_: NodeSocket[] = []
after(() => {
  for (const ws of open_) ws.terminate()
})

function open(path: string, token: string | null = door.tokens.any): Client {
  const ws = new NodeSocket(
    `${door.base.replace('http', 'ws')}${path}`,
    token === null ? {} : { headers: { authorization: `Bearer ${token}` } },
  )
  open_.push(ws)
  const raw: string[] = []
  const seen: Message[] = []
  const closed = Promise.withResolvers<number>()
  ws.on('error', () => {})
  ws.on('message', (data) => {
    raw.push(String(data))
    seen.push(JSON.parse(String(data)) as Message)
  })
  ws.on('close', (code) => closed.resolve(code))
  ws.on('unexpected-response', (_req, res) => {
    closed.resolve(res.statusCode ?? 0)
    ws.terminate()
  })
  return {
    ws,
    seen,
    raw,
    say(message) {
      const bytes = typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)
      if (ws.readyState === ws.CONNECTING) ws.once('open', () => ws.send(bytes))
      else ws.send(bytes)
    },
    async answer(n = 1) {
      await until(() => seen.filter((m) => m.type !== 'ready').length >= n)
      return seen.filter((m) => m.type !== 'ready')[n - 1] as Message
    },
    closed: closed.promise,
  }
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i++) {
    assert.ok(i < 1000, 'not within 5 s')
    await sleep(5)
  }
}

test('a reading and a batch name their category, and each is acknowledged by its mid', async () => {
  const c = open('/ws/in')
  c.say('{"category":"sensor","target":"t1","mid":"a-1","n":12345678901234567890}')
  c.say(
    '{"mid":12345678901234567890,"target":"t2","category":"log","readings":[{"a":1},{"a":1e400},{"target":"own","data":{"b":2}}]}',
  )
  assert.deepEqual(await c.answer(1), { type: 'ack', mid: 'a-1', seq: 1, accepted: 1, rejected: [] })
  const batch = await c.answer(2)
  assert.deepEqual(
    [batch.type, batch.accepted, (batch.rejected as { index: number; code: string }[]).map((r) => [r.index, r.code])],
    ['ack', 2, [[1, 'TM207']]],
  )
  assert.match(c.raw.at(-1) ?? '', /^\{"type":"ack","mid":12345678901234567890,"seq":2,/, 'the id goes back as it came')
  const rows = door.rows()
  assert.deepEqual(
    told(rows).map(([category, target, payload]) => [category, target, payload.replaceAll(' ', '')]),
    [
      ['sensor', 't1', '{"n":12345678901234567890}'],
      ['log', 't2', '{"a":1}'],
      ['log', 'own', '{"b":2}'],
    ],
  )
  assert.deepEqual(
    rows.map((r) => r.mid),
    ['a-1', '12345678901234567890#0', '12345678901234567890#2'],
  )
})

test('with the category in the address a message is what HTTP takes', async () => {
  const c = open('/ws/in/sensor/a%2Fb%20%C3%A9')
  c.say('{"a":1}')
  c.say('[{"a":2},{"target":"own","a":3}]')
  c.say('{"category":"x","readings":[1]}')
  await c.answer(3)
  assert.deepEqual(told(door.rows()), [
    ['sensor', 'a/b é', '{"a":1}'],
    ['sensor', 'a/b é', '{"a":2}'],
    ['sensor', 'own', '{"a":3}'],
    ['sensor', 'a/b é', '{"category":"x","readings":[1]}'],
  ])
  const d = open('/ws/in/sensor', door.tokens.bound)
  d.say('{"a":4}')
  assert.equal((await d.answer()).type, 'ack')
  assert.deepEqual(told(door.rows()), [['sensor', 'truck-17', '{"a":4}']])
})

test('answers come in the order of the messages, and only after the publish', async () => {
  const release = Promise.withResolvers<void>()
  let first = true
  door.before = async () => {
    if (!first) return
    first = false
    await release.promise
  }
  const c = open('/ws/in/s/t')
  for (let n = 1; n <= 5; n++) c.say(n === 3 ? 'no json' : { n })
  await until(() => c.seen.length === 1)
  await sleep(100)
  assert.deepEqual(
    c.seen.map((m) => m.type),
    ['ready'],
  )
  release.resolve()
  await c.answer(5)
  assert.deepEqual(
    c.seen.slice(1).map((m) => [m.seq, m.type, m.code]),
    [
      [1, 'ack', undefined],
      [2, 'ack', undefined],
      [3, 'error', 'TM201'],
      [4, 'ack', undefined],
      [5, 'ack', undefined],
    ],
  )
})

test('a sender with too much under way is not read until it is answered', async () => {
  const release = Promise.withResolvers<void>()
  door.before = () => release.promise
  const c = open('/ws/in/s/t')
  await until(() => c.seen.length === 1)
  const body = JSON.stringify({ filler: 'x'.repeat(60_000), filler2: 'x'.repeat(60_000) })
  for (let n = 0; n < 400; n++) c.ws.send(body) // 48 MB
  await sleep(500)
  const stuck = c.ws.bufferedAmount
  assert.ok(stuck > 20 * 1024 * 1024, `${stuck} bytes have to wait at the sender`)
  await sleep(200)
  assert.equal(c.ws.bufferedAmount, stuck)
  release.resolve()
  await c.answer(400)
  assert.equal(c.ws.bufferedAmount, 0)
  assert.deepEqual(
    c.seen.filter((m) => m.type === 'ack').map((m) => m.seq),
    Array.from({ length: 400 }, (_, i) => i + 1),
  )
  assert.equal(door.rows().length, 400)
})

test('many small messages at once are all taken, in their order', async () => {
  const c = open('/ws/in/s/t')
  await until(() => c.seen.length === 1)
  for (let n = 0; n < 20_000; n++) c.ws.send(`{"n":${n}}`)
  await c.answer(20_000)
  assert.deepEqual(
    door.rows().map((r) => Buffer.from(r.payload).toString()),
    Array.from({ length: 20_000 }, (_, n) => `{"n":${n}}`),
  )
})

test('TM100, TM101, TM102 and TM303 are answered before the upgrade', async () => {
  assert.equal(await open('/ws/in?token=tmi_speaker_x', null).closed, 401)
  assert.equal(await open('/ws/in', door.tokens.listener).closed, 403)
  assert.equal(await open('/ws/in/%E0%A4%A').closed, 400)
  assert.equal(await open('/elsewhere').closed, 404)
})

test('a browser gives its token in the address or in the first message; Node’s own WebSocket does both', async () => {
  for (const path of [`/ws/in/s/t?token=${door.tokens.any}`, '/ws/in/s/t']) {
    const ws = new WebSocket(`${door.base.replace('http', 'ws')}${path}`)
    const seen: Message[] = []
    ws.addEventListener('message', (e) => seen.push(JSON.parse(String(e.data)) as Message))
    await new Promise((resolve) => ws.addEventListener('open', resolve))
    if (!path.includes('token')) {
      ws.send(JSON.stringify({ type: 'auth', token: door.tokens.any }))
      ws.send('{"early":true}') // without waiting for "ready"
    }
    ws.send('{"a":1}')
    await until(() => seen.some((m) => m.seq === (path.includes('token') ? 1 : 2)))
    assert.deepEqual(seen[0], { type: 'ready', speaker: 'any' })
    ws.close()
  }
  assert.deepEqual(
    told(door.rows()).map(([, , p]) => p),
    ['{"a":1}', '{"early":true}', '{"a":1}'],
  )
})

test('TM100 and TM101 end a socket that sends before its token, sends a wrong one, or none for too long', async () => {
  for (const [first, code] of [
    ['{"category":"s","target":"t","a":1}', 'TM100'],
    ['{"type":"auth","token":"tmi_speaker_x"}', 'TM101'],
    [`{"type":"auth","token":"${door.tokens.listener}"}`, 'TM102'],
  ] as const) {
    const c = open('/ws/in', null)
    c.say(first)
    c.say('{"category":"s","target":"t","a":2}')
    assert.equal((await c.answer()).code, code)
    assert.equal(await c.closed, 4401)
  }
  const silent = open('/ws/in', null)
  assert.equal(await silent.closed, 4401)
  assert.equal(silent.seen[0]?.code, 'TM100')
  assert.deepEqual(door.rows(), [])
})

test('a stranger cannot make the server keep much', async () => {
  const c = open('/ws/in', null)
  await new Promise((resolve) => c.ws.once('open', resolve))
  c.ws.send(Buffer.alloc(9 * 1024 * 1024, 0x20))
  assert.equal(await c.closed, 1006)
})

test('a token never becomes a reading: auth on an open socket changes who speaks', async () => {
  const c = open('/ws/in/s')
  c.say('{"target":"t","a":1}')
  c.say({ type: 'auth', token: door.tokens.bound })
  c.say('{"a":2}')
  await c.answer(2)
  assert.deepEqual(told(door.rows()), [
    ['s', 't', '{"a":1}'],
    ['s', 'truck-17', '{"a":2}'],
  ])
  c.say('{"type":"auth","value":7}')
  await c.answer(3)
  assert.deepEqual(told(door.rows()), [['s', 'truck-17', '{"type":"auth","value":7}']])
})

test('a revoked token closes its sockets within a second, what it sent before is answered', async () => {
  const [row] = await door.db.query<{ t: string }>(`select tmidb.create_speaker('leaving') as t`)
  const byHeader = open('/ws/in/s/t', row?.t)
  const byMessage = open('/ws/in/s/t', null)
  byMessage.say({ type: 'auth', token: row?.t })
  const other = open('/ws/in/s/t')
  for (const c of [byHeader, byMessage, other]) c.say('{"a":1}')
  for (const c of [byHeader, byMessage, other]) await c.answer()
  const t0 = Date.now()
  await door.db.query(`select tmidb.revoke_token($1)`, [row?.t])
  assert.equal(await byHeader.closed, 4401)
  assert.equal(await byMessage.closed, 4401)
  assert.ok(Date.now() - t0 < 1000)
  assert.deepEqual([byHeader.seen.at(-1)?.type, byHeader.seen.at(-1)?.code], ['revoked', 'TM101'])
  other.say('{"a":2}')
  assert.equal((await other.answer(2)).type, 'ack')
})

test('TM103 a speaker that may not create writes only what is there, in its order', async () => {
  await door.db.query(`select tmidb.ingest('known', 'there', '{"a": 0}')`)
  const c = open('/ws/in/known', door.tokens.strict)
  c.say('{"target":"there","a":1}')
  c.say('{"target":"new","a":2}')
  c.say('{"target":"there","a":3}')
  await c.answer(3)
  assert.deepEqual(
    c.seen.slice(1).map((m) => m.code ?? m.type),
    ['ack', 'TM103', 'ack'],
  )
  assert.deepEqual(
    told(door.rows()).map(([, , p]) => p),
    ['{"target":"there","a":1}', '{"target":"there","a":3}'].map((p) => p.replace('"target":"there",', '')),
  )
})

const s = (more: string) => `{"category":"s","target":"t",${more}}`
const bad: [what: string, code: string, message: string | Buffer][] = [
  ['nothing', 'TM201', ''],
  ['no JSON', 'TM201', '{"category":"s"'],
  ['JSON and more', 'TM201', `${s('"a":1')} x`],
  [
    'no UTF-8',
    'TM209',
    Buffer.concat([Buffer.from('{"category":"s","target":"t","a":"'), Buffer.from([0xff]), Buffer.from('"}')]),
  ],
  ['no UTF-8 and no JSON', 'TM209', Buffer.from([0x7b, 0xff])],
  ['an array', 'TM202', '[{"category":"s"}]'],
  ['a number', 'TM202', '5'],
  ['no category', 'TM104', '{"target":"t","a":1}'],
  ['a category that is a number', 'TM104', '{"category":5,"target":"t","a":1}'],
  ['a category in capitals', 'TM104', '{"category":"S","target":"t","a":1}'],
  ['a category that is half a character', 'TM104', '{"category":"\\ud800","target":"t"}'],
  ['two categories', 'TM210', '{"category":"s","category":"t","target":"t","a":1}'],
  ['two categories, one in escapes', 'TM210', '{"category":"s","categor\\u0079":"t","target":"t","a":1}'],
  ['readings that are no array', 'TM202', s('"readings":{}')],
  ['keys beside readings', 'TM215', s('"readings":[],"ts":5')],
  ['readings twice', 'TM210', s('"readings":[],"readings":[]')],
  ['a target that is an object', 'TM105', '{"category":"s","target":{},"readings":[]}'],
  ['a target that is true', 'TM105', '{"category":"s","target":true,"readings":[]}'],
  ['an empty mid', 'TM214', s('"mid":"","readings":[]')],
  ['a mid of 121 bytes', 'TM214', s(`"mid":"${'x'.repeat(121)}","readings":[]`)],
  ['a mid that is an object', 'TM214', s('"mid":{},"a":1')],
  ['no target', 'TM213', '{"category":"s","a":1}'],
  ['U+0000', 'TM208', s('"a":"\\u0000"')],
  ['100,000 levels', 'TM203', s(`"a":${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
  ['100,000 open brackets', 'TM201', s(`"a":${'['.repeat(100_000)}`)],
  [
    'a reading of over 1 MB',
    'TM212',
    s(
      `"a":[${Array(20)
        .fill(`"${'x'.repeat(60_000)}"`)
        .join(',')}]`,
    ),
  ],
]
for (const [what, code, message] of bad) {
  test(`${code} ${what} is answered and the socket lives on`, async () => {
    const c = open('/ws/in')
    c.say(message)
    const answer = await c.answer()
    assert.deepEqual([answer.type, answer.code, answer.seq], ['error', code, 1])
    assert.ok(String(answer.hint).length > 5)
    c.say(s('"a":1'))
    assert.equal((await c.answer(2)).type, 'ack')
  })
}

test('a frame of over 10 MB is closed with 1009, one that is no WebSocket frame with 1002', async () => {
  const large = open('/ws/in/s/t')
  large.say(Buffer.alloc(10 * 1024 * 1024 + 1, 0x20))
  assert.equal(await large.closed, 1009)
  const broken = open('/ws/in/s/t')
  await until(() => broken.seen.length === 1)
  ;(broken.ws as unknown as { _socket: { write(b: Buffer): void } })._socket.write(Buffer.from([0xff, 0xff, 0, 0]))
  assert.equal(await broken.closed, 1002)
})

/** The same bytes by HTTP and by each form of WebSocket: what is kept and what is said. */
const hostile: (string | Buffer)[] = [
  '{}',
  ' {"a":1} ',
  '\ufeff{"a":1}',
  '{"a":12345678901234567890}',
  `{"a":${'9'.repeat(39)}}`,
  '{"a":1e400}',
  '{"a":-0}',
  '{"a":0.1000000000000000055511151231257827021181583404541015625}',
  '{"a":1,"a":2}',
  '{"a":{"b":1,"b":2}}',
  '{"__proto__":{"x":1}}',
  '{"type":"auth"}',
  '{"readings_":[1]}',
  '{"":1}',
  '{"a":"\\ud83d\\ude00","b":"\\u0000"}',
  '{"a":"\\ud800"}',
  '{"a":NaN}',
  '{"a":1,}',
  '{"a":01}',
  '{a:1}',
  "{'a':1}",
  '{"a":1}{"a":2}',
  '{"ts":"yesterday","a":1}',
  '{"ts":"2026-01-01T00:00:00Z","a":1}',
  '{"ts":1750000000,"a":1}',
  '{"target":"own","a":1}',
  '{"target":"","a":1}',
  '{"target":"a\\nb","a":1}',
  '{"target":17,"a":1}',
  '{"mid":"","a":1}',
  '{"mid":"x","data":{"ts":5,"target":6}}',
  '{"data":{"a":1},"b":2}',
  '{"data":[1]}',
  `{"a":"${'x'.repeat(65_537)}"}`,
  `{"${'k'.repeat(257)}":1}`,
  `${'{"a":'.repeat(32)}{}${'}'.repeat(32)}`,
  JSON.stringify(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, i]))),
  '{"rtl":"שלום \u202e abc","=1+1":"=cmd()"}',
  '{\n\t"a" :\r 1 , "b":\t[ 1 , 2 ]\n}',
  Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3]), Buffer.from('"}')]),
  '{"a":1',
]
for (const body of hostile) {
  const shown = body.toString().slice(0, 60)
  test(`HTTP and WebSocket give one verdict on ${JSON.stringify(shown)}`, async () => {
    const bytes = Buffer.from(body)
    const response = await fetch(`${door.base}/api/in/s/t`, {
      method: 'POST',
      headers: { authorization: `Bearer ${door.tokens.any}` },
      body: bytes,
    })
    const answer = (await response.json()) as Message
    const expected = [answer.accepted ?? 0, answer.code, kept()]

    const path = open('/ws/in/s/t')
    path.say(bytes)
    const byPath = await path.answer()
    assert.deepEqual([byPath.accepted ?? 0, byPath.code, kept()], expected)
    if (byPath.type === 'error') assert.equal(byPath.message, answer.detail)

    // In front and behind; the target goes into the reading too, unless it has its own.
    const own = bytes.includes('"target"') && !bytes.includes('"data"') ? '' : ',"target":"t"'
    const at = bytes.indexOf('{')
    const isEmpty = /^\{\s*\}$/.test(bytes.toString().trim())
    const front = Buffer.concat([
      bytes.subarray(0, at + 1),
      Buffer.from(`"category":"s"${own}${isEmpty ? '' : ','}`),
      bytes.subarray(at + 1),
    ])
    const end = bytes.lastIndexOf('}')
    const behind =
      end < 0 || at === end || !isWhole(bytes)
        ? front
        : Buffer.concat([
            bytes.subarray(0, end),
            Buffer.from(`${isEmpty ? '' : ','}"categor\\u0079" : "s"${own}`),
            bytes.subarray(end),
          ])
    for (const message of [
      front,
      behind,
      Buffer.concat([Buffer.from('{"category":"s","target":"t","readings":['), bytes, Buffer.from(']}')]),
    ]) {
      const c = open('/ws/in')
      c.say(message)
      const { accepted = 0, code } = await c.answer()
      const got = kept()
      // A byte order mark or a second reading cannot stand inside an array.
      if (message !== front && message !== behind && !isWhole(bytes)) assert.equal(code === undefined, false)
      else assert.deepEqual([accepted, code, got], expected, message.toString().slice(0, 120))
    }
  })
}

function isWhole(body: Buffer): boolean {
  try {
    JSON.parse(body.toString())
    return true
  } catch {
    return false
  }
}

/** Targets, times where they were given, ids, and the payloads as PostgreSQL would compare them: without the spaces between. */
function kept() {
  return door.rows().map((r) => {
    const payload = Buffer.from(r.payload).toString()
    return [
      r.target,
      r.ts < 1.77e15 ? r.ts : 'now',
      r.mid,
      r.sig,
      payload.length > 1000 ? payload.trim() : payload.replace(/\s+/g, ''),
    ]
  })
}

test('at the end what is under way is answered, then 1001', async () => {
  const release = Promise.withResolvers<void>()
  door.before = () => release.promise
  const c = open('/ws/in/s/t')
  c.say('{"last":1}')
  await until(() => c.seen.length === 1)
  await sleep(50)
  const ended = door.endSockets()
  await sleep(50)
  c.say('{"too":"late"}')
  await sleep(50)
  release.resolve()
  await ended
  assert.equal(await c.closed, 1001)
  assert.deepEqual(
    c.seen.map((m) => [m.type, m.seq]),
    [
      ['ready', undefined],
      ['ack', 1],
    ],
  )
  assert.deepEqual(told(door.rows()), [['s', 't', '{"last":1}']])
})
