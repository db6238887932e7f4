// SPDX-License-Identifier: MIT
// Functions that read as the owner show what the views show: random grants with windows, groups and fields, and each door asked
// beside the views, in one statement, so that both mean the same moment.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Claims, openPool, type Pool, readAs } from '../../src/db/pool.ts'
import { plansOf } from '../lib/plans.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool
const people: { claims: Claims; classId: string; said: string[] }[] = []

/** The same numbers each time. */
let seed = 11
const random = (n: number) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * n)
}
const pick = <T>(of: readonly T[]) => of[random(of.length)] as T

before(async () => {
  db = await testDatabase()
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
  await db.query(`
    select tmidb.create_target('t' || i, null, jsonb_build_object('site', case when i % 2 = 0 then 'busan' else 'seoul' end)) from generate_series(0, 5) i;
    select tmidb.make_chunk(now() - n * interval '1 day') from generate_series(1, 4) n;
    select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 't' || n % 6, 'ts', now() - (n * 7919 % 3600) * interval '71 s',
      'data', jsonb_build_object('temp', n % 97, 'hum', n)))) from generate_series(1, 600) n;
    select tmidb.ingest('gps', jsonb_agg(jsonb_build_object('target', 't' || n % 6, 'ts', now() - (n * 7919 % 3600) * interval '71 s',
      'data', jsonb_build_object('latitude', n % 90 - 45, 'longitude', n % 180, 'speed', n)))) from generate_series(1, 240) n;
    select tmidb.roll_up() from generate_series(1, 16);
    select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 't' || n % 6, 'ts', now() - (n * 7919 % 3000) * interval '73 s',
      'data', jsonb_build_object('temp', n % 89, 'hum', n)))) from generate_series(601, 660) n;
    select tmidb.publish_views();
    select tmidb.create_group('busan', '$.site == "busan"'), tmidb.create_role('guest')`)
  const windows = ['3 minutes', '90 minutes', '5 hours', '26 hours', '100 days']
  for (let i = 0; i < 12; i++) {
    const name = `w${i}`
    const isPerson = i % 3 === 0
    await db.query(isPerson ? `select tmidb.create_account('${name}', null, 'guest')` : `select tmidb.create_listener('${name}')`)
    const said: string[] = []
    for (let g = 1 + random(4); g > 0; g--) {
      said.push(
        [
          `'${isPerson ? 'user' : 'listener'}:${name}'`,
          pick(['', `p_category => 'sensor'`, `p_category => 'gps'`]),
          pick(['', `p_group => 'busan'`, `p_targets => '{t1}'`, `p_targets => '{t2,t3}'`]),
          pick(['', '', `p_fields => '{temp}'`, `p_fields => '{hum,latitude}'`, `p_fields => '{latitude,longitude}'`]),
          pick(['', ...windows.map((w) => `p_window => '${w}'`)]),
        ]
          .filter((part) => part !== '')
          .join(', '),
      )
      await db.query(`select tmidb.grant_access(${said.at(-1)})`)
    }
    const [row] = await db.query<{ id: string; class_id: string }>(
      isPerson
        ? 'select account_id as id, class_id from tmidb.account where login = $1'
        : 'select listener_id as id, class_id from tmidb.listener where name = $1',
      [name],
    )
    const claims: Claims = isPerson
      ? { role: 'tmidb_member', account_id: row?.id as string, name }
      : { role: 'tmidb_listener', listener_id: row?.id as string, name }
    people.push({ claims: { ...claims, timeout_ms: 20_000 }, classId: row?.class_id as string, said })
  }
})

after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

const sensor = `select 'sensor' as category, target, ts, reading_id, jsonb_strip_nulls(jsonb_build_object('temp', temp, 'hum', hum)) as data from api.sensor_v1`
const gps = `select 'gps' as category, target, ts, reading_id,
  jsonb_strip_nulls(jsonb_build_object('latitude', latitude, 'longitude', longitude, 'speed', speed)) as data from api.gps_v1`
const readings = `(${sensor} union all ${gps}) r`
const newest = (n: number) =>
  `select category, target, ts, data from (select *, row_number() over (partition by category, target order by ts desc, reading_id desc) as nth from ${readings}) r where nth <= ${n}`
