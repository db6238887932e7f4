// SPDX-License-Identifier: MIT
// The functions about places against brute force in JavaScript, who may see a trace, and which index they read.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Client, withClient } from '../../src/db/superuser.ts'
import { plansOf } from '../lib/plans.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

const radius = 6378168
const fixes = 4000
const queries = 500
const start = Date.UTC(2026, 0, 1)

interface Fix {
  target: string
  ts: number
  lat: number
  lon: number
}

let db: TestDatabase
let trace: Fix[]

/** The same points at every run: a failure can be looked at again. */
let seed = 7
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed / 2147483648
}
const rad = (d: number) => (d * Math.PI) / 180
const haversine = (a: { lat: number; lon: number }, b: { lat: number; lon: number }) => {
  const h =
    Math.sin(rad(b.lat - a.lat) / 2) ** 2 + Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(rad(b.lon - a.lon) / 2) ** 2
  return 2 * radius * Math.asin(Math.min(1, Math.sqrt(h)))
}
/** Everywhere, with crowds where it is hard: both poles and the antimeridian. */
const place = () => {
  const r = random()
  const small = () => (random() - 0.5) * 4
  if (r < 0.2) return { lat: 90 - Math.abs(small()), lon: random() * 360 - 180 }
  if (r < 0.3) return { lat: -90 + Math.abs(small()), lon: random() * 360 - 180 }
  if (r < 0.6) {
    const lon = 180 + small()
    return { lat: small(), lon: lon > 180 ? lon - 360 : lon }
  }
  if (r < 0.62) return { lat: 90, lon: 0 }
  if (r < 0.64) return { lat: small(), lon: random() < 0.5 ? 180 : -180 }
  return { lat: (Math.asin(random() * 2 - 1) * 180) / Math.PI, lon: random() * 360 - 180 }
}
const at = (ms: number) => new Date(ms).toISOString()
const key = (f: { target: string; ts: Date | number }) => `${f.target} ${new Date(f.ts).getTime()}`

