// SPDX-License-Identifier: MIT
// Two listeners see what they subscribed to, the same through every door, and nothing else.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { byTime, type Json, plain, until } from './doors.ts'
import { admin, doors, expected, instance, lives, only, reads, start, stop, tokens, whole } from './trucks.ts'

before(start)
after(stop)

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
  for (const filter of [
    'note=eq.n1',
    'humidity=gt.0',
    'note=not.is.null',
    'or=(note.eq.n1,humidity.lt.1000)',
    'note=like.*',
    'and=(humidity.gte.0)',
    'note=in.(n1,n2)',
  ]) {
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
    const orders = await Promise.all(
      ['asc', 'desc', 'asc.nullsfirst'].map((way) => doors.get<Json[]>(`/api/v1/sensor?order=${field}.${way},ts`, tokens.a)),
    )
    for (const { body } of orders) assert.deepEqual(body.map(plain), expected.a)
  }
  const own = await doors.get<Json[]>('/api/v1/sensor?temperature=gt.4&order=ts', tokens.a, count)
  assert.deepEqual(
    [own.body.map(plain), own.headers.get('content-range')],
    [expected.a.slice(2), '0-1/2'],
    'a field that is seen can be',
  )
})

test('REST: targets of others are not there, by key, by id or in the list', async () => {
  const [other] = await admin<{ id: string }>(`select target_id as id from tmidb.target where key = 'truck-3'`)
  for (const filter of ['target=eq.truck-3', 'target=in.(truck-3,other)', `target_id=eq.${other?.id}`]) {
    assert.deepEqual((await doors.get(`/api/v1/sensor?${filter}`, tokens.a)).body, [], filter)
  }
  assert.deepEqual(
    (await doors.get<Json[]>('/api/target?order=key', tokens.a)).body.map((t) => t.key),
    ['truck-1', 'truck-2'],
  )
  assert.equal((await doors.get('/api/v1/log', tokens.a)).status, 404)
  assert.equal((await doors.get('/api/v1/nothing', tokens.a)).status, 404)
})

test('GraphQL: a hidden field cannot be filtered or sorted by, and others’ targets are not there', async () => {
  for (const filter of [
    '{note: {equalTo: "n1"}}',
    '{humidity: {greaterThan: 0}}',
    '{not: {note: {isNull: true}}}',
    '{or: [{note: {like: "%"}}, {humidity: {lessThan: 1000}}]}',
  ]) {
    const { data, errors } = await doors.graphql(tokens.a, `{ sensorV1(filter: ${filter}) { totalCount } }`)
    assert.deepEqual(
      [data, /^Field "(?:note|humidity)" is not defined/.test(errors?.[0]?.message ?? '')],
      [undefined, true],
      filter,
    )
  }
  for (const by of ['NOTE_ASC', 'NOTE_DESC']) {
    const { errors } = await doors.graphql(tokens.a, `{ sensorV1(orderBy: [${by}, TS_ASC]) { totalCount } }`)
    assert.match(errors?.[0]?.message ?? '', /does not exist/, by)
  }
  const others = await doors.graphql(
    tokens.a,
    '{ sensorV1(target: "truck-3") { totalCount } targets(orderBy: KEY_ASC) { nodes { key } } }',
  )
  assert.deepEqual(others.data, {
    sensorV1: { totalCount: 0 },
    targets: { nodes: [{ key: 'truck-1' }, { key: 'truck-2' }] },
  })
})