const places = `(select target, ts, latitude as lat, longitude as lon from api.gps_v1 where latitude is not null and longitude is not null) p`
const lastPlaces = `select distinct on (target) target, ts, lat, lon from ${places} order by target, ts desc`

/** What a door says, and the same by the views. */
const doors: Record<string, [door: string, views: string]> = {
  latest: [`select category, target, ts, data from api.latest(n => 3)`, newest(3)],
  'latest of a category and target': [
    `select category, target, ts, data from api.latest('sensor', 't2', 500)`,
    `select category, target, ts, data from ${readings} where category = 'sensor' and target = 't2'`,
  ],
  geo_last: ['select target, ts, lat, lon from api.geo_last()', lastPlaces],
  geo_nearest: [`select target, ts, lat, lon from api.geo_nearest(0, 0, 1000, max_age => null)`, lastPlaces],
  'geo_nearest a while ago': [
    `select target, ts, lat, lon from api.geo_nearest(0, 0, 1000, now() - interval '2 hours', null)`,
    `select distinct on (target) target, ts, lat, lon from ${places} where ts <= now() - interval '2 hours' order by target, ts desc`,
  ],
  geo_track: [
    `select t.target, g.* from unnest(array['t0', 't1', 't2', 't3']) t(target), api.geo_track(t.target, null, null) g`,
    `select * from ${places} where target in ('t0', 't1', 't2', 't3')`,
  ],
  geo_box: [
    `select target, ts, lat, lon from api.geo_box(-90, -180, 90, 180, null, null, n => 10000)`,
    `select * from ${places}`,
  ],
  geo_within: [
    `select target, ts, lat, lon from api.geo_within(0, 0, 20100000, null, null, n => 10000)`,
    `select * from ${places}`,
  ],
}

for (const [name, [door, views]] of Object.entries(doors)) {
  test(`${name} shows what the views show, whatever was granted`, async () => {
    const sorted = (sql: string) => `(select coalesce(jsonb_agg(to_jsonb(x) order by x::text), '[]') from (${sql}) x)`
    let rows = 0
    for (const { claims, said } of people) {
      const text = `select ${sorted(door)} as door, ${sorted(views)} as views`
      const [answer] = (await readAs<{ door: unknown[]; views: unknown[] }>(pool, claims, { text })).rows
      assert.deepEqual(answer?.door, answer?.views, said.join('; '))
      rows += answer?.door.length ?? 0
    }
    assert.ok(rows > 10, `${rows} rows were there to be seen`)
  })
}

test('what stands and what comes is what the views show', async () => {
  const theirs = (fn: string) =>
    `select coalesce(jsonb_agg(('{' || f.tail)::jsonb - 'version' order by f.tail), '[]') as door from ${fn} f`
  for (const { claims, classId, said } of people) {
    const views = async (sql: string) =>
      (
        await readAs<{ v: unknown[] }>(pool, claims, {
          text: `select coalesce(jsonb_agg(jsonb_build_object('category', category, 'target', target, 'data', data,
            'ts', to_char(ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))), '[]') as v from (${sql}) x`,
        })
      ).rows[0]?.v ?? []
    const door = async (fn: string) => (await db.query<{ door: unknown[] }>(theirs(fn)))[0]?.door ?? []
    const same = (a: unknown[], b: unknown[]) =>
      assert.deepEqual(
        a.map((x) => JSON.stringify(Object.entries(x as object).sort())).sort(),
        b.map((x) => JSON.stringify(Object.entries(x as object).sort())).sort(),
        said.join('; '),
      )
    same(await door(`tmidb.last_values(${classId})`), await views(newest(1)))
    const heads = `array[0, 0, 0, 0, 0, 0, 0, 0]::bigint[], tmidb.live_heads()`
    same(
      await door(`tmidb.fanout(${heads}, array[${classId}], '-infinity', 'infinity')`),
      await views(`select * from ${readings}`),
    )
  }
})