before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.make_chunk('2026-01-01'), tmidb.make_chunk('2026-01-02')`)
  await db.query(`select tmidb.ingest('gps', 'truck-0', '{"lat": 1, "lon": 1}')`)
  await db.query('truncate tmidb.geo_trace')
  trace = Array.from({ length: fixes }, (_, i) => ({ target: `truck-${i % 50}`, ts: start + i * 10_000, ...place() }))
  await db.query(`insert into tmidb.target (key) select 'truck-' || i from generate_series(0, 49) i on conflict do nothing`)
  await db.query(
    `insert into tmidb.geo_trace (target_id, category_id, source_id, ts, lat, lon)
     select t.target_id, s.category_id, s.source_id, u.ts, u.lat, u.lon
     from unnest($1::text[], $2::timestamptz[], $3::float8[], $4::float8[]) u(key, ts, lat, lon)
     join tmidb.target t using (key) cross join tmidb.geo_source s`,
    [trace.map((f) => f.target), trace.map((f) => at(f.ts)), trace.map((f) => f.lat), trace.map((f) => f.lon)],
  )
  await db.query('analyze tmidb.geo_trace')
})
after(() => db[Symbol.asyncDispose]())

/** As the administrator, on one connection. */
const many = <T>(fn: (c: Client) => Promise<T>): Promise<T> =>
  withClient(db.superUrl, async (c) => {
    await c.query('set session authorization admin')
    return await fn(c)
  })

/** Inside for certain, outside for certain; what lies on the line by less than a millimetre may be either. */
function compare(name: string, found: Set<string>, all: Fix[], how: (f: Fix) => number): void {
  for (const f of all) {
    const over = how(f)
    if (over < -0.001) assert.ok(found.has(key(f)), `${name}: ${JSON.stringify(f)} is missing`)
    if (over > 0.001) assert.ok(!found.has(key(f)), `${name}: ${JSON.stringify(f)} is too much`)
  }
}

test('geo_within finds what brute force finds, at the poles and across the antimeridian too', async () => {
  await many(async (c) => {
    let found = 0
    for (let i = 0; i < queries; i++) {
      const middle = place()
      const r = 10 ** (3 + random() * 4.3)
      const from = start + Math.floor(random() * fixes) * 10_000
      const to = from + 3 * 3600_000
      const { rows } = await c.query<{ target: string; ts: Date; distance_m: number }>(
        'select target, ts, distance_m from api.geo_within($1, $2, $3, $4, $5, n => 10000)',
        [middle.lat, middle.lon, r, at(from), at(to)],
      )
      const inTime = trace.filter((f) => f.ts >= from && f.ts <= to)
      compare(`${JSON.stringify(middle)} ${r}`, new Set(rows.map(key)), inTime, (f) => haversine(middle, f) - r)
      assert.ok(rows.every((row) => row.ts.getTime() >= from && row.ts.getTime() <= to))
      found += rows.length
    }
    assert.ok(found > 5000, `${found}`)
  })
})

test('geo_box finds what brute force finds; where east is less than west it goes across the antimeridian', async () => {
  await many(async (c) => {
    let [found, across] = [0, 0]
    for (let i = 0; i < queries; i++) {
      const [south, north] = [random() * 180 - 90, random() * 180 - 90].sort((a, b) => a - b) as [number, number]
      const west = i % 10 === 0 ? 170 + random() * 10 : random() * 360 - 180
      const east = i % 10 === 0 ? -180 + random() * 10 : random() * 360 - 180
      const { rows } = await c.query<{ target: string; ts: Date }>(
        'select target, ts from api.geo_box($1, $2, $3, $4, null, null, n => 10000)',
        [south, west, north, east],
      )
      const width = east - west + (east < west ? 360 : 0)
      compare(`${[south, west, north, east]}`, new Set(rows.map(key)), trace, (f) => {
        const eastward = (((f.lon - west) % 360) + 360) % 360
        return Math.max(south - f.lat, f.lat - north, Math.min(eastward, 360) - width)
      })
      found += rows.length
      if (east < west) across += rows.length
    }
    assert.ok(found > 5000 && across > 1000, `${found} ${across}`)
  })
})

test('geo_nearest gives the targets by their last position until then', async () => {
  await many(async (c) => {
    for (let i = 0; i < queries; i++) {
      const middle = place()
      const when = start + Math.floor(random() * fixes * 10_000)
      const { rows } = await c.query<{ target: string; distance_m: number; ts: Date }>(
        `select target, ts, distance_m from api.geo_nearest($1, $2, 5, $3, '1 hour')`,
        [middle.lat, middle.lon, at(when)],
      )
      const last = new Map<string, Fix>()
      for (const f of trace) if (f.ts <= when && f.ts >= when - 3600_000) last.set(f.target, f)
      const expected = [...last.values()]
        .map((f) => haversine(middle, f))
        .sort((a, b) => a - b)
        .slice(0, 5)
      assert.equal(rows.length, expected.length)
      rows.forEach((row, n) => {
        assert.ok(Math.abs(row.distance_m - (expected[n] ?? 0)) < 0.01)
        assert.equal(last.get(row.target)?.ts, row.ts.getTime())
      })
    }
  })
})

test('distances are those of earthdistance', async () => {
  // Before PostgreSQL 16 earthdistance itself works only where its schema is in the search_path.
  const [row] = await withClient(db.superUrl, async (c) => {
    await c.query('set search_path = public, ext')
    const { rows } = await c.query<{ most: number }>(
      `select max(abs(tmidb.geo_distance(a.lat, a.lon, b.lat, b.lon) - earth_distance(ll_to_earth(a.lat, a.lon), ll_to_earth(b.lat, b.lon)))) as most
       from (select lat, lon from tmidb.geo_trace limit 100) a, (select lat, lon from tmidb.geo_trace offset 100 limit 100) b
       where tmidb.geo_distance(a.lat, a.lon, b.lat, b.lon) < 19000000`,
    )
    return rows
  })
  assert.ok((row?.most ?? 1) < 0.1, `${row?.most}`)
})

test('half way in time is half way along the shortest way, also over a pole and across the antimeridian', async () => {
  const between = (a: [number, number], b: [number, number], share: number) =>
    db
      .query<{ lat: number; lon: number }>('select * from tmidb.geo_between($1, $2, $3, $4, $5)', [...a, ...b, share])
      .then(([p]) => [p?.lat, p?.lon].map((x) => Math.round((x ?? 0) * 1e6) / 1e6))
  assert.deepEqual(await between([0, 0], [0, 10], 0.25), [0, 2.5])
  assert.deepEqual(await between([0, 179], [0, -179], 0.5), [0, 180])
  assert.deepEqual(await between([89, 0], [89, 180], 0.75), [89.5, 180])
  assert.deepEqual(await between([10, 20], [10, 20], 0.5), [10, 20])
})

test('geo_near_target: near at the moment, although both fixes of either are far away', async () => {
  const t = Date.now() - 3600_000
  const put = (target: string, minutes: number, lat: number, lon: number) =>
    db.query('select tmidb.ingest($1, $2, jsonb_build_object($$lat$$, $3::float8, $$lon$$, $4::float8), $5)', [
      'gps',
      target,
      lat,
      lon,
      at(t + minutes * 60_000),
    ])
  // Two cross each other's way at t, 20 km from every fix; one stands by, and one has no fix near that time.
  await put('north', -5, 50.0, 10)
  await put('north', 5, 50.4, 10)
  await put('south', -5, 50.4, 10.001)
  await put('south', 5, 50.0, 10.001)
  await put('parked', -1, 50.2, 10.01)
  await put('gone', -30, 50.2, 10)
  const rows = await many((c) =>
    c.query<{ target: string; lat: number; distance_m: number }>(`select * from api.geo_near_target('north', 1000, $1)`, [at(t)]),
  ).then((r) => r.rows)
  assert.deepEqual(
    rows.map((r) => r.target),
    ['south', 'parked'],
  )
  assert.ok(Math.abs((rows[0]?.lat ?? 0) - 50.2) < 1e-6)
  assert.ok(Math.abs((rows[0]?.distance_m ?? 0) - haversine({ lat: 50.2, lon: 10 }, { lat: 50.2, lon: 10.001 })) < 0.1)
  const earlier = await many((c) => c.query(`select * from api.geo_near_target('north', 1000, $1)`, [at(t - 5 * 60_000)]))
  assert.equal(earlier.rowCount, 0)
})

test('geo_track leaves nothing out that is further from the line than the tolerance', async () => {
  const walk = Array.from({ length: 3000 }, () => 0)
  let [lat, lon] = [60, 179.9]
  const points = walk.map((_, i) => {
    lat += (random() - 0.5) * 0.002
    lon += random() * 0.002
    return { lat, lon: lon > 180 ? lon - 360 : lon, ts: start + i * 1000 }
  })
  await db.query(
    `with t as (insert into tmidb.target (key) values ('walker') returning target_id)
     insert into tmidb.geo_trace (target_id, category_id, source_id, ts, lat, lon)
     select t.target_id, s.category_id, s.source_id, u.* from t, tmidb.geo_source s, unnest($1::timestamptz[], $2::float8[], $3::float8[]) u`,
    [points.map((p) => at(p.ts)), points.map((p) => p.lat), points.map((p) => p.lon)],
  )
  const track = (args: string) =>
    many((c) =>
      c.query<{ ts: Date; lat: number; lon: number }>(`select * from api.geo_track('walker', null, null, ${args})`),
    ).then((r) => r.rows)
  const kept = await track('50, 10000')
  assert.ok(kept.length > 20 && kept.length < 1500, `${kept.length}`)
  assert.equal(kept[0]?.ts.getTime(), points[0]?.ts)
  assert.equal(kept.at(-1)?.ts.getTime(), points.at(-1)?.ts)
  // On a plane around each stretch, which is a few hundred metres long.
  const flat = (p: { lat: number; lon: number }) => ({
    x: rad((p.lon + 360) % 360) * radius * Math.cos(rad(60)),
    y: rad(p.lat) * radius,
  })
  for (let n = 1; n < kept.length; n++) {
    const [a, b] = [kept[n - 1], kept[n]].map((k) => flat(k as { lat: number; lon: number })) as [
      { x: number; y: number },
      { x: number; y: number },
    ]
    for (const p of points) {
      if (p.ts <= (kept[n - 1]?.ts.getTime() ?? 0) || p.ts >= (kept[n]?.ts.getTime() ?? 0)) continue
      const q = flat(p)
      const [dx, dy] = [b.x - a.x, b.y - a.y]
      const share = Math.max(0, Math.min(1, ((q.x - a.x) * dx + (q.y - a.y) * dy) / (dx * dx + dy * dy || 1)))
      assert.ok(Math.hypot(q.x - a.x - share * dx, q.y - a.y - share * dy) < 51)
    }
  }
  assert.equal((await track('null, 100')).length, 100)
  assert.equal((await track('0, 10')).length, 10)
  assert.equal((await track('null, 5000')).length, 3000)
})

test('the GeoJSON of a track across the antimeridian is cut there; of one position it is a line, of none null', async () => {
  const json = (target: string) =>
    many((c) => c.query(`select api.geo_track_geojson($1, null, null, 50) as j`, [target])).then((r) => r.rows[0].j)
  const { geometry, properties } = await json('walker')
  assert.equal(geometry.type, 'MultiLineString')
  assert.equal(geometry.coordinates.length, 2)
  assert.equal(geometry.coordinates[0].at(-1)[0], 180)
  assert.equal(geometry.coordinates[1][0][0], -180)
  assert.equal(geometry.coordinates[0].at(-1)[1], geometry.coordinates[1][0][1])
  assert.equal(properties.times.length, properties.points)
  assert.deepEqual((await json('gone')).geometry, {
    type: 'LineString',
    coordinates: [
      [10, 50.2],
      [10, 50.2],
    ],
  })
  assert.equal((await json('nobody')).geometry, null)
})

test('geo_last gives the newest position of each', async () => {
  const rows = await many((c) => c.query(`select target, lat, lon from api.geo_last(array['north', 'parked', 'nobody'])`)).then(
    (r) => r.rows,
  )
  assert.deepEqual(rows, [
    { target: 'north', lat: 50.4, lon: 10 },
    { target: 'parked', lat: 50.2, lon: 10.01 },
  ])
})

test('an argument that makes no sense is TM305 with words', async () => {
  for (const [call, words] of [
    ['api.geo_within(91, 0, 1)', /lat is degrees/],
    ['api.geo_within(0, 0, -1)', /radius_m/],
    ['api.geo_within(0, 0, 1, n => 0)', /n is 1 to/],
    ['api.geo_nearest(0, 181)', /lon is degrees/],
    ['api.geo_box(10, 0, 5, 1)', /in this order/],
    [`api.geo_track('x', max_points => 1)`, /max_points/],
    [`api.geo_near_target('x', 1, max_age => '-1 h')`, /max_age/],
    [`api.geo_within('NaN', 0, 1)`, /lat is degrees/],
  ] as const) {
    await assert.rejects(
      many((c) => c.query(`select * from ${call}`)),
      (e: Error & { code: string }) => e.code === 'TM305' && words.test(e.message),
      call,
    )
  }
})

test('the trace goes with the retention of its category, in portions', async () => {
  const before = new Date(start + 1000 * 10_000)
  const old = await db.query('select from tmidb.geo_trace where ts < $1', [before])
  const forget = async () =>
    (
      await db.query<{ n: number }>(
        `select tmidb.forget_trace((select category_id from tmidb.category where name = 'gps'), $1, 600) as n`,
        [before],
      )
    )[0]?.n ?? 0
  let n = 0
  for (let once = await forget(); once > 0; once = await forget()) {
    assert.ok(once <= 600)
    n += once
  }
  assert.equal(n, old.length)
  assert.equal((await db.query('select from tmidb.geo_trace where ts < $1', [before])).length, 0)
  assert.ok((await db.query('select from tmidb.geo_trace')).length > 1000)
})

test('circles and boxes are read from the index over places and times, the rest from the key', async () => {
  for (const call of ['api.geo_within(10, 20, 5000)', 'api.geo_box(10, 20, 11, 21)']) {
    const plan = await plansOf(db, `select * from ${call}`)
    assert.match(plan, /Index Scan (using|on) geo_trace_place_idx/, call)
    assert.doesNotMatch(plan, /Seq Scan on geo_trace/, call)
  }
  for (const call of [
    'api.geo_nearest(10, 20)',
    `api.geo_near_target('truck-1', 5000)`,
    'api.geo_last()',
    `api.geo_track('truck-1')`,
  ]) {
    const plan = await plansOf(db, `select * from ${call}`)
    assert.match(plan, /Index (Only )?Scan (Backward )?using geo_trace_pkey/, call)
    assert.doesNotMatch(plan, /Seq Scan on geo_trace/, call)
  }
})

test('a listener sees a trace where it sees both fields that it is made of, and nothing of it else', async () => {
  const put = (category: string, target: string, data: object) =>
    db.query('select tmidb.ingest($1, $2, $3)', [category, target, JSON.stringify(data)])
  await put('car', 'a', { lat: 1, lon: 1, fuel: 3 })
  await put('car', 'b', { lat: 1, lon: 1.001, fuel: 3 })
  await put('car', 'c', { Latitude: 1, Longitude: 1.002, fuel: 3 })
  await put('boat', 'a', { lat: 1, lon: 1.003 })
  const rights: Record<string, [string, string | null, string | null][]> = {
    all: [['null', null, null]],
    cars: [["'car'", null, null]],
    half: [["'car'", null, "array['lat', 'fuel']"]],
    both: [["'car'", null, "array['lat', 'lon']"]],
    one: [["'car'", "array['a']", null]],
    sum: [
      ["'car'", null, "array['lat']"],
      ["'car'", "array['b']", "array['lon']"],
    ],
    none: [],
  }
  const seen: Record<string, string[][]> = {}
  await many(async (c) => {
    await c.query('reset session authorization')
    for (const [name, subscriptions] of Object.entries(rights)) {
      const login = `geo_${process.pid}_${name}`
      await c.query(`select tmidb.create_listener('${login}')`)
      for (const s of subscriptions) await c.query(`select tmidb.subscribe('${login}', ${s.map((x) => x ?? 'null').join(', ')})`)
      await c.query(`select tmidb.create_login('listener', '${login}', 'secret-password')`)
      await c.query(`set session authorization ${login}`)
      const read = async (call: string) =>
        (await c.query(`select target || ' ' || category as x from ${call} where target in ('a', 'b', 'c')`)).rows
          .map((r) => r.x)
          .sort()
      seen[name] = [
        await read('api.geo_within(1, 1, 1000)'),
        await read('api.geo_box(0.9, 0.9, 1.1, 1.1)'),
        (await c.query(`select count(*)::int as n from api.geo_track('a')`)).rows.map((r) => String(r.n)),
        [...new Set([...(await read('api.geo_last()')), ...(await read('api.geo_nearest(1, 1)'))])]
          .map((x) => x.split(' ')[0] ?? '')
          .sort(),
        await read(`api.geo_near_target('a', 1000)`).then((r) => r.map((x) => x.split(' ')[0] ?? '')),
      ]
      await c.query(`reset session authorization; drop role ${login}`)
    }
  })
  assert.deepEqual(seen, {
    all: [['a boat', 'a car', 'b car', 'c car'], ['a boat', 'a car', 'b car', 'c car'], ['2'], ['a', 'b', 'c'], ['b', 'c']],
    cars: [['a car', 'b car', 'c car'], ['a car', 'b car', 'c car'], ['1'], ['a', 'b', 'c'], ['b', 'c']],
    half: [[], [], ['0'], [], []],
    both: [['a car', 'b car'], ['a car', 'b car'], ['1'], ['a', 'b'], ['b']],
    one: [['a car'], ['a car'], ['1'], ['a'], []],
    sum: [['b car'], ['b car'], ['0'], ['b'], []],
    none: [[], [], ['0'], [], []],
  })
})

test('nobody else may call them, and nobody reads the trace itself', async () => {
  const [row] = await db.query<{ may: string[] }>(
    `select array(select r || ' ' || p.proname from unnest(array['tmidb_anonymous', 'tmidb_speaker', 'tmidb_api', 'tmidb_edge', 'tmidb_drain', 'tmidb_worker', 'tmidb_views']) r
       cross join pg_proc p where p.pronamespace = 'api'::regnamespace and p.proname like 'geo%' and has_function_privilege(r, p.oid, 'execute')) as may`,
  )
  assert.deepEqual(row?.may, [])
  const [table] = await db.query<{ may: string[] }>(
    `select array(select r from unnest(array['tmidb_listener', 'tmidb_viewer', 'tmidb_editor', 'tmidb_views', 'tmidb_api']) r
       where has_any_column_privilege(r, 'tmidb.geo_trace', 'select')) as may`,
  )
  assert.deepEqual(table?.may, [])
})
