// SPDX-License-Identifier: MIT
// The functions of the schema api as fields of the query.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { admin, type Served, serve } from './graphql-served.ts'

let api: Served
let few: string
before(async () => {
  api = await serve(async (db) => {
    await admin(
      db,
      `select tmidb.ingest('gps', 'truck-1', jsonb_build_object('lat', 37.5 + i * 0.001, 'lon', 127, 'speed', i), now() - i * interval '1 minute')
       from generate_series(1, 130) i`,
      `select tmidb.ingest('gps', 'truck-2', '{"lat": 37.5, "lon": 127.1, "speed": 0}')`,
    )
    await db.query(`set role tmidb_owner;
      create function api.try_table(a int, b text[] default null, width interval default '1 hour') returns table (bucket timestamptz, words text)
        language sql stable as $$ select '2026-01-01'::timestamptz + width, array_to_string(b, '|') from generate_series(1, a) $$;
      comment on function api.try_table(int, text[], interval) is E'@param b Words.\\n@column words Words in one.\\nTries tables.';
      create function api.try_number(a bigint) returns bigint language sql stable as $$ select a $$;
      create function api.try_values(a int) returns setof int language sql stable as $$ select generate_series(1, a) $$;
      create function api.try_volatile() returns int language sql volatile as $$ select 1 $$;
      create function api.try_twice(a int) returns int language sql stable as $$ select 1 $$;
      create function api.try_twice(a text) returns int language sql stable as $$ select 1 $$;
      revoke all on all functions in schema api from public;
      reset role;
      create function app.open_door() returns text language sql stable as $$ select 'open' $$;
      create function app.own_door() returns text language sql stable as $$ select 'own' $$;
      create function app.change_door() returns text language sql volatile as $$ select 'changed' $$;
      grant execute on function app.own_door() to tmidb_listener;
      set role tmidb_owner;
      grant execute on all functions in schema api to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin`)
    await admin(db, 'select tmidb.publish_views()', `select tmidb.create_listener('all')`)
    few = await admin(db, `select tmidb.create_listener('few')`)
    await admin(
      db,
      `select tmidb.subscribe('few', 'gps', array['truck-1'], array['speed', 'lat'])`,
      `select tmidb.subscribe('all', null)`,
    )
    return await admin(db, `select tmidb.create_listener('everything')`).then(async (token) => {
      await admin(db, `select tmidb.subscribe('everything', null), tmidb.allow_introspection('everything')`)
      return token
    })
  })
})
after(() => api[Symbol.asyncDispose]())

test('rows are connections; numbers, times and intervals are what they are elsewhere', async () => {
  const { data, errors } = await api.ask(`{
    geoWithin(lat: 37.5, lon: 127, radiusM: 500) { totalCount nodes { target lat distanceM ts } }
    geoNearest(lat: 37.5, lon: 127.05, n: 1, maxAge: {minutes: 5}) { nodes { target } }
    latest(target: "truck-2") { nodes { category version readingId data } }
    geoLast(targets: ["truck-2", "nobody"]) { nodes { lon } }
  }`)
  assert.equal(errors, undefined)
  assert.equal(data.geoWithin.totalCount, 4)
  assert.equal(Math.round(data.geoWithin.nodes[0].distanceM), 111)
  assert.match(data.geoWithin.nodes[0].ts, /Z$/)
  assert.equal(data.geoNearest.nodes.length, 1)
  assert.deepEqual(
    { ...data.latest.nodes[0], readingId: 0 },
    { category: 'gps', version: '1.1', readingId: 0, data: { lat: 37.5, lon: 127.1, speed: 0 } },
  )
  assert.match(data.latest.nodes[0].readingId, /^\d+$/)
  assert.deepEqual(data.geoLast.nodes, [{ lon: 127.1 }])
})

test('values, tables, lists and arguments of every kind', async () => {
  const { data } = await api.ask(`{
    tryNumber(a: "9007199254740993") tryValues(a: 3) { nodes } geoTrackGeojson(target: "truck-1", maxPoints: 3)
    tryTable(a: 1, b: ["x", "y,z"], width: {hours: 3}) { nodes { bucket words } }
  }`)
  assert.equal(data.tryNumber, '9007199254740993')
  assert.deepEqual(data.tryValues.nodes, [1, 2, 3])
  assert.equal(data.geoTrackGeojson.geometry.type, 'LineString')
  assert.deepEqual(data.tryTable.nodes, [{ bucket: '2026-01-01T03:00:00.000000Z', words: 'x|y,z' }])
})

test('a function says itself how much it gives: a track is not cut to a page of 50, and can be paged', async () => {
  const { data } = await api.ask('{ geoTrack(target: "truck-1") { totalCount nodes { ts } } }')
  assert.equal(data.geoTrack.nodes.length, 130)
  const page = async (after: string) =>
    (await api.ask(`{ geoTrack(target: "truck-1", first: 60${after}) { nodes { ts } pageInfo { endCursor hasNextPage } } }`)).data
      .geoTrack
  const first = await page('')
  const second = await page(`, after: "${first.pageInfo.endCursor}"`)
  assert.deepEqual([...first.nodes, ...second.nodes], data.geoTrack.nodes.slice(0, 120))
  assert.equal(second.pageInfo.hasNextPage, true)
  const filtered = await api.ask('{ geoTrack(target: "truck-1", filter: {lat: {greaterThan: 37.6295}}) { nodes { lat } } }')
  assert.deepEqual(filtered.data.geoTrack.nodes, [{ lat: 37.63 }])
  assert.equal((await api.ask('{ geoTrack(target: "truck-1", first: 1001) { nodes { ts } } }')).status, 400)
})

