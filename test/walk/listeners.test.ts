// SPDX-License-Identifier: MIT
// Readings come in by MQTT, HTTP and SQL; two listeners see what they subscribed to, the same through every door, and nothing else.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'
import { byTime, type Doors, type Json, openDoors, plain, type Socket, type Subscription, until } from './doors.ts'

let instance: Instance
let doors: Doors
let admin: <T = Json>(text: string, values?: unknown[]) => Promise<T[]>
const tokens = { a: '', b: '' }
const live: Record<'a' | 'b', { own: Socket; named: Socket; graphql: Subscription }> = {} as never

const base = Date.now() - 600_000
/** The n-th reading's time, with microseconds. */
const at = (n: number) => new Date(base + n * 1000).toISOString().replace('Z', '789Z')
const reading = (n: number) => ({ temperature: n + 0.5, humidity: 100 - n, note: `n${n}` })
const whole = (target: string, n: number) => ({ target, ts: at(n), ...reading(n) })
const only = (target: string, n: number) => ({ target, ts: at(n), temperature: n + 0.5 })
const fields = 'target ts temperature humidity note'

/** What each listener may see, by time; readings that come later in this file are added here. */
const expected: Record<'a' | 'b', Json[]> = {
  a: [only('truck-1', 1), only('truck-2', 2), only('truck-1', 4), only('truck-2', 7)],
  b: [whole('truck-3', 3), whole('truck-3', 5), whole('truck/4', 6), whole('truck/4', 8), whole('truck-3', 9)],
}

const token = async (sql: string) => Object.values((await admin(`select ${sql}`))[0] ?? {})[0] as string
const listener = async (name: string, subscribe: string) => {
  const made = await token(`tmidb.create_listener('${name}')`)
  await admin(`select tmidb.subscribe('${name}', ${subscribe})`)
  return made
}

before(async () => {
  instance = await startInstance()
  doors = openDoors(instance.connection)
  admin = adminQuery(instance.connection.postgres) as typeof admin
  tokens.a = await listener('a', `'sensor', array['truck-1', 'truck-2'], array['temperature']`)
  tokens.b = await listener('b', `'sensor', array['truck-3', 'truck/4']`)
  for (const name of ['a', 'b']) await admin(`select tmidb.create_login('listener', '${name}', 'pw-${name}')`)
  // Somebody else's readings, which also make the views.
  await doors.send('sensor/other', { ts: at(0), ...reading(0) })
  await doors.send('log/truck-1', { ts: at(0), line: 'private' })
  await until('the GraphQL field', async () => (await doors.graphql(tokens.a, '{ sensorV1 { totalCount } logV1 { totalCount } }')).data)
  for (const name of ['a', 'b'] as const) {
    const own = doors.socket('/tmi/ws', tokens[name])
    own.say({ type: 'subscribe' })
    const named = doors.socket(`/ws/${name}`, tokens[name])
    const graphql = doors.subscribe(tokens[name], `subscription { sensorV1 { ${fields} } }`)
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
    await doors.send('sensor', [{ target: 'truck-3', ts: at(5), data: reading(5) }, { target: 'truck/4', ts: at(6), ...reading(6) }]),
    await doors.send('sensor/truck-2', `${JSON.stringify({ ts: at(7), ...reading(7) })}\n${JSON.stringify({ target: 'truck/4', ts: at(8), ...reading(8) })}\n`, {
      headers: { 'content-type': 'application/x-ndjson' },
    }),
    await doors.send('sensor/truck-3', gzipSync(JSON.stringify({ ts: at(9), ...reading(9) })), { headers: { 'content-encoding': 'gzip' } }),
    await doors.send('log/truck-3', { ts: at(9), line: 'private' }),
  ]
  assert.deepEqual(taken.map((t) => [t.status, t.body.accepted]), [[202, 1], [202, 2], [202, 2], [202, 1], [202, 1]])
  await until('eleven readings stored', async () => (await admin('select from tmidb.ts_obs')).length === 12)
})
after(async () => {
  await doors?.close()
  await instance?.[Symbol.asyncDispose]()
})

