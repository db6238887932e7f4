// SPDX-License-Identifier: MIT
// Senders that can be held back are: over its limit nothing of theirs is refused or lost, it waits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import NodeSocket from 'ws'
import { sleep } from '../../src/base/retry.ts'
import { openDoor } from './door.ts'
import { mqttWorld } from './mqtt-world.ts'

const tokens = { sender: '', caller: '', gone: '' }
const world = mqttWorld(async (w) => {
  tokens.sender = await w.token(`tmidb.create_speaker('sender')`)
  tokens.gone = await w.token(`tmidb.create_speaker('gone')`)
  tokens.caller = await w.token(`tmidb.create_speaker('caller')`)
  await w.db.query(
    `select tmidb.set_rate_limit('user', 'ingest', 3, 'speaker:sender'), tmidb.set_rate_limit('user', 'live', 1, 'speaker:caller')`,
  )
  await sleep(300)
})

test('MQTT: beyond the limit a message has no PUBACK until there is room again, and all come in their order', async () => {
  const client = await world.connect(tokens.sender)
  let acknowledged = 0
  const all = Array.from({ length: 10 }, (_, n) =>
    client.publishAsync('tmi/in/sensor/t', `{"n": ${n}}`, { qos: 1 }).then(() => acknowledged++),
  )
  await sleep(500)
  // Three of a minute, or of the two that met here.
  assert.ok(acknowledged >= 3 && acknowledged <= 6, String(acknowledged))
  await world.db.query(`select tmidb.set_rate_limit('user', 'ingest', 0, 'speaker:sender')`)
  await Promise.all(all)
  const sent = world.published.map((r) => (JSON.parse(Buffer.from(r.payload).toString()) as { n: number }).n)
  assert.deepEqual(sent, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('MQTT: what waits is not taken from a token that is revoked meanwhile', async () => {
  await world.db.query(`select tmidb.set_rate_limit('user', 'ingest', 1, 'speaker:gone')`)
  await sleep(300)
  const client = await world.connect(tokens.gone)
  for (let n = 0; n < 3; n++) client.publish('tmi/in/sensor/t', `{"n": ${n}}`, { qos: 1 })
  await sleep(300)
  const before = world.published.length
  assert.ok(before >= 1 && before <= 2, String(before))
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()))
  await world.db.query(
    `select tmidb.revoke_token(prefix) from tmidb.token join tmidb.speaker s using (speaker_id) where s.name = 'gone'`,
  )
  await closed
  await world.db.query(`select tmidb.set_rate_limit('user', 'ingest', 0, 'speaker:gone')`)
  await sleep(300)
  assert.equal(world.published.length, before)
})

test('MQTT: a connection beyond the limit is refused as one that may come again (CONNACK 3)', async () => {
  let code: unknown
  for (let n = 0; n < 3 && code === undefined; n++) {
    const options = {
      protocolVersion: 4,
      username: 'd',
      password: tokens.caller,
      reconnectPeriod: 0,
      connectTimeout: 3000,
    } as const
    await connectAsync(`mqtt://127.0.0.1:${world.door.port}`, options).then(
      (client) => client.endAsync(true),
      (e: { code?: unknown }) => (code = e.code),
    )
  }
  assert.equal(code, 3)
})

test('WebSocket: beyond the limit messages wait, and are answered in their order', async () => {
  await using door = await openDoor()
  await door.db.query(`select tmidb.set_rate_limit('user', 'ingest', 3, 'speaker:any')`)
  await sleep(300)
  const ws = new NodeSocket(`${door.base.replace('http', 'ws')}/ws/in/sensor/t`, {
    headers: { authorization: `Bearer ${door.tokens.any}` },
  })
  const seen: number[] = []
  ws.on('message', (text) => {
    const { type, seq } = JSON.parse(String(text)) as { type: string; seq: number }
    if (type === 'ack') seen.push(seq)
  })
  await new Promise((resolve) => ws.on('open', resolve))
  for (let n = 0; n < 10; n++) ws.send(`{"n": ${n}}`)
  await sleep(500)
  assert.ok(seen.length >= 3 && seen.length <= 6, String(seen))
  await door.db.query(`select tmidb.set_rate_limit('user', 'ingest', 0, 'speaker:any')`)
  for (let n = 0; seen.length < 10 && n < 500; n++) await sleep(10)
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  const sent = door.rows().map((r) => (JSON.parse(Buffer.from(r.payload).toString()) as { n: number }).n)
  assert.deepEqual(sent, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  const closed = new Promise((resolve) => ws.on('close', resolve))
  ws.terminate()
  await closed
})
