// SPDX-License-Identifier: MIT
// Members of nested objects as fields, from the reading to everything that shows it: shapes as the ways in make them, columns, rights
// to an object and to a member, series, places, and the payload that a row of a view stands for.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { openPool, type Pool, readAs } from '../../src/db/pool.ts'
import { gateReading } from '../../src/edge/gate.ts'
import { ShapeBook } from '../../src/edge/shape.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool
const listeners = new Map<string, string>()
const payload = { t: 5, gps: { lat: 37.5, lon: 127, fix: { age: 2 } }, 'gps.lat': 99, tags: ['a'] }

before(async () => {
  db = await testDatabase()
  await db.query(
    `select tmidb.ingest('car', 'one', $1::jsonb), tmidb.ingest('car', 'two', '{"gps": [5], "t": 1}', now() - interval '1 minute')`,
    [payload],
  )
  await db.query('select tmidb.publish_views()')
  for (const [name, fields] of Object.entries({
    object: ['gps'],
    member: ['gps.lat'],
    literal: ['gps\\.lat'],
    both: ['gps.lat', 'gps.lon'],
    deep: ['gps.fix.age', 't'],
    none: ['lat'],
  })) {
    await db.query('select tmidb.create_listener($1)', [name])
    await db.query(`select tmidb.subscribe($1, 'car', null, $2)`, [name, fields])
  }
  for (const row of await db.query<{ name: string; id: string }>('select name, listener_id as id from tmidb.listener'))
    listeners.set(row.name, row.id)
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
})
after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

const ask = async <R extends Record<string, unknown>>(who: string, text: string, values: unknown[] = []): Promise<R[]> =>
  (await readAs<R>(pool, { role: 'tmidb_listener', listener_id: listeners.get(who)! }, { text, values })).rows

test('SQL and the ways in make the same shape of a payload, and the same signature of the same shape only', async () => {
  const scalar = fc.constantFrom<unknown>(0, -3, 1.5, 2 ** 53, 'x', '', true, null, [], [{ a: 1 }], {})
  const object: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    object: fc.dictionary(
      fc.constantFrom('a', 'b', 'a.b', '0', '', 'é"\\\n', '__proto__', 'z'),
      fc.oneof({ maxDepth: 7 }, scalar, tie('object')),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  })).object
  const shapes = fc.sample(object, 400).map((o) => {
    const text = JSON.stringify(o)
    const { shape } = gateReading(Buffer.from(text), { shapes: new ShapeBook().of('c'), now: Date.now() * 1000 })
    return { text, descriptor: shape.descriptor, sig: String(shape.sig) }
  })
  const rows = await db.query(
    `select p, d, tmidb.shape_of(p::jsonb) as shape from unnest($1::text[], $2::text[]) u(p, d) where tmidb.shape_of(p::jsonb) <> d::jsonb`,
    [shapes.map((s) => s.text), shapes.map((s) => s.descriptor)],
  )
  assert.deepEqual(rows, [])
  const [count] = await db.query<{ n: number }>('select count(distinct d::jsonb)::int as n from unnest($1::text[]) d', [
    shapes.map((s) => s.descriptor),
  ])
  assert.ok(count!.n > 50)
  assert.equal(new Set(shapes.map((s) => s.sig)).size, count!.n)
})

test('a member has a column of its path, and a value in an array is not one of it', async () => {
  const rows = await db.query('select gps_lat, gps_lon, gps_fix_age, tags, "gps.lat" as literal, t from api.car_v1 order by t')
  assert.deepEqual(rows, [
    { gps_lat: null, gps_lon: null, gps_fix_age: null, tags: null, literal: null, t: 1 },
    { gps_lat: 37.5, gps_lon: 127, gps_fix_age: 2, tags: ['a'], literal: 99, t: 5 },
  ])
  await db.query(
    `select tmidb.ingest('cells', 'c', '{"v": {"0": 3.7}}'), tmidb.ingest('cells', 'c', '{"v": [4.2]}'), tmidb.publish_views()`,
  )
  assert.deepEqual(await db.query('select v_0 from api.cells_v1 order by reading_id'), [{ v_0: 3.7 }, { v_0: null }])
})

test('in GraphQL it is in camelCase', async () => {
  const [row] = await db.query<{ comment: string }>(
    `select col_description('api.car_v1'::regclass, attnum) as comment from pg_attribute where attrelid = 'api.car_v1'::regclass and attname = 'gps_fix_age'`,
  )
  assert.equal(row?.comment, '@name gpsFixAge\nField "gps.fix.age", integer.')
})