test('series show what the readings in the views add up to, also in the bucket that the window cuts', async () => {
  let buckets = 0
  for (const { claims, said } of people) {
    for (let i = 0; i < 6; i++) {
      const width = pick(['1 minute', '7 minutes', '1 hour', '6 hours', '1 day'])
      const from = `now() - interval '${1 + random(70)} hours'`
      const to = `now() - interval '${random(3)} minutes'`
      const zone = pick(['UTC', 'Asia/Seoul', 'Asia/Kolkata'])
      const field = pick(['temp', 'hum'])
      const text = `select
        (select coalesce(jsonb_agg(to_jsonb(s) - 'avg' order by target, bucket_ts), '[]') from api.series_by_target('sensor', '${field}', ${from}, ${to}, '${width}', timezone => '${zone}') s) as door,
        (select coalesce(jsonb_agg(to_jsonb(v) order by target, bucket_ts), '[]') from (
          select target, api.time_bucket('${width}', ts, '${zone}') as bucket_ts, count(*), min(${field}), max(${field}), sum(${field}),
            (array_agg(${field} order by ts, reading_id))[1] as first, (array_agg(${field} order by ts desc, reading_id desc))[1] as last
          from api.sensor_v1 where ${field} is not null and ts >= ${from} and ts < ${to} group by 1, 2) v) as views`
      const [answer] = (await readAs<{ door: unknown[]; views: unknown[] }>(pool, claims, { text })).rows
      assert.deepEqual(answer?.door, answer?.views, `${said.join('; ')}: ${text}`)
      buckets += answer?.door.length ?? 0
    }
  }
  assert.ok(buckets > 1000, `${buckets} buckets`)
})

test('a reading that comes late is news for those only whose window reaches back so far', async () => {
  await db.query(`select tmidb.create_listener('day'), tmidb.create_listener('hour'), tmidb.grant_access('listener:day', p_category => 'sensor', p_window => '1 day'),
    tmidb.grant_access('listener:hour', p_category => 'sensor', p_targets => '{t1}', p_window => '1 hour')`)
  const [before] = await db.query<{ heads: string[] }>('select tmidb.live_heads() as heads')
  await db.query(
    `select tmidb.ingest('sensor', 't1', '{"temp": 1}', now() - h * interval '1 hour') from unnest(array[0, 2, 30]) h`,
  )
  const rows = await db.query<{ name: string; ages: number[] }>(
    `select l.name, array_agg(round(extract(epoch from now() - (('{' || f.tail)::jsonb->>'ts')::timestamptz) / 3600)::int order by 1) as ages
     from tmidb.listener l, tmidb.fanout($1, tmidb.live_heads(), array(select class_id from tmidb.listener where name in ('day', 'hour')), '-infinity', 'infinity') f
     where l.name in ('day', 'hour') and l.class_id = any(f.classes) group by 1 order by 1`,
    [before?.heads],
  )
  assert.deepEqual(
    rows.map((r) => [r.name, r.ages.sort()]),
    [
      ['day', [0, 2]],
      ['hour', [0]],
    ],
  )
})

test('no plan calls a function of the rules for each row', async () => {
  const plans = await plansOf(
    db,
    `reset session authorization; set auto_explain.log_verbose = on;
     select count(*) from tmidb.fanout(array[0, 0, 0, 0, 0, 0, 0, 0]::bigint[], tmidb.live_heads(), array(select class_id from tmidb.permission_class), '-infinity', 'infinity');
     select count(*) from tmidb.last_values(${people[1]?.classId});
     set session authorization admin;
     select count(*) from api.latest(n => 3); select count(*) from api.geo_last(); select count(*) from api.geo_box(-90, -180, 90, 180);
     select count(*) from api.series_by_target('sensor', 'temp', now() - interval '1 day', now(), '1 hour')`,
  )
  assert.match(plans, /Output: .*width_bucket/, 'they stand in the plans themselves')
  for (const line of plans.split('\n')) {
    if (/^\s*(Output|Filter|Index Cond|Recheck Cond|Join Filter|Hash Cond|Sort Key|Function Call): /.test(line))
      assert.doesNotMatch(line, /(mask_at|shown_at|shown_since)\(/)
  }
})