test('psql: neither conditions, nor counts, nor settings, nor functions of its own tell a listener more', async () => {
  const asA = <T>(...statements: string[]) => doors.sql<T>('a', 'password-a', ...statements)
  assert.deepEqual(
    await asA(
      `select count(*)::int as n, count(note)::int as notes, max(humidity) as most, count(*) filter (where note = 'n1')::int as found from api.sensor_v1`,
    ),
    [{ n: 4, notes: 0, most: null, found: 0 }],
  )
  assert.deepEqual(await asA(`select from api.sensor_v1 where target = 'truck-3' or humidity > 0`), [])
  const claims = `{"role": "tmidb_admin"}`
  assert.equal((await asA(`select set_config('tmidb.claims', '${claims}', false)`, 'select from api.sensor_v1')).length, 4)
  // A condition that fails on what is A's not: it must never be tried on rows of others.
  const trap = (column: string) => `1 / (case when ${column} ~ '^(truck-[12])$' then 1 else 0 end) = 1`
  assert.equal((await asA(`select from api.sensor_v1 where ${trap('target')}`)).length, 4)
  assert.equal((await asA(`select from api.target where ${trap('key')}`)).length, 2)
  assert.equal((await asA(`select from api.sensor_v1 where 1 / (case when note is null then 1 else 0 end) = 1`)).length, 4)
  for (const forbidden of [
    'select from tmidb.ts_obs',
    'select from tmidb.target',
    'select from tmidb.token',
    'select from tmidb.raw_bucket',
    'set role tmidb_admin',
    'set session authorization b',
    `insert into api.sensor_v1 (target, temperature) values ('truck-1', 1)`,
    `select tmidb.ingest('sensor', 'truck-1', '{"a": 1}')`,
    `select tmidb.subscribe('a', null)`,
    'create table api.x (i int)',
    'create temporary table x (i int)',
    'create function pg_temp.leak(text) returns boolean language sql as $$ select true $$',
  ]) {
    await assert.rejects(asA(forbidden), (e: { code?: string }) => e.code === '42501' || e.code === 'TM102', forbidden)
  }
})

test('the address of another listener answers the same, whether it exists or not', async () => {
  for (const name of ['b', 'nobody']) {
    for (const path of [`/api/${name}`, `/api/${name}/sensor`]) assert.equal((await doors.get(path, tokens.a)).status, 404, path)
    assert.equal((await doors.get(`/api/${name}/openapi.json`, tokens.a)).status, 403)
    assert.deepEqual(await doors.socket(`/ws/${name}`, tokens.a).closed, { code: 0, status: 403 })
  }
  for (const path of ['/api/a', '/api/v1/sensor']) assert.equal((await doors.get(path, null)).status, 401, path)
  assert.equal((await doors.get('/api/v1/sensor', instance.connection.speaker.token)).status, 403, 'a speaker does not read')
})

test('/api/{listener} lists what is there for it, with the newest reading of each target', async () => {
  type Index = {
    listener: string
    categories: { category: string; versions: { version: number; href: string }[] }[]
    latest: Json[]
  }
  const { body } = await doors.get<Index>('/api/a', tokens.a)
  assert.deepEqual(
    body.categories.map((c) => [c.category, c.versions.map((v) => v.href)]),
    [['sensor', ['/api/v1/sensor']]],
  )
  assert.deepEqual(
    byTime(body.latest),
    [only('truck-1', 4), only('truck-2', 7)].map((r) => plain(r)),
  )
  const b = await doors.get<Index>('/api/b', tokens.b)
  assert.deepEqual(byTime(b.body.latest), [whole('truck/4', 8), whole('truck-3', 9)])
})

test('OpenAPI of a listener names only its categories and fields', async () => {
  type Api = { info: { title: string }; paths: Json; components: { schemas: Record<string, { properties?: Json }> } }
  for (const path of ['/api/openapi.json', '/api/a/openapi.json']) {
    const { body } = await doors.get<Api>(path, tokens.a)
    assert.equal(body.info.title, 'tmiDB API')
    assert.deepEqual(Object.keys(body.components.schemas.sensor_v1?.properties ?? {}), [
      'target',
      'target_id',
      'ts',
      'temperature',
    ])
    assert.ok(body.paths['/api/v1/sensor'] && body.paths['/api/a/sensor'])
    assert.doesNotMatch(JSON.stringify(body), /humidity|log_v1|\/api\/v1\/log|\/api\/b/)
  }
  const b = await doors.get<Api>('/api/openapi.json', tokens.b)
  assert.deepEqual(Object.keys(b.body.components.schemas.sensor_v1?.properties ?? {}), [
    'target',
    'target_id',
    'ts',
    'humidity',
    'note',
    'temperature',
  ])
})
