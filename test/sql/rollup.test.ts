// SPDX-License-Identifier: MIT
// Roll-ups: what tmidb.series_rows gives is always what the readings themselves give, however late they come and whatever happens to
// the job that merges them.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Client, withClient } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())
beforeEach(async () => {
  // The floors afterwards: a retention that goes leaves its floor in raw_from.
  await db.query(`truncate tmidb.ts_obs, tmidb.ledger, tmidb.raw_bucket, tmidb.removal, tmidb.rollup_minute, tmidb.rollup_hour, tmidb.rollup_day;
    update tmidb.category set rollup_enabled = true, rollup_since = '-infinity', retention = null, minute_retention = null, hour_retention = null,
      day_retention = null;
    update tmidb.category set raw_from = '-infinity', minute_from = '-infinity', hour_from = '-infinity', day_from = '-infinity'`)
  await rollUp()
})

const rollUp = (most = 80_000) => db.query(`select count(*) from generate_series(1, 40) where tmidb.roll_up($1) > 0`, [most])

/** A generator that gives the same numbers each time. */
function random(seed: number): (n: number) => number {
  let x = seed
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return Math.floor((x / 2 ** 32) * n)
  }
}

const now = Date.now()
const day = 86_400_000
const iso = (ms: number) => new Date(ms).toISOString()

interface Query {
  target: string | null
  field: string
  from: string
  to: string
  width: string
  zone: string
}

/** The same by the readings alone. */
const plainly = `
  select t.key as target, api.time_bucket($5, o.ts, $6) as bucket, count(*), min(v), max(v), sum(v),
    (array_agg(v order by o.ts, o.position))[1] as first, (array_agg(v order by o.ts desc, o.position desc))[1] as last
  from tmidb.ts_obs o join tmidb.target t using (target_id) join tmidb.category c using (category_id)
  cross join lateral (select coalesce(o.payload, tmidb.unpack(o.version_id, o.compact)) -> $2 as x offset 0) p
  cross join lateral (select case when jsonb_typeof(x) = 'number' then x::numeric end as v offset 0) n
  where c.name = 'sensor' and v is not null and ($1::text is null or t.key = $1) and o.ts >= $3 and o.ts < $4 group by 1, 2 order by 1, 2`
const byRollups = `select * from tmidb.series_rows('sensor', case when $1::text is not null then array[$1] end, $2, $3, $4, $5, $6)`

/** Both answers of one snapshot. */
async function both(client: Client, q: Query): Promise<{ rollups: unknown[]; readings: unknown[] }> {
  const values = [q.target, q.field, q.from, q.to, q.width, q.zone]
  await client.query('begin isolation level repeatable read read only')
  const rollups = (await client.query(byRollups, values)).rows.map(canonical)
  const readings = (await client.query(plainly, values)).rows.map(canonical)
  await client.query('commit')
  return { rollups, readings }
}
/** 2.50 and 2.5 are one number. */
const canonical = (row: Record<string, unknown>) =>
  Object.values(row).map((v) =>
    typeof v === 'string' && /^-?\d+\.\d+$/.test(v) ? v.replace(/\.?0+$/, '') : v instanceof Date ? v.toISOString() : v,
  )

async function exact(q: Partial<Query> = {}): Promise<number> {
  return await withClient(db.superUrl, async (client) => {
    const query = { target: null, field: 'a', from: iso(now - 60 * day), to: iso(now + day), width: '1 hour', zone: 'UTC', ...q }
    const { rollups, readings } = await both(client, query)
    assert.deepEqual(rollups, readings, JSON.stringify(query))
    return readings.length
  })
}

/** Readings of three targets, some of them weeks late, some twice, some without the field. */
function readings(next: (n: number) => number, count: number): string {
  const list: object[] = []
  for (let i = 0; i < count; i++) {
    const back = [0.01, 0.2, 2, 20][next(4)] as number
    const data: Record<string, unknown> = { a: [next(1000) - 500, next(1000) / 8, Number(`${next(9)}e${next(12)}`)][next(3)] }
    if (next(3) > 0) data.b = next(100) / 10
    if (next(9) === 0) data.s = 'ok'
    const reading = { target: `t-${next(3)}`, ts: iso(now - Math.floor((next(1e6) / 1e6) * back * day)), data }
    list.push(reading)
    if (next(10) === 0) list.push(reading)
    if (next(20) === 0) list.push({ ...reading, data: { a: next(50) } })
  }
  return JSON.stringify(list)
}