/** Every way to ask for rows, as one of the listeners. */
const reads: Record<string, (name: 'a' | 'b') => Promise<Json[]>> = {
  'REST at /api/v1/{category}': async (name) => (await doors.get<Json[]>('/api/v1/sensor', tokens[name])).body,
  'REST at /api/{listener}/{category}': async (name) => (await doors.get<Json[]>(`/api/${name}/sensor`, tokens[name])).body,
  'GraphQL': async (name) =>
    (await doors.graphql<{ sensorV1: { nodes: Json[] } }>(tokens[name], `{ sensorV1 { nodes { ${fields} } } }`)).data.sensorV1.nodes,
  'psql': async (name) =>
    (await doors.sql<{ row: Json }>(name, `pw-${name}`, `set timezone = 'UTC'`, 'select to_jsonb(v) as row from api.sensor_v1 v')).map((r) => r.row),
}

const lives: Record<string, (name: 'a' | 'b') => Json[]> = {
  '/tmi/ws': (name) => live[name].own.events(),
  '/ws/{listener}': (name) => live[name].named.events(),
  'the GraphQL subscription': (name) => live[name].graphql.seen,
}

for (const [door, read] of Object.entries(reads)) {
  test(`${door} gives each listener its rows and fields and nothing else`, async () => {
    for (const name of ['a', 'b'] as const) assert.deepEqual(byTime(await read(name)), expected[name], name)
  })
}

for (const [door, read] of Object.entries(lives)) {
  test(`${door} brought each listener the same, live`, async () => {
    for (const name of ['a', 'b'] as const) {
      await until(`${expected[name].length} events for ${name}`, () => read(name).length >= expected[name].length)
      assert.deepEqual(byTime(read(name)), expected[name], name)
    }
  })
}

test('an administrator sees all of it', async () => {
  const login = `Basic ${Buffer.from(`admin:${instance.connection.admin.password}`).toString('base64')}`
  const { body } = await doors.get<Json[]>('/api/v1/sensor', null, { authorization: login })
  const ofA = expected.a.map(({ target, temperature }) => whole(target as string, Math.floor(temperature as number)))
  assert.deepEqual(byTime(body), byTime([whole('other', 0), ...ofA, ...expected.b]))
})

test('REST: a hidden field cannot be filtered, counted, selected or sorted by', async () => {
  const count = { prefer: 'count=exact' }
  for (const filter of ['note=eq.n1', 'humidity=gt.0', 'note=not.is.null', 'or=(note.eq.n1,humidity.lt.1000)', 'note=like.*', 'and=(humidity.gte.0)', 'note=in.(n1,n2)']) {
    for (const path of ['/api/v1/sensor', '/api/a/sensor']) {
      const { status, body, headers } = await doors.get<Json[]>(`${path}?${filter}`, tokens.a, count)
      assert.deepEqual([status, body, headers.get('content-range')], [200, [], '*/0'], filter)
    }
  }
  const selected = await doors.get<Json[]>('/api/v1/sensor?select=humidity,n:note,note->>0,humidity::text', tokens.a)
  assert.deepEqual([...new Set(selected.body.flatMap((row) => Object.values(row)))], [null])
  const csv = await doors.get<string>('/api/v1/sensor?select=target,note&order=ts', tokens.a, { accept: 'text/csv' })
  assert.equal(csv.body.trim(), 'target,note\ntruck-1,\ntruck-2,\ntruck-1,\ntruck-2,')
  for (const field of ['note', 'humidity']) {
    const orders = await Promise.all(['asc', 'desc', 'asc.nullsfirst'].map((way) => doors.get<Json[]>(`/api/v1/sensor?order=${field}.${way},ts`, tokens.a)))
    for (const { body } of orders) assert.deepEqual(body.map(plain), expected.a)
  }
  const own = await doors.get<Json[]>('/api/v1/sensor?temperature=gt.4&order=ts', tokens.a, count)
  assert.deepEqual([own.body.map(plain), own.headers.get('content-range')], [expected.a.slice(2), '0-1/2'], 'a field that is seen can be')
})

