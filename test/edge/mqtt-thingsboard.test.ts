// SPDX-License-Identifier: MIT
// Firmware that speaks ThingsBoard's MQTT: its topics, its bodies, its token as user name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type mqtt from 'mqtt'
import { closing, mqttWorld } from './mqtt-world.ts'

const tokens = { boiler: '', bound: '' }
const world = mqttWorld(async (w) => {
  tokens.boiler = await w.token(`tmidb.create_speaker('boiler')`)
  tokens.bound = await w.token(`tmidb.create_speaker('bound', 'truck-17')`)
})

/** The token is the user name and there is no password. */
const device = (token: string): Promise<mqtt.MqttClient> => world.connect('', { username: token, password: undefined as never })
const rows = () => world.published.map((r) => [r.category, r.target, Buffer.from(r.payload).toString()])

test('telemetry in all its forms is of the speaker’s own name', async () => {
  const client = await device(tokens.boiler)
  await client.publishAsync('v1/devices/me/telemetry', '{"t":21.50,"target":9007199254740993}', { qos: 1 })
  await client.publishAsync('v1/devices/me/telemetry', '{"ts":1700000000123,"values":{"t":1.0}}', { qos: 1 })
  await client.publishAsync('v1/devices/me/telemetry', '[{"a":1},{"ts":1700000000124,"values":{"b":2}}]', { qos: 1 })
  assert.deepEqual(rows(), [
    ['telemetry', 'boiler', '{"t":21.50,"target":9007199254740993}'],
    ['telemetry', 'boiler', '{"t":1.0}'],
    ['telemetry', 'boiler', '{"a":1}'],
    ['telemetry', 'boiler', '{"b":2}'],
  ])
  assert.deepEqual([world.published[1]?.ts, world.published[3]?.ts], [1700000000123000, 1700000000124000])
})

test('of a device that is bound to a target it is of that', async () => {
  const client = await device(tokens.bound)
  await client.publishAsync('v1/devices/me/telemetry', '{"t":1}', { qos: 1 })
  await client.publishAsync('v1/devices/me/attributes', '{"firmware":"1.2"}', { qos: 1 })
  assert.deepEqual(rows(), [
    ['telemetry', 'truck-17', '{"t":1}'],
    ['attributes', 'truck-17', '{"firmware":"1.2"}'],
  ])
})

test('a gateway’s devices are the targets', async () => {
  const client = await device(tokens.boiler)
  const body = '{"Device A":[{"ts":1700000000000,"values":{"t":42}}],"B/2":[{"t":1},{"t":2}]}'
  await client.publishAsync('v1/gateway/telemetry', body, { qos: 1 })
  await client.publishAsync('v1/gateway/attributes', '{"Device A":{"model":"x"}}', { qos: 1 })
  assert.deepEqual(rows(), [
    ['telemetry', 'Device A', '{"t":42}'],
    ['telemetry', 'B/2', '{"t":1}'],
    ['telemetry', 'B/2', '{"t":2}'],
    ['attributes', 'Device A', '{"model":"x"}'],
  ])
})

test('TM102 a gateway whose token is bound to one target writes no other', async () => {
  const client = await device(tokens.bound)
  const closed = closing(client)
  client.publish('v1/gateway/telemetry', '{"truck-18":[{"t":1}]}', { qos: 1 }, () => {})
  await closed
  assert.deepEqual(world.published, [])
})

test('what ThingsBoard would answer and nobody does here is taken and forgotten; the connection stays', async () => {
  const client = await device(tokens.boiler)
  for (const topic of ['v1/devices/me/attributes/request/1', 'v1/devices/me/rpc/request/1', 'v1/gateway/connect']) {
    await client.publishAsync(topic, '{"device":"Device A"}', { qos: 1 })
  }
  const granted = await client.subscribeAsync('v1/devices/me/rpc/request/+').catch(() => [{ qos: 128 }])
  assert.equal(granted[0]?.qos, 128)
  await client.publishAsync('v1/devices/me/telemetry', '{"t":1}', { qos: 1 })
  assert.deepEqual([rows().length, world.refused.length], [1, 0])
})

test('a body that is no telemetry is acknowledged and kept with its reason', async () => {
  const client = await device(tokens.boiler)
  for (const body of ['{"t":', '5']) await client.publishAsync('v1/devices/me/telemetry', body, { qos: 1 })
  await client.publishAsync('v1/gateway/telemetry', '[1]', { qos: 1 })
  assert.deepEqual(
    world.refused.map((r) => [r.code, r.category, r.target, Buffer.from(r.raw, 'base64').toString()]),
    [
      ['TM201', 'telemetry', 'boiler', '{"t":'],
      ['TM202', 'telemetry', 'boiler', '5'],
      ['TM202', 'telemetry', null, '[1]'],
    ],
  )
})