function anyQuery(next: (n: number) => number): Query {
  const widths = [
    '1 minute',
    '5 minutes',
    '7 minutes',
    '13 seconds',
    '1 hour',
    '90 minutes',
    '6 hours',
    '1 day',
    '1 week',
    '1 month',
    '10 days',
  ]
  const back = [0.05, 1, 5, 25][next(4)] as number
  const unit = [1, 1000, 60_000, 3_600_000, day][next(5)] as number
  const edge = (ms: number) => iso(Math.floor(ms / unit) * unit)
  const from = now - (next(1000) / 1000) * back * day - unit
  return {
    target: next(4) === 0 ? null : `t-${next(4)}`,
    field: ['a', 'a', 'b', 's', 'none'][next(5)] as string,
    from: edge(from),
    to: edge(from + unit + (next(1000) / 1000) * back * day),
    width: (back > 1 ? widths.slice(4) : widths)[next(back > 1 ? 7 : 11)] as string,
    zone: ['UTC', 'UTC', 'Asia/Seoul', 'Asia/Kolkata', 'America/New_York'][next(5)] as string,
  }
}

test('600 random queries give what the readings give, while readings come, late and doubled ones too, and are merged', async () => {
  const next = random(7)
  await db.query(
    `select tmidb.ingest('sensor', $1), tmidb.make_chunk(now() - n * interval '1 day') from generate_series(2, 31) n`,
    [readings(next, 5)],
  )
  let stop = false
  const background = withClient(db.superUrl, async (client) => {
    const other = random(11)
    while (!stop) {
      await client.query(`select tmidb.ingest('sensor', $1)`, [readings(other, 40)])
      if (other(2) === 0) await client.query('select tmidb.roll_up($1)', [1 + other(200)])
      await client.query('select pg_sleep(0.02)')
    }
  })
  let found = 0
  try {
    await withClient(db.superUrl, async (client) => {
      for (let i = 0; i < 600; i++) {
        const q = anyQuery(next)
        const answers = await both(client, q)
        assert.deepEqual(answers.rollups, answers.readings, `${i}: ${JSON.stringify(q)}`)
        if (answers.readings.length > 0) found++
      }
    })
  } finally {
    stop = true
    await background
  }
  assert.ok(found > 250, `${found} of the queries found something`)
  const [rolled] = await db.query<{ n: number }>('select sum(count)::int as n from tmidb.rollup_day')
  assert.ok((rolled?.n ?? 0) > 500, 'roll-ups were there to be used')
})

test('a reading that comes again is counted once, one that comes late is merged into its old buckets', async () => {
  const ingest = (ts: string, data: object) => db.query(`select tmidb.ingest('sensor', 't', $1, $2)`, [JSON.stringify(data), ts])
  const at = iso(Math.floor(now / day) * day - 3_600_000)
  await ingest(at, { a: 5 })
  await ingest(at, { a: 5 })
  await rollUp()
  await ingest(at, { a: 5 })
  await ingest(iso(Date.parse(at) - 1000), { a: 7 })
  await rollUp()
  await ingest(iso(Date.parse(at) - 2000), { a: 9 })
  await ingest(iso(Date.parse(at) + 59_000), { a: 1.5 })
  await rollUp()
  assert.deepEqual(
    await db.query(`select count, min::float, max::float, sum::float, first::float, last::float from tmidb.rollup_hour`),
    [
      { count: 2, min: 7, max: 9, sum: 16, first: 9, last: 7 },
      { count: 2, min: 1.5, max: 5, sum: 6.5, first: 5, last: 1.5 },
    ],
  )
  assert.equal(await exact(), 2)
})