const seen: Record<string, object> = {
  object: { gps: payload.gps },
  member: { gps: { lat: 37.5 } },
  literal: { 'gps.lat': 99 },
  both: { gps: { lat: 37.5, lon: 127 } },
  deep: { t: 5, gps: { fix: { age: 2 } } },
  none: {},
}
for (const [who, data] of Object.entries(seen)) {
  test(`the listener "${who}" sees ${JSON.stringify(data)}, live, as last value and as latest reading`, async () => {
    const live = await db.query<{ data: object; typed: { 1: object } }>(
      `select ('{' || f.tail)::jsonb -> 'data' as data, f.typed from tmidb.fanout(array_fill(0::bigint, array[8]), tmidb.live_heads(),
         array(select class_id from tmidb.listener where name = $1), '-infinity', 'infinity', '{"car": [1]}') f where f.target = 'one'`,
      [who],
    )
    assert.deepEqual(
      live.map((r) => r.data),
      [data],
    )
    assert.equal('gpsLon' in live[0]!.typed[1], who === 'object' || who === 'both')
    const last = await db.query<{ data: object }>(
      `select ('{' || v.tail)::jsonb -> 'data' as data from tmidb.listener l, tmidb.last_values(l.class_id, 'car', array['one']) v where l.name = $1`,
      [who],
    )
    assert.deepEqual(last, [{ data }])
    assert.deepEqual(await ask(who, `select data from api.latest('car', 'one')`), [{ data }])
  })
}

test('a view shows a listener its members, and a hidden sibling can neither be read nor filtered on', async () => {
  const columns = 'gps_lat, gps_lon, gps_fix_age, "gps.lat" as literal, t'
  const nothing = { gps_lat: null, gps_lon: null, gps_fix_age: null, literal: null, t: null }
  const of = async (who: string) => (await ask(who, `select ${columns} from api.car_v1 where target = 'one'`))[0]
  assert.deepEqual(await of('member'), { ...nothing, gps_lat: 37.5 })
  assert.deepEqual(await of('object'), { ...nothing, gps_lat: 37.5, gps_lon: 127, gps_fix_age: 2 })
  assert.deepEqual(await of('literal'), { ...nothing, literal: 99 })
  assert.deepEqual(await of('deep'), { ...nothing, gps_fix_age: 2, t: 5 })
  assert.deepEqual(await of('none'), nothing)
  const count = async (who: string) => (await ask(who, 'select from api.car_v1 where gps_lon = 127')).length
  assert.deepEqual([await count('member'), await count('object')], [0, 1])
})

test('the description names the columns that a listener may see, of an object all of its members', async () => {
  const columns = async (who: string) =>
    (await ask<{ columns: string[] }>(who, 'select columns from tmidb.visible_categories()'))[0]?.columns.sort()
  assert.deepEqual(await columns('member'), ['gps_lat'])
  assert.deepEqual(await columns('object'), ['gps', 'gps_fix_age', 'gps_lat', 'gps_lon'])
  assert.deepEqual(await columns('literal'), ['gps.lat'])
  assert.deepEqual(await columns('none'), [])
})

test('a member rolls up, and is asked for by its name as far as rights go', async () => {
  const series = (who: string, field: string) =>
    ask(
      who,
      `select sum(count)::int as n, min(min) as min from api.series_by_target('car', $1, now() - interval '1 day', now() + interval '1 minute', '1 day')`,
      [field],
    )
  const none = [{ n: null, min: null }]
  for (const merged of [false, true]) {
    if (merged) {
      await db.query('select tmidb.roll_up() from generate_series(1, 16)')
      assert.ok(
        (
          await db.query(`select from tmidb.rollup_day join tmidb.rollup_series using (series_id) join tmidb.rollup_field using (field_id)
        where name = 'gps.fix.age'`)
        ).length === 1,
      )
    }
    assert.deepEqual(await series('member', 'gps.lat'), [{ n: 1, min: 37.5 }])
    assert.deepEqual(await series('object', 'gps.fix.age'), [{ n: 1, min: 2 }])
    assert.deepEqual(await series('literal', 'gps\\.lat'), [{ n: 1, min: 99 }])
    assert.deepEqual(await series('literal', 'gps.lat'), none)
    assert.deepEqual(await series('member', 'gps.lon'), none)
  }
})

test('a position in an object is a place, for who may see both of its members; one at the top goes before it', async () => {
  const last = (who: string) => ask(who, `select lat, lon from api.geo_last(array['one'])`)
  for (const who of ['object', 'both']) assert.deepEqual(await last(who), [{ lat: 37.5, lon: 127 }])
  for (const who of ['member', 'literal', 'deep']) assert.deepEqual(await last(who), [])
  await db.query(`select tmidb.ingest('boat', 'sea', '{"a": {"lat": 1, "x": {"lng": 2}}, "lon": 3, "position": {"latitude": 4, "longitude": 5}}'),
    tmidb.ingest('ship', 'sea', '{"a": {"lat": 1, "lon": 2}, "LAT": 6, "Lng": 7}')`)
  assert.deepEqual(
    await db.query(
      `select name, lat, lon from tmidb.geo_trace join tmidb.category using (category_id) where name <> 'car' order by 1`,
    ),
    [
      { name: 'boat', lat: 4, lon: 5 },
      { name: 'ship', lat: 6, lon: 7 },
    ],
  )
})

