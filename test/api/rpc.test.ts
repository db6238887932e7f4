// SPDX-License-Identifier: MIT
// /api/rpc/{function}: PostgREST's own client and bare requests against the functions of the schema api, and some more of every kind.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
  await world.db.query(`select tmidb.ingest('gps', 'truck-1', jsonb_build_object('lat', 37.5 + i * 0.001, 'lon', 127, 'speed', i),
    now() - i * interval '1 minute') from generate_series(1, 30) i`)
  await world.db.query(`set role tmidb_owner;
    create function api.try_table("from" int, tags text[] default null, width interval default '1 hour')
      returns table (bucket timestamptz, value numeric, words text)
      language sql stable as $$ select '2026-01-01'::timestamptz + n * width, n::numeric / 3, array_to_string(tags, '|') from generate_series("from", 3) n $$;
    comment on function api.try_table(int, text[], interval) is E'@param from First number.\\n@column bucket Where it begins.\\nTries tables.';
    create function api.try_values(n int) returns setof bigint language sql immutable as $$ select generate_series(1, n)::bigint $$;
    create function api.try_value(x jsonb) returns jsonb language sql immutable as $$ select x $$;
    create function api.try_number() returns bigint language sql immutable as $$ select 9007199254740993 $$;
    create function api.try_row(lat float8 default 1) returns api.geo_point language sql stable as $$ select '2026-01-01'::timestamptz, lat, 2.0 $$;
    create function api.try_who() returns text language sql stable security definer as $$ select tmidb.identity() ->> 'name' $$;
    create function api.try_sleep() returns text language sql stable as $$ select pg_sleep(10)::text $$;
    create function api.try_volatile() returns int language sql volatile as $$ select 1 $$;
    create function api.try_twice(a int) returns int language sql stable as $$ select 1 $$;
    create function api.try_twice(a text) returns int language sql stable as $$ select 1 $$;
    create function api.try_hidden() returns int language sql stable as $$ select 1 $$;
    revoke all on all functions in schema api from public;
    grant execute on all functions in schema api to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
    revoke execute on function api.try_hidden() from tmidb_listener`)
  await world.catalog.reload()
})
after(async () => await world[Symbol.asyncDispose]())

type Who = Parameters<RestWorld['get']>[1]
const call = async (path: string, who: Who = 'all', headers: Record<string, string> = {}) => {
  const res = await world.get(`/api/rpc/${path}`, who, headers)
  const text = await res.text()
  return {
    status: res.status,
    headers: res.headers,
    text,
    // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of many shapes
    body: (text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text) as any,
  }
}
const post = async (name: string, body: string, headers: Record<string, string> = {}) => {
  const res = await fetch(`${world.base}/api/rpc/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.tokens.all}`, 'content-type': 'application/json', ...headers },
    body,
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of many shapes
  return { status: res.status, body: (await res.json()) as any }
}

test("PostgREST's client calls by POST and by GET, filters, orders and pages", async () => {
  const client = world.as('all')
  for (const get of [false, true]) {
    const all = await client.rpc('geo_within', { lat: 37.5, lon: 127, radius_m: 500 }, { get })
    assert.equal(all.error, null)
    assert.equal(all.data.length, 4)
    const some = await client
      .rpc('geo_within', { lat: 37.5, lon: 127, radius_m: 500 }, { get })
      .select('target,distance_m')
      .gt('distance_m', 200)
      .order('distance_m', { ascending: false })
      .limit(2)
    const rows = some.data as unknown as { distance_m: number }[]
    assert.deepEqual(
      rows.map((r) => Math.round(r.distance_m)),
      [445, 334],
    )
    assert.deepEqual(Object.keys(rows[0] ?? {}), ['target', 'distance_m'])
  }
  const { count } = await client.rpc('geo_track', { target: 'truck-1' }, { get: true, count: 'exact' }).range(0, 4)
  assert.equal(count, 30)
})

test('what a function gives: rows, values, one value, one row', async () => {
  assert.deepEqual((await call('try_table?from=2&tags=a&tags=b&width=PT2H')).body, [
    { bucket: '2026-01-01T04:00:00.000000Z', value: '0.66666666666666666667', words: 'a|b' },
    { bucket: '2026-01-01T06:00:00.000000Z', value: '1.00000000000000000000', words: 'a|b' },
  ])
  assert.deepEqual((await call('try_values?n=3')).body, ['1', '2', '3'])
  assert.equal((await call('try_number')).text, '"9007199254740993"')
  assert.deepEqual((await call('try_value?x={"a":[1]}')).body, { a: [1] })
  assert.equal((await call('try_value?x=plain')).text, '"plain"')
  assert.deepEqual((await call('try_row')).body, { ts: '2026-01-01T00:00:00.000000Z', lat: 1, lon: 2 })
  assert.deepEqual((await call('try_row?select=lat&lat=5')).body, { lat: 5 })
  assert.equal(
    (await call('try_table?from=3', 'all', { accept: 'text/csv' })).text,
    'bucket,value,words\n2026-01-01T03:00:00.000000Z,1.00000000000000000000,',
  )
  assert.equal((await call('try_row', 'all', { accept: 'text/csv' })).text.split('\n')[0], 'ts,lat,lon')
})

test("lists are repeated names, commas or PostgreSQL's braces; in a body they are arrays", async () => {
  const words = async (query: string) => (await call(`try_table?from=3&${query}`)).body[0].words
  assert.equal(await words('tags=a,b'), 'a|b')
  assert.equal(await words('tags=a&tags=b&tags=c'), 'a|b|c')
  assert.equal(await words(`tags=${encodeURIComponent('{"a,b",c}')}`), 'a,b|c')
  assert.equal((await post('try_table', '{"from": 3, "tags": ["a,b", "c\\"d", null]}')).body[0].words, 'a,b|c"d')
})