test('whole buckets come from the roll-ups of the widest grain that fits, and edges from finer ones and the readings', async () => {
  const base = Math.floor(now / day - 3) * day
  await db.query(`select tmidb.make_chunk(now() - n * interval '1 day') from generate_series(2, 4) n`)
  await db.query(
    `select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 't', 'ts', $1::timestamptz + n * interval '30 s', 'data', '{"a": 1}'::jsonb)))
    from generate_series(0, 6000) n`,
    [iso(base)],
  )
  await rollUp()
  // Each source is marked, so that a sum tells where it came from.
  await db.query(
    `update tmidb.rollup_minute set sum = count * 10; update tmidb.rollup_hour set sum = count * 100; update tmidb.rollup_day set sum = count * 1000`,
  )
  const sum = async (from: number, to: number, width: string, zone = 'UTC') =>
    (
      await db.query<{ sum: number }>(`select sum(sum)::int as sum from tmidb.series_rows('sensor', null, 'a', $1, $2, $3, $4)`, [
        iso(base + from),
        iso(base + to),
        width,
        zone,
      ])
    )[0]?.sum
  const [minute, hour] = [60_000, 3_600_000]
  assert.equal(await sum(0, 2 * day, '1 day'), 2 * 2880 * 1000)
  assert.equal(await sum(0, 2 * day, '1 hour'), 2 * 2880 * 100)
  assert.equal(await sum(0, day, '90 minutes'), 2880 * 10)
  assert.equal(await sum(0, hour, '20 s'), 120)
  assert.equal(await sum(hour, 2 * day, '1 day'), 2880 * 1000 + 23 * 120 * 100)
  assert.equal(await sum(minute, day, '1 day'), 23 * 120 * 100 + 59 * 2 * 10)
  assert.equal(
    await sum(minute + 10_000, 2 * day + hour + 30_001, '1 month'),
    2880 * 1000 + (23 + 1) * 120 * 100 + 58 * 2 * 10 + 1 + 2,
  )
  assert.equal(await sum(0, day, '1 day', 'Asia/Seoul'), 2880 * 100)
  assert.equal(await sum(0, day, '1 day', 'Asia/Kolkata'), 2880 * 10)
})

test('of two readings of one instant the first stored is the first, the last stored the last, across merges too', async () => {
  const at = iso(now)
  for (const a of [3, 1, 2]) {
    await db.query(`select tmidb.ingest('sensor', 't', $1, $2)`, [{ a }, at])
    await rollUp()
  }
  const rows = await db.query(`select first::int, last::int from tmidb.rollup_day`)
  assert.deepEqual(rows, [{ first: 3, last: 2 }])
  await exact()
})

test('four jobs at once and one that is ended midway count each reading once', async () => {
  const next = random(3)
  for (let i = 0; i < 5; i++) await db.query(`select tmidb.ingest('sensor', $1)`, [readings(next, 300)])
  await withClient(db.superUrl, async (client) => {
    await client.query('begin')
    await client.query('select tmidb.roll_up(100)')
    await client.query('rollback')
    await client.query('begin')
    const [{ rows }] = await Promise.all([client.query<{ pid: number }>('select pg_backend_pid() as pid, tmidb.roll_up(200)')])
    await db.query('select pg_terminate_backend($1)', [rows[0]?.pid])
  }).catch(() => {})
  await Promise.all([150, 170, 200, 250].map((most) => rollUp(most)))
  await rollUp()
  assert.deepEqual(await db.query('select sum(behind)::int as behind from tmidb.rollup_lag()'), [{ behind: 0 }])
  assert.ok((await exact()) > 20)
  for (const grain of ['minute', 'hour', 'day']) {
    const [row] =
      await db.query(`select (select sum(r.count) from tmidb.rollup_${grain} r join tmidb.rollup_series using (series_id)
        join tmidb.rollup_field f using (field_id) where f.name = 'a')
      = (select count(*) from tmidb.ts_obs where jsonb_typeof(payload -> 'a') = 'number') as same`)
    assert.deepEqual(row, { same: true }, grain)
  }
})

