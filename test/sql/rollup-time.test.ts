// SPDX-License-Identifier: MIT
// Buckets of time: time_bucket on clocks that are put forward and back, and buckets that nothing fell into.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())

const zones = [
  'UTC',
  'Asia/Seoul',
  'Asia/Kolkata',
  'Europe/Berlin',
  'America/New_York',
  'America/Havana',
  'America/Sao_Paulo',
  'Australia/Sydney',
]

test('days, weeks, months and years begin where date_trunc begins them, in every hour of years with clock changes', async () => {
  for (const zone of zones) {
    const wrong = await db.query(
      `select h, u, api.time_bucket(('1 ' || u)::interval, h, $1) as got, date_trunc(u, h, $1) as wanted
       from generate_series('2017-08-31T00:30Z'::timestamptz, '2019-01-02Z', '1 hour') h, unnest(array['day', 'week', 'month', 'year']) u
       where api.time_bucket(('1 ' || u)::interval, h, $1) <> date_trunc(u, h, $1)
         -- Midnight that the clock shows twice: date_trunc begins the day the second time, after its own first hour.
         and date_trunc(u, h, $1) <= h
         and (date_trunc(u, h, $1) - interval '1 hour') at time zone $1 <> date_trunc(u, h, $1) at time zone $1`,
      [zone],
    )
    assert.deepEqual(wrong, [], zone)
  }
})

test('a bucket never begins after the moment it holds, and its beginning is in it', async () => {
  for (const zone of zones) {
    const wrong = await db.query(
      `select h, w, b from (select generate_series('2018-02-10T00:15Z'::timestamptz, '2018-04-03Z', '30 minutes') as h
         union all select generate_series('2018-10-05T00:15Z'::timestamptz, '2018-11-08Z', '30 minutes')) g,
         unnest(array['15 minutes', '1 hour', '2 hours', '6 hours', '1 day', '3 days', '1 week', '1 month', '3 months', '1 year']::interval[]) w,
         api.time_bucket(w, h, $1) b
       where b > h or api.time_bucket(w, b, $1) <> b`,
      [zone],
    )
    assert.deepEqual(wrong.slice(0, 3), [], zone)
  }
})

test('a day has 23, 24 or 25 hours, each a bucket of its own', async () => {
  for (const [date, zone, hours] of [
    ['2018-03-11', 'America/New_York', 23],
    ['2018-11-04', 'America/New_York', 25],
    ['2018-03-25', 'Europe/Berlin', 23],
    ['2018-10-28', 'Europe/Berlin', 25],
    ['2018-11-04', 'America/Havana', 25],
    ['2018-11-04', 'America/Sao_Paulo', 23],
    ['2018-07-01', 'Asia/Seoul', 24],
  ]) {
    const [row] = await db.query(
      `select count(distinct api.time_bucket('1 hour', m, $2))::int as hours, count(*)::int as minutes
       from generate_series($1::date - interval '1 day', $1::date + interval '2 days', '1 minute') l, lateral (select l at time zone 'UTC' as m) x
       where api.time_bucket('1 day', m, $2) = api.time_bucket('1 day', ($1 || ' 12:00')::timestamp at time zone $2, $2)`,
      [date, zone],
    )
    assert.deepEqual(row, { hours, minutes: (hours as number) * 60 }, `${date} ${zone}`)
  }
})

