// SPDX-License-Identifier: MIT
// MQTT for listeners: what stands comes retained, what comes follows from exactly there, and nobody gets more than it may see.
import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { test } from 'node:test'
import mqttPacket from 'mqtt-packet'
import { sleep } from '../../src/base/retry.ts'
import { closing, ears, mqttWorld, until, type World } from './mqtt-world.ts'

const tokens = { all: '', some: '', speaker: '' }
const world = mqttWorld(async (w) => {
  tokens.all = await w.token(`tmidb.create_listener('all')`)
  tokens.some = await w.token(`tmidb.create_listener('some')`)
  tokens.speaker = await w.token(`tmidb.create_speaker('any')`)
  await w.db.query(`select tmidb.subscribe('all', null), tmidb.subscribe('some', 'sensor', array['a'], array['t'])`)
  await ingestInto(w, 'sensor', 'a', '{"t": 1, "secret": 1}')
  await ingestInto(w, 'sensor', 'a', '{"t": 9007199254740993, "secret": 2}')
  await ingestInto(w, 'sensor', 'b/c', '{"t": 5}')
  await ingestInto(w, 'log', 'a', '{"line": "x"}')
})

async function ingestInto(w: World, category: string, target: string, payload: string): Promise<void> {
  await w.db.query(`select tmidb.ingest($1, $2, $3::jsonb)`, [category, target, payload])
}
const ingest = (category: string, target: string, payload: string) => ingestInto(world, category, target, payload)

async function granted(client: Awaited<ReturnType<typeof world.connect>>, topic: string, qos: 0 | 1 = 0): Promise<number> {
  const [g] = await client.subscribeAsync(topic, { qos }).catch(() => [{ qos: 128 }])
  return g?.qos ?? 128
}

test('on subscribing the last value of each target and category comes retained, then what is new', async () => {
  const client = await world.connect(tokens.all)
  const heard = ears(client)
  assert.equal(await granted(client, 'tmi/out/all/#', 1), 1)
  await until('three last values', () => heard.length === 3)
  await ingest('sensor', 'a', '{"t": 3}')
  await until('the live one', () => heard.length === 4)
  assert.deepEqual(
    heard.map((h) => [h.topic, h.retain, h.qos]),
    [
      ['tmi/out/all/log/a', true, 1],
      ['tmi/out/all/sensor/a', true, 1],
      ['tmi/out/all/sensor/b/c', true, 1],
      ['tmi/out/all/sensor/a', false, 1],
    ],
  )
  assert.deepEqual(heard[0]?.data, { line: 'x' })
  assert.deepEqual(Object.keys(heard[3] ?? {}).slice(3), ['category', 'version', 'target', 'ts', 'data'])
})

test('a listener gets its targets and fields, last values and new ones alike', async () => {
  const client = await world.connect(tokens.some)
  const heard = ears(client)
  await client.subscribeAsync('tmi/out/some/#')
  await until('the last value', () => heard.length === 1)
  await ingest('sensor', 'b/c', '{"t": 6}')
  await ingest('log', 'a', '{"line": "y"}')
  await ingest('sensor', 'a', '{"t": 7, "secret": 3}')
  await until('the live one', () => heard.length === 2)
  assert.deepEqual(
    heard.map((h) => [h.topic, h.retain, h.qos, Object.keys(h.data)]),
    [
      ['tmi/out/some/sensor/a', true, 0, ['t']],
      ['tmi/out/some/sensor/a', false, 0, ['t']],
    ],
  )
})

test('filters: + for one level, # for the rest, a name for itself', async () => {
  const client = await world.connect(tokens.all)
  const heard = ears(client)
  const topicsOf = async (filter: string): Promise<string[]> => {
    heard.length = 0
    await client.subscribeAsync(filter)
    await sleep(150)
    await client.unsubscribeAsync(filter)
    return heard.map((h) => h.topic.slice('tmi/out/all/'.length))
  }
  assert.deepEqual(await topicsOf('tmi/out/all/+/a'), ['log/a', 'sensor/a'])
  assert.deepEqual(await topicsOf('tmi/out/all/sensor/#'), ['sensor/a', 'sensor/b/c'])
  assert.deepEqual(await topicsOf('tmi/out/all/sensor/+'), ['sensor/a'])
  assert.deepEqual(await topicsOf('tmi/out/all/+/+/c'), ['sensor/b/c'])
  assert.deepEqual(await topicsOf('tmi/out/all/sensor/b/c'), ['sensor/b/c'])
  assert.deepEqual(await topicsOf('tmi/out/all/nothing/#'), [])
})