test('what a body holds: null, numbers, JSON, nothing', async () => {
  assert.deepEqual((await post('try_value', '{"x": {"a": null}}')).body, { a: null })
  assert.equal((await post('try_value', '{"x": null}')).body, null)
  assert.equal((await post('try_number', '')).body, '9007199254740993')
  assert.equal((await post('geo_track?limit=3', '{"target": "truck-1"}')).body.length, 3)
})

test('what cannot be used is TM305 and says which argument, with the list of them', async () => {
  for (const [path, words] of [
    ['latest?n=x', /"n": invalid input syntax for type integer/],
    ['latest?n=99999999999', /"n".*out of range/],
    ['latest?nn=1', /no argument "nn"/],
    ['latest?n=1&n=2', /"n" is given twice/],
    ['latest?n=0', /n is 1 to/],
    ['geo_within?lat=1&lon=2', /needs "radius_m"/],
    ['geo_nearest?lat=1&lon=2&max_age=long', /"max_age"/],
    ['geo_track?target=x&from=yesterday-ish', /"from"/],
    ['try_values?n=1&select=n', /no argument "select"/],
    ['try_value?x=1&y=2', /no argument "y"/],
  ] as const) {
    const { status, body } = await call(path)
    assert.equal(status, 400, path)
    assert.equal(body.code, 'TM305', path)
    assert.match(body.message, words)
    assert.match(body.hint, /arguments|docs/)
  }
  for (const [body, words] of [
    ['{"target": {"a": 1}}', /"target" is a text/],
    ['{"what": 1}', /no argument "what"/],
    ['{"n": [1]}', /"n" is an integer/],
    ['{"n": 1.5}', /"n": invalid input/],
  ] as const) {
    const answer = await post('latest', body)
    assert.equal(answer.status, 400)
    assert.equal(answer.body.code, 'TM305')
    assert.match(answer.body.message, words)
  }
  assert.equal((await post('latest', '{"n": ')).body.code, 'PGRST102')
  assert.equal((await post('latest', '[1]')).status, 400)
  assert.equal((await post('latest', '{}', { 'content-type': 'text/plain' })).status, 415)
  assert.equal((await post('latest', `{"target": "${'x'.repeat(1_100_000)}"}`)).status, 413)
  assert.equal((await call('latest?colour=eq.red')).body.code, 'TM305')
})

test('a function is there for those who may execute it, if its name is its own', async () => {
  assert.equal((await call('latest', undefined)).status, 200)
  assert.equal((await world.get('/api/rpc/latest')).status, 401)
  assert.equal((await call('latest', 'speaker')).status, 403)
  assert.equal((await call('try_hidden', 'all')).status, 404)
  assert.equal((await call('try_hidden', 'admin')).text, '1')
  for (const name of ['try_twice', 'nothing', 'pg_sleep', 'constructor', '__proto__']) {
    const { status, body } = await call(name)
    assert.deepEqual([status, body.code], [404, 'PGRST202'], name)
  }
  assert.equal((await world.get('/api/rpc/latest', 'all', {}, 'DELETE')).headers.get('allow'), 'GET, HEAD, POST, OPTIONS')
})

test('outside the schema api a function is for whom it was granted to, and a schema for which everybody has USAGE is not shown', async () => {
  await world.db.query(`create function app.open_door() returns text language sql stable as $$ select 'open' $$;
    create function app.own_door() returns text language sql stable as $$ select 'own' $$;
    grant execute on function app.own_door() to tmidb_listener;
    create schema lobby; grant usage on schema lobby to public; create table lobby.chair (a int); grant select on lobby.chair to public`)
  await world.catalog.reload()
  for (const who of ['all', 'admin'] as const) assert.notEqual((await call('open_door', who)).status, 200, who)
  assert.equal((await call('own_door', 'all')).text, '"own"')
  assert.equal((await world.get('/api/chair', 'admin')).status, 404)
})

test('it runs as the one who asks, who sees its own rows and fields', async () => {
  assert.equal((await call('try_who', 'few')).text, '"few"')
  assert.deepEqual(
    (await call('latest', 'few')).body.map((r: { target: string; data: object }) => [r.target, Object.keys(r.data).sort()]),
    [['truck-1', ['status', 'temperature']]],
  )
  assert.deepEqual((await call('geo_last', 'few')).body, [])
  assert.deepEqual((await call('latest', 'none')).body, [])
  assert.equal((await call('geo_last', 'all')).body.length, 1)
})

test('a call that takes too long is stopped', async () => {
  const begun = Date.now()
  const { status, body } = await call('try_sleep')
  assert.deepEqual([status, body.code], [504, '57014'])
  assert.ok(Date.now() - begun < 9000)
})

test('nothing in a name or value becomes SQL', async () => {
  for (const query of ["target=');drop table tmidb.target;--", 'target=%00', `"n"=1`, 'n=1);select(1', 'target=$1']) {
    const { status } = await call(`latest?${query.replaceAll(' ', '%20')}`)
    assert.ok(status < 500, `${query}: ${status}`)
  }
  assert.equal((await world.get('/api/target', 'all')).status, 200)
})

test('the history of schemas is a table like any other, cut to what one may see', async () => {
  const { status, body } = await call('schema_changes?category=eq.gps&select=version,compatibility,changes,diff->added->0')
  assert.equal(status, 200)
  const changes = 'new lat (number), lon (integer), speed (integer)'
  assert.deepEqual(body, [{ version: '1.0', compatibility: 'initial', changes, added: { name: 'lat', type: 'number' } }])
  assert.deepEqual((await call('schema_changes', 'none')).body, [])
})