test('readings go by their retention and the roll-ups stay; what is left of them goes by its own', async () => {
  await db.query(`select tmidb.make_chunk(now() - n * interval '1 day') from generate_series(2, 25) n`)
  await db.query(`select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 't', 'ts', now() - n * interval '97 minutes', 'data', jsonb_build_object('a', n))))
    from generate_series(1, 300) n`)
  await db.query(`select tmidb.ingest('other', 't', '{"a": 1}', now() - n * interval '3 days') from generate_series(1, 6) n`)
  await rollUp()
  const range = { from: iso(Math.floor(now / day - 19) * day), to: iso(Math.floor(now / day) * day) }
  const rows = (width: string) =>
    db.query(
      `select bucket, count::int, sum::float, first::float, last::float from tmidb.series_rows('sensor', null, 'a', $1, $2, $3, 'UTC')`,
      [range.from, range.to, width],
    )
  const before = { hours: await rows('1 hour'), days: await rows('1 day'), minutes: await rows('1 minute') }
  await db.query(`select tmidb.set_retention('sensor', '5 days', '8 days', '12 days', null); select tmidb.drop_expired()`)
  assert.equal(
    (
      await db.query(
        `select from tmidb.ts_obs join tmidb.category using (category_id) where name = 'sensor' and ts < now() - interval '5 days'`,
      )
    ).length,
    0,
  )
  assert.deepEqual(await rows('1 hour'), before.hours)
  assert.deepEqual(await rows('1 minute'), before.minutes)
  await db.query('select tmidb.drop_expired_rollups()')
  assert.deepEqual(await rows('1 day'), before.days)
  const cut = (days: number) => Math.floor(now / day - days) * day
  const since = (list: Record<string, unknown>[], ms: number) => list.filter((r) => Number(r.bucket) >= ms)
  assert.deepEqual(since(await rows('1 hour'), cut(12)), since(before.hours, cut(12)))
  assert.deepEqual(since(await rows('1 minute'), cut(8)), since(before.minutes, cut(8)))
  const old = (await rows('1 minute')).filter((r) => Number(r.bucket) < cut(12))
  assert.deepEqual(
    old,
    before.days.filter((r) => Number(r.bucket) < cut(12)),
    'days stand in where nothing finer is left',
  )
  const left =
    await db.query(`select c.name, count(*) filter (where r.bucket < date_trunc('day', now() - interval '8 days', 'UTC'))::int as old
    from tmidb.rollup_minute r join tmidb.rollup_series using (series_id) join tmidb.rollup_field using (field_id) join tmidb.category c using (category_id)
    group by 1 order by 1`)
  assert.deepEqual(
    left,
    [
      { name: 'other', old: 4 },
      { name: 'sensor', old: 0 },
    ],
    'rows of a category that keeps them stay',
  )
  await db.query(`select tmidb.set_retention('other', null, '1 day')`)
  assert.ok((await db.query<{ n: number }>('select tmidb.drop_expired_rollups() as n'))[0]?.n)
  const [chunks] = await db.query(
    `select count(*)::int as n from tmidb.rollup_chunk where grain = 'minute' and to_ts < now() - interval '9 days'`,
  )
  assert.deepEqual(chunks, { n: 0 }, 'a piece that nobody keeps is dropped')
  // Longer again: what is gone stays gone, and nobody looks for it among the readings.
  await db.query(`select tmidb.set_retention('sensor', null)`)
  assert.deepEqual(await rows('1 day'), before.days)
})

test('readings that are not merged yet do not go before they are', async () => {
  await db.query(`select tmidb.make_chunk(now() - interval '5 days')`)
  await db.query(`select tmidb.ingest('sensor', 't', '{"a": 7}', now() - interval '5 days')`)
  // Of every category: then TimescaleDB drops whole chunks.
  await db.query(`select tmidb.set_retention(name, '2 days') from tmidb.category`)
  const sum = () =>
    db.query(`select sum::int from tmidb.series_rows('sensor', null, 'a', now() - interval '10 days', now(), '1 month', 'UTC')`)
  assert.deepEqual(await db.query('select tmidb.drop_expired()::int as n'), [{ n: 0 }])
  assert.deepEqual(await sum(), [{ sum: 7 }])
  await rollUp()
  assert.deepEqual(await db.query('select tmidb.drop_expired()::int as n'), [{ n: 1 }])
  assert.deepEqual(await sum(), [{ sum: 7 }])
})