test('a target with + or # has them as %2B and %23 in its topic, and as they are in the payload', async () => {
  await ingest('sensor', 'room #4+5', '{"t": 1}')
  const client = await world.connect(tokens.all)
  const heard = ears(client)
  await client.subscribeAsync('tmi/out/all/sensor/room %234%2B5')
  await until('the last value', () => heard.length === 1)
  await ingest('sensor', 'room #4+5', '{"t": 2}')
  await until('the live one', () => heard.length === 2)
  assert.deepEqual(
    heard.map((h) => [h.topic, h.target]),
    [1, 2].map(() => ['tmi/out/all/sensor/room %234%2B5', 'room #4+5']),
  )
})

test('others’ names, and patterns instead of the own one, are refused and audited', async () => {
  const client = await world.connect(tokens.some)
  const heard = ears(client)
  for (const topic of [
    'tmi/out/all/#',
    'tmi/out/+/sensor/a',
    'tmi/#',
    '#',
    '$SYS/#',
    'tmi/in/#',
    'tmi/out/some',
    'tmi/out/some/sensor',
  ]) {
    assert.equal(await granted(client, topic), 128, topic)
  }
  await ingest('sensor', 'a', '{"t": 8}')
  await sleep(100)
  assert.deepEqual(heard, [])
  const audited = await world.db.query<{ topic: string }>(
    `select detail->>'topic' as topic from tmidb.audit where kind = 'mqtt.denied' and actor = 'some' order by audit_id`,
  )
  assert.deepEqual(
    audited.slice(0, 2).map((r) => r.topic),
    ['tmi/out/all/#', 'tmi/out/+/sensor/a'],
  )
})

test('TM102 a listener that publishes is closed, a speaker that listens is refused', async () => {
  const listener = await world.connect(tokens.all)
  const closed = closing(listener)
  listener.publish('tmi/in/sensor/a', '{"t": 1}', { qos: 1 }, () => {})
  await closed
  assert.deepEqual(world.published, [])
  const speaker = await world.connect(tokens.speaker)
  assert.equal(await granted(speaker, 'tmi/out/any/#'), 128)
})

test('nothing is missed and nothing comes out of order between the last value and the first new one', async () => {
  let n = 0
  let running = true
  const writer = (async () => {
    while (running) await ingest('count', 'c', `{"n": ${++n}}`)
  })()
  await until('a first reading', () => n > 3)
  for (let round = 0; round < 6; round++) {
    const client = await world.connect(tokens.all)
    const heard = ears(client)
    await client.subscribeAsync('tmi/out/all/count/c', { qos: 1 })
    await until('20 values', () => heard.length >= 20)
    await client.endAsync()
    const first = heard[0]?.data.n as number
    assert.deepEqual(
      heard.map((h) => [h.data.n, h.retain]),
      heard.map((_, i) => [first + i, i === 0]),
    )
  }
  running = false
  await writer
})

test('subscribing again gives the last value again; after unsubscribing there is silence', async () => {
  const client = await world.connect(tokens.all)
  const heard = ears(client)
  await client.subscribeAsync('tmi/out/all/log/a')
  await until('the last value', () => heard.length === 1)
  await client.subscribeAsync('tmi/out/all/log/a')
  await until('the last value again', () => heard.length === 2)
  await ingest('log', 'a', '{"line": "once"}')
  await until('one live one', () => heard.length === 3)
  await client.unsubscribeAsync('tmi/out/all/log/a')
  await ingest('log', 'a', '{"line": "unheard"}')
  await sleep(150)
  assert.deepEqual(
    heard.map((h) => h.retain),
    [true, true, false],
  )
})

test('a session of a listener ends with its connection, and it is told so', async () => {
  const present: boolean[] = []
  for (let i = 0; i < 2; i++) {
    const socket = connectSocket(world.door.port, '127.0.0.1')
    socket.write(
      mqttPacket.generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: false,
        clientId: 'panel',
        keepalive: 0,
        username: 'x',
        password: Buffer.from(tokens.all),
      }),
    )
    const parser = mqttPacket.parser()
    const connack = new Promise<void>((resolve) =>
      parser.on('packet', (p) => {
        if (p.cmd === 'connack') present.push(p.sessionPresent)
        if (p.cmd === 'connack')
          socket.write(
            mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'tmi/out/all/log/#', qos: 1 }] }),
          )
        if (p.cmd === 'suback') resolve()
      }),
    )
    socket.on('data', (bytes) => parser.parse(bytes))
    await connack
    socket.destroy()
    await sleep(50)
  }
  assert.deepEqual(present, [false, false])
})

