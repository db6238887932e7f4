// SPDX-License-Identifier: MIT
// Each class of bad input gets its error by HTTP and its verdict by MQTT, and the processes live on.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { MqttClient } from 'mqtt'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'
import { type Doors, type Json, openDoors, until } from './doors.ts'

let instance: Instance
let doors: Doors
let admin: <T = Json>(text: string, values?: unknown[]) => Promise<T[]>
let device: MqttClient
let pids: (number | null)[]
const verdicts: Json[] = []

before(async () => {
  instance = await startInstance()
  doors = openDoors(instance.connection)
  admin = adminQuery(instance.connection.postgres) as typeof admin
  pids = (await instance.units()).map((u) => u.pid)
  device = await doors.device(instance.connection.speaker.token)
  device.on('message', (_topic, payload) => verdicts.push(JSON.parse(String(payload)) as Json))
  await device.subscribeAsync('tmi/verdict')
})
after(async () => {
  await doors?.close()
  await instance?.[Symbol.asyncDispose]()
})

const deep = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`
const keys = (count: number) => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])))
const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((p) => Buffer.from(p as string)))

/** What the gate refuses: the same by every door. */
const refused: [what: string, status: number, code: string, body: string | Buffer][] = [
  ['no JSON', 400, 'TM201', '{"a":1'],
  ['nothing', 400, 'TM201', ''],
  ['NaN', 400, 'TM201', '{"a":NaN}'],
  ['a number', 400, 'TM202', '5'],
  ['data that is no object', 400, 'TM202', '{"data":[1]}'],
  ['33 levels', 400, 'TM203', deep(33)],
  ['100,000 levels', 400, 'TM203', deep(100_000)],
  ['1,001 keys', 400, 'TM204', keys(1001)],
  ['a key of 257 bytes', 400, 'TM205', `{"${'k'.repeat(257)}":1}`],
  ['a string of 64 kB and a byte', 400, 'TM206', `{"a":"${'x'.repeat(65_537)}"}`],
  ['a number beyond float64', 400, 'TM207', '{"a":1e400}'],
  ['an integer of 39 digits', 400, 'TM207', `{"a":${'9'.repeat(39)}}`],
  ['an escaped U+0000', 400, 'TM208', '{"a":"\\u0000"}'],
  ['U+0000 in a key', 400, 'TM208', '{"\\u0000":1}'],
  ['a lone surrogate', 400, 'TM209', '{"a":"\\ud800"}'],
  ['bytes that are no UTF-8', 400, 'TM209', bytes('{"a":"', [0xff, 0xfe], '"}')],
  ['a duplicate key', 400, 'TM210', '{"a":1,"a":2}'],
  ['a duplicate key deep inside', 400, 'TM210', '{"a":[{"b":1,"b":2}]}'],
  ['a time that is none', 400, 'TM211', '{"ts":"yesterday","a":1}'],
  ['a time without a zone', 400, 'TM211', '{"ts":"2026-01-01T00:00:00","a":1}'],
  ['an empty target', 400, 'TM105', '{"target":"","a":1}'],
  ['a target with a line feed', 400, 'TM105', '{"target":"a\\nb","a":1}'],
  ['an empty message id', 400, 'TM214', '{"mid":"","a":1}'],
  ['keys beside data', 400, 'TM215', '{"a":1,"data":{"b":2}}'],
]

for (const [what, status, code, body] of refused) {
  test(`HTTP: ${what} is refused with ${status} ${code}`, async () => {
    const answer = await doors.send('bad/t', body)
    assert.deepEqual([answer.status, answer.body.code, answer.body.status], [status, code, status])
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.match(String(answer.body.requestId), /^[0-9a-f-]{36}$/)
    assert.ok(String(answer.body.hint).length > 5)
  })
}

const big = `{"a":"${'x'.repeat(60_000)}","b":[${Array(17)
  .fill(`"${'x'.repeat(60_000)}"`)
  .join(',')}]}`
const bigBatch = `[${Array(10).fill(big).join(',')}]`
const requests: [what: string, status: number, code: string, () => ReturnType<Doors['send']>][] = [
  ['no token', 401, 'TM100', () => doors.send('bad/t', {}, { token: null })],
  ['an invented token', 401, 'TM101', () => doors.send('bad/t', {}, { token: `tmi_speaker_${'0'.repeat(38)}` })],
  [
    'a token with a wrong check digit',
    401,
    'TM101',
    () => doors.send('bad/t', {}, { token: `${instance.connection.speaker.token.slice(0, -1)}_` }),
  ],
  ['a listener’s token', 403, 'TM102', () => doors.send('bad/t', {}, { token: instance.connection.listener.token })],
  ['a category in capitals', 400, 'TM104', () => doors.send('Bad/t', {})],
  ['a category of 49 letters', 400, 'TM104', () => doors.send(`${'a'.repeat(49)}/t`, {})],
  ['a control character in the target', 400, 'TM105', () => doors.send('bad/a%00b', {})],
  ['a target of 257 bytes', 400, 'TM105', () => doors.send(`bad/${'x'.repeat(257)}`, {})],
  ['a half escape in the address', 400, 'TM303', () => doors.send('bad/%E0%A4%A', {})],
  ['one reading over 1 MB', 413, 'TM212', () => doors.send('bad/t', big)],
  ['a batch over 10 MB', 413, 'TM212', () => doors.send('bad/t', bigBatch)],
  [
    'over 10 MB behind gzip',
    413,
    'TM212',
    () => doors.send('bad/t', gzipSync(bigBatch), { headers: { 'content-encoding': 'gzip' } }),
  ],
  ['gzip that is none', 400, 'TM303', () => doors.send('bad/t', '{}', { headers: { 'content-encoding': 'gzip' } })],
  ['no target', 400, 'TM213', () => doors.send('bad', { a: 1 })],
  [
    'a message id of 200 bytes',
    400,
    'TM214',
    () => doors.send('bad/t', { a: 1 }, { headers: { 'idempotency-key': 'x'.repeat(200) } }),
  ],
  ['XML', 415, 'TM219', () => doors.send('bad/t', '<a/>', { headers: { 'content-type': 'application/xml' } })],
  ['GET', 405, 'TM302', () => doors.send('bad/t', '', { method: 'GET' })],
]
for (const [what, status, code, ask] of requests) {
  test(`HTTP: ${what} is refused with ${status} ${code}`, async () => {
    const { status: got, body } = await ask()
    assert.deepEqual([got, body.code], [status, code])
  })
}

test('HTTP: of a batch the bad readings are named and the others are taken', async () => {
  const { status, body } = await doors.send(
    'mixed',
    `[{"target":"t","a":1},{"a":2},{"target":"t","a":1e400},{"target":"t","a":4},7]`,
  )
  assert.equal(status, 202)
  assert.equal(body.accepted, 2)
  assert.deepEqual((body.rejected as Json[]).map((r) => [r.index, r.code]).sort(), [
    [1, 'TM213'],
    [2, 'TM207'],
    [4, 'TM202'],
  ])
  await until(
    'both',
    async () =>
      (await admin(`select from tmidb.ts_obs join tmidb.category using (category_id) where name = 'mixed'`)).length === 2,
  )
})

for (const [what, , code, body] of refused) {
  test(`MQTT: ${what} gets PUBACK, the verdict ${code} and a row in raw_bucket`, async () => {
    verdicts.length = 0
    const payload = Buffer.from(body)
    await device.publishAsync('tmi/in/bad/t', payload, { qos: 1 })
    const verdict = await until('a verdict', () => verdicts[0])
    assert.deepEqual([verdict.topic, verdict.code], ['tmi/in/bad/t', code])
    const row = await until(
      'a row',
      async () =>
        (
          await admin<Json>(`select reason, category, target, message from tmidb.raw_bucket where raw = $1 and reason = $2`, [
            payload,
            code,
          ])
        )[0],
    )
    assert.deepEqual([row.reason, row.category, row.target, row.message], [code, 'bad', 't', verdict.message])
    assert.equal(device.connected, true)
  })
}

test('MQTT: a bad category, a bad target and no target are kept with their topic', async () => {
  for (const [topic, code, category, target] of [
    ['tmi/in/Bad/t', 'TM104', 'Bad', 't'],
    [`tmi/in/bad/${'x'.repeat(300)}`, 'TM105', 'bad', 'x'.repeat(300)],
    ['tmi/in/bad/a\u0001b', 'TM105', 'bad', 'a\u0001b'],
    ['tmi/in/bad', 'TM213', 'bad', null],
  ] as const) {
    verdicts.length = 0
    const payload = JSON.stringify({ topic })
    await device.publishAsync(topic, payload, { qos: 1 })
    assert.deepEqual([(await until('a verdict', () => verdicts[0])).code, verdicts[0]?.topic], [code, topic])
    const row = await until(
      'a row',
      async () => (await admin<Json>('select * from tmidb.raw_bucket where raw = $1', [Buffer.from(payload)]))[0],
    )
    assert.deepEqual([row.reason, row.category, row.target], [code, category, target])
  }
})

test('MQTT: U+0000 in a topic closes the connection and holds nothing up', async () => {
  const sender = await doors.device(instance.connection.speaker.token)
  const closed = new Promise<void>((resolve) => sender.once('close', () => resolve()))
  sender.publish('tmi/in/bad/a\u0000b', '{"a":1}', { qos: 0 })
  await closed
  await until(
    'an audit row that is sealed',
    async () =>
      (await admin(`select from tmidb.audit where kind = 'mqtt.denied' and detail->>'code' = 'TM208' and hash is not null`))
        .length > 0,
  )
  for (let i = 0; i < 16; i++) await goodReading(`after-nul-${i}`)
})

for (const [what, topic, payload, code] of [
  ['another topic', 'somewhere/else', '{}', 'TM102'],
  ['the verdicts’ topic', 'tmi/verdict', '{}', 'TM102'],
  ['no category', 'tmi/in/', '{}', 'TM102'],
  ['over 1 MB', 'tmi/in/bad/t', big, 'TM212'],
] as const) {
  test(`MQTT: a publish to ${what} is denied: the connection is closed without PUBACK, and audited with ${code}`, async () => {
    const clientId = `denied-${code}-${topic.length}`
    const sender = await doors.device(instance.connection.speaker.token, { clientId })
    const closed = new Promise<void>((resolve) => sender.once('close', () => resolve()))
    let acknowledged = false
    sender.publish(topic, payload, { qos: 1 }, (e) => (acknowledged = !e))
    await closed
    assert.equal(acknowledged, false)
    const [row] = await until('an audit row', async () => {
      const rows = await admin<{ actor: string; detail: Json }>(
        `select actor, detail from tmidb.audit where kind = 'mqtt.denied' and detail->>'client' = $1`,
        [clientId],
      )
      return rows.length > 0 ? rows : null
    })
    assert.deepEqual([row?.actor, row?.detail.code, row?.detail.topic], [instance.connection.speaker.name, code, topic])
  })
}

test('MQTT: wrong credentials are refused at CONNECT', async () => {
  const crooked = instance.connection.speaker.token.replace(/.$/, (c) => (c === 'a' ? 'b' : 'a'))
  await assert.rejects(doors.device(crooked), { code: 4 })
  await assert.rejects(doors.device('', { username: undefined as never, password: undefined as never }), { code: 4 })
})

test('a time out of range is accepted, named as quarantined and kept', async () => {
  const times = [
    '1899-12-31T23:59:59Z',
    new Date(Date.now() + 25 * 3600_000).toISOString(),
    '9999-12-31T23:59:59Z',
    '0001-01-01T00:00:00Z',
  ]
  const { status, body } = await doors.send(
    'bounds/t',
    [...times, new Date().toISOString()].map((ts, a) => ({ ts, a })),
  )
  assert.deepEqual([status, body.accepted, body.rejected], [202, 5, []])
  assert.deepEqual(
    (body.quarantined as Json[]).map((q) => [q.index, q.code]),
    [0, 1, 2, 3].map((i) => [i, 'TM216']),
  )
  const rows = await until('the rows', async () => {
    const found = await admin<Json>(
      `select payload->>'a' as a, reason, target from tmidb.raw_bucket where category = 'bounds' order by 1`,
    )
    return found.length === 4 ? found : null
  })
  assert.deepEqual(
    rows,
    ['0', '1', '2', '3'].map((a) => ({ a, reason: 'TM216', target: 't' })),
  )
  verdicts.length = 0
  await device.publishAsync('tmi/in/bounds/t', `{"ts":"1850-01-01T00:00:00Z","a":9}`, { qos: 1 })
  assert.equal((await until('a verdict', () => verdicts[0])).code, 'TM216')
})

test('history that is years old is parked and stored within seconds', async () => {
  const years = [
    '1900-01-01T00:00:00Z',
    '1970-01-01T00:00:00Z',
    '1999-12-31T23:59:59.5Z',
    '2012-02-29T12:00:00Z',
    new Date(Date.now() - 400 * 86_400_000).toISOString(),
    new Date(Date.now() - 40 * 86_400_000).toISOString(),
  ]
  const { status, body } = await doors.send(
    'history/t',
    years.map((ts, n) => ({ ts, n })),
  )
  assert.deepEqual([status, body], [202, { accepted: 6, rejected: [] }])
  const rows = await until('stored', async () => {
    const found = (await doors.get<Json[]>('/api/v1/history?order=ts', instance.connection.listener.token)).body
    return found.length === 6 ? found : null
  })
  assert.deepEqual(
    rows.map((r) => r.n),
    [0, 1, 2, 3, 4, 5],
  )
  assert.deepEqual(
    rows.map((r) => Date.parse(String(r.ts))),
    years.map((y) => Date.parse(y)),
  )
  assert.deepEqual(await admin(`select from tmidb.raw_bucket where reason = 'TM217'`), [])
})

async function goodReading(target: string): Promise<void> {
  assert.equal((await doors.send(`good/${target}`, { fine: true })).status, 202)
  await device.publishAsync(`tmi/in/good/${target}`, '{"fine":true}', { qos: 1 })
  await until(
    `the good readings of ${target}`,
    async () =>
      (await admin('select from tmidb.ts_obs join tmidb.target using (target_id) where key = $1', [target])).length === 2,
  )
}

test('after all that the same processes run, every shard takes good readings, and the ledger balances', async () => {
  for (let i = 0; i < 16; i++) await goodReading(`good-${i}`) // Names enough for every shard.
  const units = await instance.units()
  assert.deepEqual(
    units.map((u) => [u.pid, u.state]),
    pids.map((pid) => [pid, 'ready']),
  )
  const [ledger] = await admin<Json>(
    'select sum(received)::int as received, sum(stored)::int as stored, sum(duplicate)::int as duplicate, sum(quarantined)::int as quarantined from tmidb.ledger',
  )
  const [held] = await admin<Json>(
    'select (select count(*)::int from tmidb.ts_obs) as stored, (select count(*)::int from tmidb.raw_bucket) as quarantined',
  )
  assert.deepEqual({ stored: ledger?.stored, quarantined: ledger?.quarantined }, held)
  assert.equal(ledger?.received, Number(held?.stored) + Number(held?.quarantined) + Number(ledger?.duplicate))
})
