// SPDX-License-Identifier: MIT
// The MQTT door by itself: a real socket and a real database, and a publisher that acknowledges when the test says so.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import mqtt from 'mqtt'
import { TmiError } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/retry.ts'
import { type Access, openAccess } from '../../src/db/access.ts'
import { openIntake } from '../../src/edge/intake.ts'
import { type MqttIntake, openMqtt } from '../../src/edge/mqtt.ts'
import type { Refused, Row } from '../../src/nats-bridge/frame.ts'
import type { Publisher } from '../../src/nats-bridge/publish.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let access: Access
let door: MqttIntake
let published: Row[] = []
let refused: Refused[] = []
let acknowledge: Promise<void> = Promise.resolve()
const tokens = { any: '', bound: '', strict: '' }
const clients: mqtt.MqttClient[] = []

const publisher: Publisher = {
  async publish(rows) {
    published.push(...rows)
    await acknowledge
  },
  async refuse(r) {
    refused.push(r)
    await acknowledge
  },
  async [Symbol.asyncDispose]() {},
}

before(async () => {
  db = await testDatabase()
  const token = async (sql: string) => (await db.query<{ token: string }>(`select ${sql} as token`))[0]?.token ?? ''
  tokens.any = await token(`tmidb.create_speaker('any')`)
  tokens.bound = await token(`tmidb.create_speaker('bound', 'truck-17')`)
  tokens.strict = await token(`tmidb.create_speaker('strict', null, false)`)
  access = await openAccess(db.url('tmidb_edge'))
  door = await openMqtt(openIntake({ access, publisher, edgeUrl: db.url('tmidb_edge') }), { host: '127.0.0.1', port: 0 })
})
after(async () => {
  for (const c of clients) await c.endAsync(true).catch(() => {})
  await door[Symbol.asyncDispose]()
  await access[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
beforeEach(() => {
  published = []
  refused = []
  acknowledge = Promise.resolve()
})

async function connect(token = tokens.any, options: mqtt.IClientOptions = {}) {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${door.port}`, {
    protocolVersion: 4,
    username: 'd',
    password: token,
    reconnectPeriod: 0,
    connectTimeout: 3000,
    ...options,
  })
  client.on('error', () => {})
  clients.push(client)
  return client
}
const closing = (client: mqtt.MqttClient) => new Promise<boolean>((resolve) => client.once('close', () => resolve(true)))

for (const qos of [1, 2] as const) {
  test(`QoS ${qos} is acknowledged only when the publisher has it on disk`, async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    acknowledge = promise
    const client = await connect()
    let acknowledged = false
    const sent = client.publishAsync('tmi/in/sensor/t', '{"a":1}', { qos }).then(() => (acknowledged = true))
    while (published.length === 0) await sleep(5)
    await sleep(100)
    assert.equal(acknowledged, false)
    resolve()
    await sent
    assert.equal(published.length, 1)
  })
}

test('a message of QoS 2 that is sent again before its PUBREL is one reading', async () => {
  const client = await connect(tokens.any, { manualConnect: false })
  const { stream } = client
  const packet = {
    cmd: 'publish',
    topic: 'tmi/in/sensor/t',
    payload: '{"twice":1}',
    qos: 2,
    messageId: 7,
    retain: false,
  } as const
  const { default: mqttPacket } = await import('mqtt-packet')
  stream.write(mqttPacket.generate({ ...packet, dup: false }))
  await sleep(100)
  stream.write(mqttPacket.generate({ ...packet, dup: true }))
  stream.write(mqttPacket.generate({ ...packet, dup: true }))
  await sleep(200)
  assert.deepEqual(
    published.map((r) => Buffer.from(r.payload).toString()),
    ['{"twice":1}'],
  )
})

test('nothing is acknowledged when nothing was taken: the connection ends and the device sends again (TM400)', async () => {
  acknowledge = Promise.reject(new TmiError('TM400'))
  acknowledge.catch(() => {})
  const client = await connect()
  const closed = closing(client)
  let acknowledged = false
  client.publish('tmi/in/sensor/t', '{"a":1}', { qos: 1 }, (e) => (acknowledged = !e))
  await closed
  assert.deepEqual([acknowledged, refused], [false, []])
})

test('the target is the rest of the topic, slashes and all; a batch may be sent too', async () => {
  const client = await connect()
  await client.publishAsync('tmi/in/sensor/a/b c/ü', '{"a":1}', { qos: 1 })
  await client.publishAsync('tmi/in/sensor', '[{"target":"x","a":1},{"target":"y","a":2}]', { qos: 1 })
  assert.deepEqual(
    published.map((r) => [r.category, r.target]),
    [
      ['sensor', 'a/b c/ü'],
      ['sensor', 'x'],
      ['sensor', 'y'],
    ],
  )
})

test('of a batch the good readings are taken, and the others are kept one by one', async () => {
  const client = await connect()
  const verdicts: { code: string; index: number }[] = []
  client.on('message', (_t, p) => verdicts.push(JSON.parse(String(p))))
  await client.subscribeAsync('tmi/verdict')
  await client.publishAsync('tmi/in/sensor/t', '[{"a":1},{"a":1e400},5]', { qos: 1 })
  await sleep(50)
  assert.equal(published.length, 1)
  assert.deepEqual(
    verdicts.map((v) => [v.index, v.code]),
    [
      [1, 'TM207'],
      [2, 'TM202'],
    ],
  )
  assert.deepEqual(
    refused.map((r) => [r.code, Buffer.from(r.raw, 'base64').toString()]),
    [
      ['TM207', '{"a":1e400}'],
      ['TM202', '5'],
    ],
  )
})

test('TM102 a device that is bound to one target needs no target in its topic; another target is refused', async () => {
  const client = await connect(tokens.bound)
  await client.publishAsync('tmi/in/sensor', '{"a":1}', { qos: 1 })
  await client.publishAsync('tmi/in/sensor/truck-17', '{"a":2}', { qos: 1 })
  assert.deepEqual(
    published.map((r) => r.target),
    ['truck-17', 'truck-17'],
  )
  const closed = closing(client)
  let acknowledged = false
  client.publish('tmi/in/sensor/truck-18', '{"a":3}', { qos: 1 }, (e) => (acknowledged = !e))
  await closed
  assert.deepEqual([acknowledged, published.length, refused], [false, 2, []])
  const [row] = await db.query(
    `select actor, detail->>'code' as code from tmidb.audit where kind = 'mqtt.denied' and actor = 'bound'`,
  )
  assert.deepEqual(row, { actor: 'bound', code: 'TM102' })
})

test('TM103 a speaker that may not create is closed on an unknown target', async () => {
  await db.query(`select tmidb.ingest('sensor', 'known', '{"a": 0}')`)
  const client = await connect(tokens.strict)
  await client.publishAsync('tmi/in/sensor/known', '{"a":1}', { qos: 1 })
  const closed = closing(client)
  client.publish('tmi/in/sensor/unknown', '{"a":1}', { qos: 1 }, () => {})
  await closed
  assert.deepEqual(
    published.map((r) => r.target),
    ['known'],
  )
})

test('nobody reads others’ messages: only the verdicts can be subscribed to, and they are one’s own', async () => {
  const client = await connect()
  const other = await connect()
  const seen: string[] = []
  other.on('message', (topic) => seen.push(topic))
  const granted: (number | undefined)[] = []
  for (const topic of ['#', 'tmi/in/#', 'tmi/+/+/+', '$SYS/#', 'tmi/verdict']) {
    granted.push(...(await other.subscribeAsync(topic).catch(() => [{ qos: 128 }])).map((g) => g.qos))
  }
  assert.deepEqual(granted, [128, 128, 128, 128, 0])
  await client.publishAsync('tmi/in/sensor/t', '{"a":1}', { qos: 1 })
  await client.publishAsync('tmi/in/sensor/t', 'bad', { qos: 1 })
  await sleep(100)
  assert.deepEqual(seen, [])
})

test('a last will goes through the same gate as any reading', async () => {
  const client = await connect(tokens.any, {
    will: { topic: 'tmi/in/state/t', payload: Buffer.from('{"online":false}'), qos: 1, retain: false },
  })
  client.stream.destroy()
  for (let i = 0; i < 200 && published.length === 0; i++) await sleep(10)
  assert.deepEqual(
    published.map((r) => [r.category, r.target, Buffer.from(r.payload).toString()]),
    [['state', 't', '{"online":false}']],
  )
})

test('the token may be the user name, for devices that have no password', async () => {
  const client = await connect('', { username: tokens.any, password: undefined as never })
  await client.publishAsync('tmi/in/sensor/t', '{"a":1}', { qos: 1 })
  assert.equal(published.length, 1)
})

test('a retained message is a reading like any other and is kept for nobody', async () => {
  const client = await connect()
  await client.publishAsync('tmi/in/sensor/t', '{"a":1}', { qos: 1, retain: true })
  assert.equal(published.length, 1)
})