test('a row that is inserted into a view becomes the nested payload', async () => {
  await db.query(
    `insert into api.car_v1 (target, gps_lat, gps_fix_age, "gps.lat", t, tags) values ('row', 1.5, 7, 8, null, '[{"x": 1}]')`,
  )
  assert.deepEqual(
    await db.query(
      `select payload, v.major, v.minor from tmidb.ts_obs join tmidb.target t using (target_id) join tmidb.schema_version v using (version_id) where t.key = 'row'`,
    ),
    [{ payload: { gps: { lat: 1.5, fix: { age: 7 } }, 'gps.lat': 8, tags: [{ x: 1 }] }, major: 1, minor: 0 }],
  )
})

test('a nested payload is packed and comes out as it went in', async () => {
  const rows = await db.query<{ same: boolean | null }>(
    `select tmidb.unpack(version_id, tmidb.pack(tmidb.names_of(version_id), payload)) = payload as same from tmidb.ts_obs`,
  )
  assert.ok(rows.length > 5 && rows.every((r) => r.same === true), JSON.stringify(rows))
})

test('where an object is known as json it stays so: its members make no version', async () => {
  await db.query(
    `select tmidb.ingest('old', 'o', '{"gps": [], "t": 1}'), tmidb.ingest('old', 'o', '{"gps": {"lat": 1, "lon": 2}, "t": 2}'), tmidb.publish_views()`,
  )
  assert.deepEqual(
    await db.query(`select major, minor from tmidb.schema_version join tmidb.category using (category_id) where name = 'old'`),
    [{ major: 1, minor: 0 }],
  )
  assert.deepEqual(await db.query('select gps from api.old_v1 where t = 2'), [{ gps: { lat: 1, lon: 2 } }])
  assert.equal(
    (await db.query(`select from tmidb.geo_trace join tmidb.category using (category_id) where name = 'old'`)).length,
    1,
  )
})

test('a strict category says what of an object would break it, and a pinned field takes an object too', async () => {
  await db.query(
    `select tmidb.ingest('firm', 'f', '{"gps": {"lat": 1.5}, "n": 1, "p": "x"}'), tmidb.set_strict('firm', true), tmidb.pin_field('firm', 'p', 'text')`,
  )
  for (const [payload, words] of [
    ['{"gps": 5}', /gps: integer where object is known/],
    ['{"n": {"x": 1}}', /n: object where integer is known/],
    ['{"gps": {"lat": "x"}}', /gps\.lat: text where number is known/],
  ] as const) {
    await assert.rejects(
      db.query(`select tmidb.discover(category_id, 9, tmidb.shape_of($1)) from tmidb.category where name = 'firm'`, [payload]),
      (e: Error & { code: string }) => e.code === 'TM223' && words.test(e.message),
    )
  }
  await db.query(`select tmidb.ingest('firm', 'f', '{"gps": {"lat": 2, "new": {"x": 1}}, "p": {"q": 1}}')`)
  const [row] =
    await db.query(`select major, minor, jsonb_path_query_array(fields, '$[*].name') as names, diff->'added' as added from tmidb.schema_version join tmidb.category using (category_id)
    where name = 'firm' order by version_id desc limit 1`)
  assert.deepEqual(row, {
    major: 1,
    minor: 1,
    names: ['gps.lat', 'n', 'p', 'gps.new.x'],
    added: [{ name: 'gps.new.x', path: ['gps', 'new', 'x'], type: 'integer' }],
  })
})

test('a member can be renamed and described', async () => {
  await db.query(`select tmidb.ingest('named', 'n', '{"gps": {"lat": 1, "lon": 2}}'), tmidb.publish_views(), tmidb.rename_field('named', 'gps.lat', 'latitude'),
    tmidb.describe_field('named', 'gps.lat', 'How far north', 'deg'), tmidb.publish_views()`)
  assert.deepEqual(await db.query('select latitude, gps_lat, gps_lon from api.named_v1'), [
    { latitude: 1, gps_lat: 1, gps_lon: 2 },
  ])
  await db.query(`insert into api.named_v1 (target, latitude, gps_lon) values ('m', 3, 4)`)
  assert.deepEqual(await db.query(`select payload from tmidb.ts_obs join tmidb.target t using (target_id) where t.key = 'm'`), [
    { payload: { gps: { lat: 3, lon: 4 } } },
  ])
})