test('turned off, queries read the readings; turned on again, they are exact for all times', async () => {
  await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(5), 100)])
  await rollUp()
  await db.query(`select tmidb.set_rollups('sensor', false)`)
  await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(6), 100)])
  await rollUp()
  await exact()
  await db.query(`select tmidb.set_rollups('sensor', true)`)
  await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(8), 100)])
  await rollUp()
  await exact()
  await exact({ width: '1 day', zone: 'Asia/Seoul' })
  await assert.rejects(db.query(`select tmidb.set_rollups('nothing', true)`), { code: 'TM107' })
  await assert.rejects(db.query(`select tmidb.set_retention('sensor', '-1 day')`), { code: 'TM108' })
})

test('history that comes after a retention was lengthened is in the answers, be roll-ups on, off or on again', async () => {
  await db.query(`select tmidb.make_chunk(now() - n * interval '1 day') from generate_series(0, 31) n`)
  await db.query(`select tmidb.ingest('sensor', 't-0', '{"a": 1}')`)
  await db.query(`select tmidb.set_retention('sensor', '2 days'); select tmidb.set_retention('sensor', null)`)
  for (const [i, enabled] of [true, false, true].entries()) {
    await db.query(`select tmidb.set_rollups('sensor', $1)`, [enabled])
    await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(41 + i), 100)])
    assert.ok((await exact()) > 20)
    await rollUp()
    await exact()
    await exact({ width: '1 day', zone: 'Asia/Seoul' })
  }
})

test('a chunk that is packed keeps what is not merged yet in its hot form, and every query stays exact', async () => {
  await db.query(`select tmidb.make_chunk(now() - n * interval '1 day') from generate_series(2, 31) n`)
  await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(21), 400)])
  await rollUp()
  await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(22), 400)])
  await db.query(`select tmidb.rewrite_chunk(from_ts) from tmidb.chunk where to_ts < now() and name <> 'hypertable'`)
  const [hot] = await db.query<{ n: number }>(`select count(*)::int as n from tmidb.ts_obs where compact is not null`)
  if ((await db.query(`select from tmidb.chunk where name <> 'hypertable'`)).length > 0) assert.ok((hot?.n ?? 0) > 100)
  await exact()
  await exact({ width: '7 minutes', from: iso(now - 3 * day + 12_345) })
  await rollUp()
  await exact()
  await exact({ width: '13 seconds', from: iso(now - day + 12_345) })
})

test('a piece of roll-ups that is put in order answers the same, and takes late readings', async () => {
  await db.query(`select tmidb.make_chunk(now() - n * interval '1 day') from generate_series(2, 31) n`)
  await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(31), 500)])
  await rollUp()
  while ((await db.query<{ n: string }>('select tmidb.settle_rollups() as n'))[0]?.n !== '0');
  assert.ok((await db.query('select from tmidb.rollup_chunk where settled_at is not null')).length > 3)
  await exact({ width: '1 minute' })
  await db.query(`select tmidb.ingest('sensor', $1)`, [readings(random(32), 500)])
  await rollUp()
  await exact({ width: '1 minute' })
  await exact({ width: '1 day' })
})

test('a field that is a number in one version and text in another counts where it is a number', async () => {
  for (const [i, a] of [1, 'two', '3', 4.5, 12345678901234567890n].entries()) {
    await db.query(`select tmidb.ingest('mixed', 't', $1, $2)`, [
      `{"a":${typeof a === 'string' ? JSON.stringify(a) : a}}`,
      iso(now - 100_000 + i * 1000),
    ])
  }
  const sum = () =>
    db.query(
      `select sum(count)::int as count, sum(sum)::text as sum from tmidb.series_rows('mixed', null, 'a', $1, $2, '1 day', 'UTC')`,
      [iso(now - day), iso(now)],
    )
  const before = await sum()
  assert.deepEqual(before, [{ count: 3, sum: '12345678901234567895.5' }])
  await rollUp()
  assert.deepEqual(await sum(), before)
})