test('REST: targets of others are not there, by key, by id or in the list', async () => {
  const [other] = await admin<{ id: string }>(`select target_id as id from tmidb.target where key = 'truck-3'`)
  for (const filter of ['target=eq.truck-3', 'target=in.(truck-3,other)', `target_id=eq.${other?.id}`]) {
    assert.deepEqual((await doors.get(`/api/v1/sensor?${filter}`, tokens.a)).body, [], filter)
  }
  assert.deepEqual((await doors.get<Json[]>('/api/target?order=key', tokens.a)).body.map((t) => t.key), ['truck-1', 'truck-2'])
  assert.deepEqual((await doors.get('/api/v1/log', tokens.a)).body, [])
})

test('GraphQL: a hidden field cannot be filtered or sorted by, and others’ targets are not there', async () => {
  type Found = { sensorV1: { totalCount: number; nodes: Json[] } }
  for (const filter of ['{note: {equalTo: "n1"}}', '{humidity: {greaterThan: 0}}', '{note: {isNull: false}}', '{not: {note: {isNull: true}}}', '{or: [{note: {like: "%"}}, {humidity: {lessThan: 1000}}]}']) {
    const { data } = await doors.graphql<Found>(tokens.a, `{ sensorV1(filter: ${filter}) { totalCount nodes { target } } }`)
    assert.deepEqual(data.sensorV1, { totalCount: 0, nodes: [] }, filter)
  }
  const [up, down] = await Promise.all(
    ['NOTE_ASC', 'NOTE_DESC'].map((by) => doors.graphql<Found>(tokens.a, `{ sensorV1(orderBy: [${by}, TS_ASC]) { totalCount nodes { ${fields} } } }`)),
  )
  assert.deepEqual(up?.data.sensorV1.nodes.map(plain), expected.a)
  assert.deepEqual(down?.data.sensorV1.nodes.map(plain), expected.a)
  const others = await doors.graphql(tokens.a, '{ sensorV1(target: "truck-3") { totalCount } logV1 { totalCount } targets(orderBy: KEY_ASC) { nodes { key } } }')
  assert.deepEqual(others.data, { sensorV1: { totalCount: 0 }, logV1: { totalCount: 0 }, targets: { nodes: [{ key: 'truck-1' }, { key: 'truck-2' }] } })
})

test('psql: neither conditions, nor counts, nor settings, nor functions of its own tell a listener more', async () => {
  const asA = <T>(...statements: string[]) => doors.sql<T>('a', 'pw-a', ...statements)
  assert.deepEqual(
    await asA(`select count(*)::int as n, count(note)::int as notes, max(humidity) as most, count(*) filter (where note = 'n1')::int as found from api.sensor_v1`),
    [{ n: 4, notes: 0, most: null, found: 0 }],
  )
  assert.deepEqual(await asA(`select from api.sensor_v1 where target = 'truck-3' or humidity > 0`), [])
  const claims = `{"role": "tmidb_admin"}`
  assert.equal((await asA(`select set_config('tmidb.claims', '${claims}', false)`, 'select from api.sensor_v1')).length, 4)
  // A cheap function in the condition runs as early as the planner dares: it must only ever see rows that are A's.
  const leaked = await asA<{ seen: string }>(
    'create temp table seen (text text)',
    `create function pg_temp.leak(text) returns boolean language plpgsql cost 0.0000001 as $$ begin insert into seen values ($1); return true; end $$`,
    'select count(*) from api.sensor_v1 where pg_temp.leak(target) and pg_temp.leak(note) and pg_temp.leak(ts::text)',
    'select count(*) from api.target where pg_temp.leak(key)',
    `select distinct text as seen from seen where text ~ '^(truck|other|n\\d)' order by 1`,
  )
  assert.deepEqual(leaked.map((r) => r.seen), ['truck-1', 'truck-2'])
  for (const forbidden of ['select from tmidb.ts_obs', 'select from tmidb.target', 'select from tmidb.token', 'select from tmidb.raw_bucket', 'set role tmidb_admin', 'set session authorization b', `insert into api.sensor_v1 (target, temperature) values ('truck-1', 1)`, `select tmidb.ingest('sensor', 'truck-1', '{"a": 1}')`, `select tmidb.subscribe('a', null)`, 'create table api.x (i int)']) {
    await assert.rejects(asA(forbidden), (e: { code?: string }) => e.code === '42501' || e.code === 'TM102', forbidden)
  }
})