test('buckets are counted from Monday 2000-01-03, months from 2000-01-01, or from the origin that is given', async () => {
  const [row] = await db.query(`select to_jsonb(x) as x from (select
    api.time_bucket('1 week', '2026-11-21T10:00Z') as week, api.time_bucket('5 minutes', '2026-11-21T10:04:59.999Z') as five,
    api.time_bucket('5 months', '2026-11-21T10:00Z') as months, api.time_bucket('3 days', '1999-12-31T10:00Z') as before,
    api.time_bucket('1 month', '2026-11-14T10:00Z', 'UTC', '2026-01-15Z') as mid, api.time_bucket('1 day', '2026-11-21T05:00Z', 'UTC', '2026-01-01T06:00Z') as six,
    api.time_bucket('1 year', '2026-01-01T14:59Z', 'Asia/Seoul') as year, api.time_bucket('1 day', 'infinity') as never) x`)
  assert.deepEqual(
    Object.fromEntries(
      Object.entries((row as { x: Record<string, string> }).x).map(([k, v]) => [
        k,
        v === 'infinity' ? v : new Date(v).toISOString(),
      ]),
    ),
    {
      week: '2026-11-16T00:00:00.000Z',
      five: '2026-11-21T10:00:00.000Z',
      months: '2026-09-01T00:00:00.000Z',
      before: '1999-12-31T00:00:00.000Z',
      mid: '2026-10-15T00:00:00.000Z',
      six: '2026-11-20T06:00:00.000Z',
      year: '2025-12-31T15:00:00.000Z',
      never: 'infinity',
    },
  )
  for (const width of ['0 s', '-1 hour', '1 month 1 day', '1 day -1 hour'])
    await assert.rejects(db.query(`select api.time_bucket($1, now())`, [width]), { code: 'TM305' }, width)
})

test('all buckets of a range, each once and in its place, are the ones that its moments fall into', async () => {
  for (const zone of zones) {
    for (const width of ['1 hour', '6 hours', '1 day', '1 week', '1 month']) {
      const wrong = await db.query(
        `select b from tmidb.bucket_starts($2, '2018-02-03T04:05Z', '2018-12-03T04:05Z', $1) b
         full join (select distinct api.time_bucket($2, m, $1) as c from (
           select generate_series('2018-02-03T04:05Z'::timestamptz, '2018-12-03T04:04Z', '30 minutes') as m union all select '2018-12-03T04:04Z') y) x on b = c
         where b is null or c is null`,
        [zone, width],
      )
      assert.deepEqual(wrong, [], `${zone} ${width}`)
    }
  }
})

const series = (fill: string, from = '2026-11-01T00:00Z', to = '2026-11-01T08:00Z', more = '') =>
  db.query<Record<string, number | null>>(
    `select extract(hour from bucket_ts at time zone 'UTC')::int as h, count::int, min, avg, sum, last from api.series('gap', 't', 'v', $1, $2, '1 hour', fill => $3) ${more}`,
    [from, to, fill],
  )

test('empty buckets: left out, empty, what stood before, or on a line between the neighbours', async () => {
  await db.query(`select tmidb.make_chunk('2026-11-01Z')`)
  for (const [at, v] of [
    ['01:10', 4],
    ['01:50', 8],
    ['05:30', 14],
    ['06:00', 20],
  ])
    await db.query(`select tmidb.ingest('gap', 't', $1, $2)`, [{ v }, `2026-11-01T${at}Z`])
  assert.deepEqual(
    (await series('none')).map((r) => [r.h, r.count, r.min, r.avg, r.sum, r.last]),
    [
      [1, 2, 4, 6, 12, 8],
      [5, 1, 14, 14, 14, 14],
      [6, 1, 20, 20, 20, 20],
    ],
  )
  const avg = async (fill: string) => (await series(fill)).map((r) => r.avg)
  assert.deepEqual(await avg('null'), [null, 6, null, null, null, 14, 20, null])
  assert.deepEqual(await avg('previous'), [null, 6, 6, 6, 6, 14, 20, 20])
  assert.deepEqual(await avg('linear'), [null, 6, 8, 10, 12, 14, 20, null])
  assert.deepEqual((await series('linear'))[3], { h: 3, count: 0, min: 9, avg: 10, sum: null, last: 11 })
})

test('arguments that make no sense are TM305, an empty range gives nothing', async () => {
  assert.deepEqual(await series('null', '2026-11-02Z', '2026-11-01Z'), [])
  await assert.rejects(series('nearest'), { code: 'TM305' })
  await assert.rejects(series('none', '2026-11-01Z', 'infinity'), { code: 'TM305' })
  await assert.rejects(series('null', '1900-01-01Z', '2026-01-01Z'), { code: 'TM305' })
  const call = (args: string) => db.query(`select * from api.series('gap', 't', 'v', now() - interval '1 day', now(), ${args})`)
  for (const args of [`'0 s'`, `null`, `'1 month 1 day'`, `'1 hour', 'Mars/Olympus'`, `'1 hour', null`, `'1 hour', fill => null`])
    await assert.rejects(call(args), { code: 'TM305' }, args)
})
