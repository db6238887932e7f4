// SPDX-License-Identifier: MIT
// What an acknowledgement means, and what it does not: QoS 0, full streams, retained messages, client ids.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TmiError } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/retry.ts'
import { closing, mqttWorld, until } from './mqtt-world.ts'

const tokens = { any: '', other: '' }
const world = mqttWorld(async (w) => {
  tokens.any = await w.token(`tmidb.create_speaker('any')`)
  tokens.other = await w.token(`tmidb.create_speaker('other')`)
})

test('QoS 0 is stored too, and in order', async () => {
  const client = await world.connect(tokens.any)
  for (let n = 0; n < 500; n++) client.publish('tmi/in/sensor/t', `{"n":${n}}`, { qos: 0 })
  await until('500 rows', () => world.published.length === 500)
  assert.deepEqual(
    world.published.map((r) => JSON.parse(Buffer.from(r.payload).toString()).n),
    Array.from({ length: 500 }, (_, n) => n),
  )
})

test('QoS 0 that cannot be taken ends the connection: there is no other way to say it', async () => {
  world.acknowledge = Promise.reject(new TmiError('TM401'))
  world.acknowledge.catch(() => {})
  const client = await world.connect(tokens.any)
  const closed = closing(client)
  client.publish('tmi/in/sensor/t', '{"a":1}', { qos: 0 })
  assert.equal(await closed, true)
})

test('while the streams are full nothing is acknowledged and the socket is not read', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { intake } = world
  const { room } = intake
  intake.room = () => promise
  const client = await world.connect(tokens.any)
  let acknowledged = 0
  const sent: Promise<unknown>[] = []
  const body = JSON.stringify({ text: 'x'.repeat(60_000) })
  for (let n = 0; n < 300; n++) {
    sent.push(client.publishAsync('tmi/in/sensor/t', body, { qos: 1 }).then(() => acknowledged++))
  }
  await sleep(400)
  assert.deepEqual([acknowledged, world.published.length], [0, 0])
  // 18 MB do not fit into the sockets between: what the client could not send it still has.
  const { stream } = client as unknown as { stream: { writableLength: number } }
  assert.ok(stream.writableLength > 1024 * 1024, `${stream.writableLength} bytes wait in the client`)
  resolve()
  await Promise.all(sent)
  intake.room = room
  assert.deepEqual([acknowledged, world.published.length], [300, 300])
})

test('two speakers may have the same client id; neither throws the other out', async () => {
  const one = await world.connect(tokens.any, { clientId: 'device-1' })
  const two = await world.connect(tokens.other, { clientId: 'device-1' })
  await sleep(100)
  assert.deepEqual([one.connected, two.connected], [true, true])
  const again = await world.connect(tokens.any, { clientId: 'device-1' })
  await until('the first is replaced', () => !one.connected)
  assert.deepEqual([again.connected, two.connected], [true, true])
})

test('a retained message is not kept: a subscriber gets what the database has', async () => {
  const speaker = await world.connect(tokens.any)
  await speaker.publishAsync('tmi/verdict', '{"a":1}', { qos: 0, retain: true }).catch(() => {})
  const other = await world.connect(tokens.other)
  await other.publishAsync('tmi/in/sensor/t', '{"a":1}', { qos: 1, retain: true })
  const heard: string[] = []
  other.on('message', (topic) => heard.push(topic))
  await other.subscribeAsync('tmi/verdict')
  await sleep(100)
  assert.deepEqual(heard, [])
})

test('a sender’s open connection ends when its token does: revoked, or rotated without overlap', async () => {
  await world.db.query(`select tmidb.create_account('kim', '$argon2id$', 'editor')`)
  const made = (kind: string, name: string) => world.token(`tmidb.create_token('${kind}', '${name}')`)
  const ends: Record<string, [string, string]> = {
    revoked: [await made('speaker', 'any'), 'select tmidb.revoke_token($1)'],
    rotated: [await made('user', 'kim'), `select tmidb.rotate_token($1, '0')`],
  }
  for (const [how, [token, end]] of Object.entries(ends)) {
    const client = await world.connect(token)
    await client.publishAsync('tmi/in/sensor/t', '{"a":1}', { qos: 1 })
    const closed = closing(client)
    await world.db.query(end, [token])
    assert.equal(await closed, true, how)
  }
})

test('from another network a token is refused by CONNACK 5', async () => {
  const token = await world.token(`tmidb.create_token('speaker', 'any', p_from => '{192.0.2.0/24}')`)
  await assert.rejects(world.connect(token), { code: 5 })
  const near = await world.token(`tmidb.create_token('speaker', 'any', p_from => '{127.0.0.0/8}')`)
  await (await world.connect(near)).publishAsync('tmi/in/sensor/t', '{"a":1}', { qos: 1 })
})