test('a listener sees no more through a function than without', async () => {
  const { data } = await api.ask(
    '{ latest { nodes { target data } } geoLast { nodes { target } } geoTrack(target: "truck-1") { nodes { lat } } }',
    { token: few },
  )
  assert.deepEqual(data, {
    latest: { nodes: [{ target: 'truck-1', data: { lat: 37.501, speed: 1 } }] },
    geoLast: { nodes: [] },
    geoTrack: { nodes: [] },
  })
  assert.equal((await api.ask('{ latest { nodes { target } } }', { token: null })).status, 401)
})

test('a function outside the schema api is called by whom it was granted to, whatever PostgreSQL lets everybody do', async () => {
  for (const query of ['{ openDoor }', 'mutation { changeDoor(input: {}) { result } }']) {
    const { status, errors } = await api.ask(query)
    assert.deepEqual([status, errors?.[0]?.extensions?.code], [400, 'TM303'], query)
  }
  assert.equal((await api.ask('{ ownDoor }')).data.ownDoor, 'own')
})

test('arguments that must be there are known before; the others are refused with TM305', async () => {
  const { status, errors } = await api.ask('{ geoWithin(lat: 1, lon: 2) { nodes { ts } } }')
  assert.equal(status, 400)
  assert.match(errors?.[0]?.message ?? '', /radiusM/)
  const odd = await api.ask('{ latest(n: 20000) { nodes { ts } } }')
  assert.deepEqual(
    odd.errors?.map((e) => [e.message, e.extensions?.code]),
    [['n is 1 to 1,000.', 'TM305']],
  )
})

test('arguments and columns carry their words', () => {
  const sdl = api.sdl()
  assert.match(sdl, /"""Latitude of the place, in degrees."""\s+lat: Float!/)
  assert.match(sdl, /"""Words."""\s+b: \[String\]/)
  assert.match(sdl, /"""Words in one."""\s+words: String/)
  assert.match(sdl, /"""Distance in metres along the ground/)
})

test('what writes is a mutation; what has a namesake is not there, and nothing of PostgreSQL is', () => {
  const sdl = api.sdl()
  const fieldsOf = (type: string) => sdl.split(`\ntype ${type} {\n`)[1]?.split('\n}\n')[0] ?? ''
  assert.doesNotMatch(fieldsOf('Query'), /tryVolatile/)
  assert.match(fieldsOf('Mutation'), /tryVolatile\(/)
  for (const name of ['tryTwice', 'tgView', 'pgSleep']) assert.ok(!sdl.includes(name), name)
})

test('so many calls in one document and no more, however they are written', async () => {
  const many = (n: number) => Array.from({ length: n }, (_, i) => `a${i}: geoLast { totalCount }`).join(' ')
  assert.equal((await api.ask(`{ ${many(10)} }`)).status, 200)
  const over = await api.ask(`{ ${many(11)} }`)
  assert.equal(over.status, 400)
  assert.match(over.errors?.[0]?.message ?? '', /11 calls of functions; at most 10/)
  const hidden = await api.ask(
    `{ ...f ... on Query { ${many(6)} } } fragment f on Query { ...g } fragment g on Query { b: geoLast { totalCount } c: geoLast { totalCount } d: latest { totalCount } e: latest { totalCount } geoBox(south: 0, west: 0, north: 1, east: 1) { totalCount } }`,
  )
  assert.equal(hidden.status, 400)
  const doubling = Array.from({ length: 60 }, (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`).join(' ')
  const bomb = await api.ask(`{ ...f0 } ${doubling} fragment f60 on Query { latest { totalCount } }`)
  assert.equal(bomb.status, 400)
})

test('the history of schemas is cut to what a listener may see', async () => {
  const query = '{ schemaChanges { nodes { category version changes lastSeen example } } }'
  const { data } = await api.ask(query)
  assert.equal(data.schemaChanges.nodes.at(-1).changes, 'new lat (number), lon (integer), speed (integer)')
  assert.equal(typeof data.schemaChanges.nodes.at(-1).example.speed, 'number')
  const own = await api.ask(query, { token: few })
  assert.deepEqual(own.data.schemaChanges.nodes, [{ category: 'gps', version: '1.0', changes: 'new lat (number), speed (integer)', lastSeen: null, example: null }]) // biome-ignore format: a row
})

test('a renamed field is there by both names, the earlier one deprecated, with what an administrator said of it', async () => {
  await admin(
    api.db,
    `select tmidb.rename_field('gps', 'speed', 'speed_kmh')`,
    `select tmidb.describe_field('gps', 'speed', 'Over ground.', 'km/h')`,
    'select tmidb.publish_views()',
  )
  await api.graphql.rebuild()
  const { data } = await api.ask(
    '{ __type(name: "GpsV1") { fields(includeDeprecated: true) { name description deprecationReason } } }',
  )
  const speeds = data.__type.fields.filter((f: { name: string }) => f.name.startsWith('speed'))
  assert.deepEqual(speeds, [
    {
      name: 'speed',
      description: 'Over ground. Field "speed", integer, in km/h. Renamed: use speed_kmh.',
      deprecationReason: 'Renamed: use speed_kmh.',
    },
    { name: 'speedKmh', description: 'Over ground. Field "speed", integer, in km/h.', deprecationReason: null },
  ])
  const { data: rows } = await api.ask('{ gpsV1(first: 1, filter: { speedKmh: { equalTo: 7 } }) { nodes { speed speedKmh } } }')
  assert.deepEqual(rows.gpsV1.nodes, [{ speed: 7, speedKmh: 7 }])
})