test('a member reads what it was granted under its own name and writes it; who writes elsewhere is closed', async () => {
  await world.db.query(`select tmidb.create_role('crew')`)
  await world.db.query(`select tmidb.create_account('kim+1@x.org', null, 'crew')`)
  const token = await world.token(`tmidb.create_token('user', 'kim+1@x.org')`)
  await world.db.query(
    `select tmidb.grant_access('role:crew', '{read,write}', 'sensor', '{a}', p_fields => '{t}', p_window => '1 hour')`,
  )
  await sleep(300)
  const client = await world.connect(token)
  const heard = ears(client)
  assert.equal(await granted(client, 'tmi/out/all/#'), 128)
  assert.equal(await granted(client, 'tmi/out/kim%2B1@x.org/#'), 0)
  await until('the last value', () => heard.length === 1)
  await ingest('sensor', 'b/c', '{"t": 6}')
  await world.db.query(`select tmidb.ingest('sensor', 'a', '{"t": 8}', now() - interval '2 hours')`)
  await ingest('sensor', 'a', '{"t": 9, "secret": 3}')
  await until('the live one', () => heard.length === 2)
  assert.deepEqual(
    heard.map((h) => [h.topic, Object.keys(h.data)]),
    Array.from({ length: 2 }, () => ['tmi/out/kim%2B1@x.org/sensor/a', ['t']]),
  )
  await client.publishAsync('tmi/in/sensor/a', '{"t": 1}', { qos: 1 })
  assert.deepEqual(
    world.published.map((r) => r.target),
    ['a'],
  )
  const closed = closing(client)
  client.publish('tmi/in/sensor/other', '{"t": 1}', { qos: 1 })
  await closed
  assert.equal(world.published.length, 1)
})

test('what a listener may no longer see stops coming; a revoked token closes within a second', async () => {
  const token = await world.token(`tmidb.create_listener('leaving')`)
  await world.db.query(`select tmidb.subscribe('leaving', 'sensor'), tmidb.subscribe('leaving', 'log')`)
  const client = await world.connect(token)
  const heard = ears(client)
  await client.subscribeAsync('tmi/out/leaving/#')
  await until('last values', () => heard.some((h) => h.topic.includes('/log/')) && heard.length > 1)
  heard.length = 0
  await world.db.query(`select tmidb.unsubscribe('leaving', 'log')`)
  await sleep(200)
  await ingest('log', 'a', '{"line": "hidden"}')
  await ingest('sensor', 'a', '{"t": 20}')
  await until('the sensor', () => heard.length > 0)
  assert.deepEqual(
    heard.map((h) => h.category),
    ['sensor'],
  )
  const closed = closing(client)
  const started = Date.now()
  await world.db.query(`select tmidb.revoke_token($1)`, [token])
  await closed
  assert.ok(Date.now() - started < 1000, `${Date.now() - started} ms`)
})

test('a client that does not read is closed when 8 MB wait for it; others do not notice', async () => {
  await world.db.query(`select tmidb.subscribe('some', 'bulk', array['slow'])`)
  const socket = connectSocket(world.door.port, '127.0.0.1')
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {})
  socket.write(
    mqttPacket.generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      clientId: 'slow',
      keepalive: 0,
      username: 'x',
      password: Buffer.from(tokens.some),
    }),
  )
  await sleep(100)
  socket.write(mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'tmi/out/some/bulk/#', qos: 0 }] }))
  await sleep(100)
  socket.pause()
  const good = await world.connect(tokens.all)
  const heard = ears(good)
  await good.subscribeAsync('tmi/out/all/bulk/#')
  for (let n = 0; n < 400; n += 20) {
    await world.db.query(
      `select tmidb.ingest('bulk', 'slow', jsonb_build_object('n', n, 'text', repeat('x', 60000))) from generate_series($1::int, $1 + 19) n`,
      [n],
    )
  }
  await until('all 400', () => heard.length >= 400, 20_000)
  assert.deepEqual(
    heard.map((h) => h.data.n),
    Array.from({ length: 400 }, (_, n) => n),
  )
  // A paused socket sees its end only when it reads again.
  socket.resume()
  await gone
})