test('the address of another listener answers 403, whether it exists or not', async () => {
  for (const name of ['b', 'nobody']) {
    for (const path of [`/api/${name}`, `/api/${name}/sensor`, `/api/${name}/openapi.json`]) {
      assert.equal((await doors.get(path, tokens.a)).status, 403, path)
    }
    assert.deepEqual(await doors.socket(`/ws/${name}`, tokens.a).closed, { code: 0, status: 403 })
  }
  for (const path of ['/api/a', '/api/v1/sensor']) assert.equal((await doors.get(path, null)).status, 401, path)
  assert.equal((await doors.get('/api/v1/sensor', instance.connection.speaker.token)).status, 403, 'a speaker does not read')
})

test('/api/{listener} lists what is there for it, with the newest reading of each target', async () => {
  type Index = { listener: string; categories: { category: string; versions: { version: number; href: string }[] }[]; latest: Json[] }
  const { body } = await doors.get<Index>('/api/a', tokens.a)
  assert.deepEqual(body.categories.map((c) => [c.category, c.versions.map((v) => v.href)]), [['sensor', ['/api/v1/sensor']]])
  assert.deepEqual(byTime(body.latest), [only('truck-1', 4), only('truck-2', 7)].map((r) => plain(r)))
  const b = await doors.get<Index>('/api/b', tokens.b)
  assert.deepEqual(byTime(b.body.latest), [whole('truck/4', 8), whole('truck-3', 9)])
})

test('OpenAPI of a listener names only its categories and fields', async () => {
  type Api = { info: { title: string }; paths: Json; components: { schemas: Record<string, { properties?: Json }> } }
  for (const path of ['/api/openapi.json', '/api/a/openapi.json']) {
    const { body } = await doors.get<Api>(path, tokens.a)
    assert.equal(body.info.title, 'tmiDB API')
    assert.deepEqual(Object.keys(body.components.schemas.sensor_v1?.properties ?? {}), ['target', 'target_id', 'ts', 'temperature'])
    assert.ok(body.paths['/api/v1/sensor'] && body.paths['/api/a/sensor'])
    assert.doesNotMatch(JSON.stringify(body), /humidity|log_v1|\/api\/v1\/log|\/api\/b/)
  }
  const b = await doors.get<Api>('/api/openapi.json', tokens.b)
  assert.deepEqual(Object.keys(b.body.components.schemas.sensor_v1?.properties ?? {}), ['target', 'target_id', 'ts', 'humidity', 'note', 'temperature'])
})

/** Everything that came through the live doors is what the other doors show now. */
async function sameEverywhere(): Promise<void> {
  for (const name of ['a', 'b'] as const) {
    for (const [door, read] of Object.entries(lives)) {
      await until(`${expected[name].length} events for ${name} by ${door}`, () => read(name).length >= expected[name].length)
      assert.deepEqual(byTime(read(name)), expected[name], `${name} by ${door}`)
    }
    for (const [door, read] of Object.entries(reads)) assert.deepEqual(byTime(await read(name)), expected[name], `${name} by ${door}`)
  }
}

test('what an administrator inserts by SQL reaches the listeners live and through every other door', async () => {
  await admin('insert into api.sensor_v1 (target, ts, temperature, humidity, note) values ($1, $2, $3, $4, $5)', ['truck-1', at(10), 10.5, 90, 'n10'])
  await admin(`select tmidb.ingest('sensor', 'truck-3', $1, $2)`, [reading(11), at(11)])
  await admin(`select tmidb.ingest('sensor', $1::jsonb)`, [JSON.stringify([{ target: 'other', ts: at(12), data: reading(12) }, { target: 'truck-2', ts: at(13), ...reading(13) }])])
  expected.a.push(only('truck-1', 10), only('truck-2', 13))
  expected.b.push(whole('truck-3', 11))
  await sameEverywhere()
})

