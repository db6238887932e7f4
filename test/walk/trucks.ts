// SPDX-License-Identifier: MIT
// A running instance with two listeners: A reads one field of two trucks, B all fields of two others. Readings came in by MQTT and
// HTTP; every door is open for both.
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'
import { byTime, type Doors, type Json, openDoors, type Socket, type Subscription, until } from './doors.ts'

export let instance: Instance
export let doors: Doors
export let admin: <T = Json>(text: string, values?: unknown[]) => Promise<T[]>
export const tokens = { a: '', b: '' }
export const live: Record<'a' | 'b', { own: Socket; named: Socket; graphql: Subscription }> = {} as never

const base = Date.now() - 600_000
/** The n-th reading's time, with microseconds. */
export const at = (n: number) => new Date(base + n * 1000).toISOString().replace('Z', '789Z')
export const reading = (n: number) => ({ temperature: n + 0.5, humidity: 100 - n, note: `n${n}` })
export const whole = (target: string, n: number) => ({ target, ts: at(n), ...reading(n) })
export const only = (target: string, n: number) => ({ target, ts: at(n), temperature: n + 0.5 })
/** What each asks for by GraphQL, where a hidden field is none. */
export const fields = { a: 'target ts temperature', b: 'target ts temperature humidity note' }
const withNulls = (row: Json): Json => ({ humidity: null, note: null, ...row })

/** What each listener may see, by time; readings that come later in this file are added here. */
export const expected: Record<'a' | 'b', Json[]> = {
  a: [only('truck-1', 1), only('truck-2', 2), only('truck-1', 4), only('truck-2', 7)],
  b: [whole('truck-3', 3), whole('truck-3', 5), whole('truck/4', 6), whole('truck/4', 8), whole('truck-3', 9)],
}

export const token = async (sql: string) => Object.values((await admin(`select ${sql}`))[0] ?? {})[0] as string
const listener = async (name: string, subscribe: string) => {
  const made = await token(`tmidb.create_listener('${name}')`)
  await admin(`select tmidb.subscribe('${name}', ${subscribe})`)
  return made
}

export async function start(): Promise<void> {
  instance = await startInstance()
  doors = openDoors(instance.connection)
  admin = adminQuery(instance.connection.postgres) as typeof admin
  tokens.a = await listener('a', `'sensor', array['truck-1', 'truck-2'], array['temperature']`)
  tokens.b = await listener('b', `'sensor', array['truck-3', 'truck/4']`)
  for (const name of ['a', 'b']) await admin(`select tmidb.create_login('listener', '${name}', 'password-${name}')`)
  // Somebody else's readings, which also make the views.
  await doors.send('sensor/other', { ts: at(0), ...reading(0) })
  await doors.send('log/truck-1', { ts: at(0), line: 'private' })
  await until('the GraphQL field', async () => (await doors.graphql(tokens.a, '{ sensorV1 { totalCount } }')).data)
  for (const name of ['a', 'b'] as const) {
    const own = doors.socket('/tmi/ws', tokens[name])
    own.say({ type: 'subscribe' })
    const named = doors.socket(`/ws/${name}`, tokens[name])
    const graphql = doors.subscribe(tokens[name], `subscription { sensorV1 { ${fields[name]} } }`)
    live[name] = { own, named, graphql }
    await Promise.all([own.first('ready'), named.first('ready')])
  }
  await sleep(300) // A GraphQL subscription does not say when it is ready.
  const device = await doors.device(instance.connection.speaker.token)
  const publish = (qos: 0 | 1 | 2, target: string, n: number) =>
    device.publishAsync(`tmi/in/sensor/${target}`, JSON.stringify({ ts: at(n), ...reading(n) }), { qos })
  await publish(0, 'truck-1', 1)
  await publish(1, 'truck-2', 2)
  await publish(2, 'truck-3', 3)
  const taken = [
    await doors.send('sensor/truck-1', { ts: at(4), ...reading(4) }),
    await doors.send('sensor', [
      { target: 'truck-3', ts: at(5), data: reading(5) },
      { target: 'truck/4', ts: at(6), ...reading(6) },
    ]),
    await doors.send(
      'sensor/truck-2',
      `${JSON.stringify({ ts: at(7), ...reading(7) })}\n${JSON.stringify({ target: 'truck/4', ts: at(8), ...reading(8) })}\n`,
      {
        headers: { 'content-type': 'application/x-ndjson' },
      },
    ),
    await doors.send('sensor/truck-3', gzipSync(JSON.stringify({ ts: at(9), ...reading(9) })), {
      headers: { 'content-encoding': 'gzip' },
    }),
    await doors.send('log/truck-3', { ts: at(9), line: 'private' }),
  ]
  assert.deepEqual(
    taken.map((t) => [t.status, t.body.accepted]),
    [
      [202, 1],
      [202, 2],
      [202, 2],
      [202, 1],
      [202, 1],
    ],
  )
  await until('eleven readings stored', async () => (await admin('select from tmidb.ts_obs')).length === 12)
}

export async function stop(): Promise<void> {
  await doors?.close()
  await instance?.[Symbol.asyncDispose]()
}

/** Every way to ask for rows, as one of the listeners. */
export const reads: Record<string, (name: 'a' | 'b') => Promise<Json[]>> = {
  'REST at /api/v1/{category}': async (name) => (await doors.get<Json[]>('/api/v1/sensor', tokens[name])).body,
  'REST at /api/{listener}/{category}': async (name) => (await doors.get<Json[]>(`/api/${name}/sensor`, tokens[name])).body,
  GraphQL: async (name) =>
    (
      await doors.graphql<{ sensorV1: { nodes: Json[] } }>(tokens[name], `{ sensorV1 { nodes { ${fields[name]} } } }`)
    ).data.sensorV1.nodes.map(withNulls),
  psql: async (name) =>
    (
      await doors.sql<{ row: Json }>(
        name,
        `password-${name}`,
        `set timezone = 'UTC'`,
        'select to_jsonb(v) as row from api.sensor_v1 v',
      )
    ).map((r) => r.row),
}

export const lives: Record<string, (name: 'a' | 'b') => Json[]> = {
  '/tmi/ws': (name) => live[name].own.events(),
  '/ws/{listener}': (name) => live[name].named.events(),
  'the GraphQL subscription': (name) => live[name].graphql.seen.map(withNulls),
}

/** Everything that came through the live doors is what the other doors show now. */
export async function sameEverywhere(): Promise<void> {
  for (const name of ['a', 'b'] as const) {
    for (const [door, read] of Object.entries(lives)) {
      await until(`${expected[name].length} events for ${name} by ${door}`, () => read(name).length >= expected[name].length)
      assert.deepEqual(byTime(read(name)), expected[name], `${name} by ${door}`)
    }
    for (const [door, read] of Object.entries(reads))
      assert.deepEqual(byTime(await read(name)), expected[name], `${name} by ${door}`)
  }
}