test('a speaker writes by SQL as itself', async () => {
  await admin(`select tmidb.create_speaker('writer', 'truck-1'), tmidb.create_login('speaker', 'writer', 'pw-w')`)
  const insert = (target: string, n: number) => `insert into api.sensor_v1 (target, ts, temperature) values ('${target}', '${at(n)}', ${n + 0.5})`
  await doors.sql('writer', 'pw-w', insert('truck-1', 14))
  await assert.rejects(doors.sql('writer', 'pw-w', insert('truck-2', 15)), { code: 'TM102' })
  await assert.rejects(doors.sql('writer', 'pw-w', 'select from api.sensor_v1'), { code: '42501' })
  expected.a.push(only('truck-1', 14))
  await sameEverywhere()
})

test('the same reading sent again through another door changes nothing', async () => {
  await doors.send('sensor/truck-1', { ts: at(4), ...reading(4) })
  await admin(`select tmidb.ingest('sensor', 'truck-3', $1, $2)`, [reading(11), at(11)])
  await until('two duplicates', async () => (await admin<{ n: number }>('select sum(duplicate)::int as n from tmidb.ledger'))[0]?.n === 2)
  await sameEverywhere()
})

test('unsubscribing stops delivery and takes the rows away', async () => {
  await admin(`select tmidb.unsubscribe('b', 'sensor', array['truck/4'])`)
  expected.b = expected.b.filter((row) => row.target !== 'truck/4')
  for (const read of Object.values(reads)) assert.deepEqual(byTime(await read('b')), expected.b)
  const before = live.b.named.events().length
  await sleep(1000) // Open sockets learn of it within a second.
  await doors.send('sensor/truck%2F4', { ts: at(16), ...reading(16) })
  await until('it is stored', async () => (await admin(`select from tmidb.ts_obs where payload->>'note' = 'n16'`)).length === 1)
  await doors.send('sensor/truck-3', { ts: at(17), ...reading(17) })
  expected.b.push(whole('truck-3', 17))
  for (const [door, read] of Object.entries(lives)) {
    await until(`the next event by ${door}`, () => read('b').length > before)
    assert.deepEqual(read('b').slice(before).map(plain), [whole('truck-3', 17)].map(plain), door)
  }
})

test('a subscription that is given later delivers from then on, without a new socket', async () => {
  await admin(`select tmidb.subscribe('a', 'sensor', array['truck-1'], array['temperature', 'note'])`)
  await sleep(1000)
  const before = live.a.named.events().length
  await doors.send('sensor/truck-1', { ts: at(18), ...reading(18) })
  const row = { ...only('truck-1', 18), note: 'n18' }
  for (const [door, read] of Object.entries(lives)) {
    await until(`the next event by ${door}`, () => read('a').length > before)
    assert.deepEqual(plain(read('a').at(-1) as Json), plain(row), door)
  }
  const { body } = await doors.get<Json[]>('/api/v1/sensor?target=eq.truck-1&order=ts.desc&limit=1', tokens.a)
  assert.deepEqual(body.map(plain), [row].map(plain))
})

test('revoking a token closes its sockets and its MQTT connection within a second, and no others', async () => {
  const speaker = await token(`tmidb.create_speaker('leaver')`)
  const device = await doors.device(speaker)
  const deviceClosed = new Promise<void>((resolve) => device.once('close', () => resolve()))
  const started = Date.now()
  await admin('select tmidb.revoke_token($1), tmidb.revoke_token($2)', [tokens.b, speaker])
  const codes = await Promise.all([live.b.own.closed, live.b.named.closed, live.b.graphql.closed, deviceClosed])
  const took = Date.now() - started
  assert.deepEqual(codes, [{ code: 4401, status: 0 }, { code: 4401, status: 0 }, 4401, undefined])
  assert.ok(took < 1000, `${took} ms`)
  assert.equal(live.b.named.seen.at(-1)?.type, 'revoked')
  for (const path of ['/api/b', '/api/v1/sensor']) assert.equal((await doors.get(path, tokens.b)).status, 401)
  assert.equal((await doors.send('sensor/truck-1', { a: 1 }, { token: speaker })).status, 401)
  await assert.rejects(doors.device(speaker), { code: 4 })
  assert.ok((await doors.graphql(tokens.b, '{ sensorV1 { totalCount } }')).errors)
  const before = live.a.own.events().length
  await doors.send('sensor/truck-2', { ts: at(19), ...reading(19) })
  await until('A still gets its events', () => live.a.own.events().length > before)
})
