// SPDX-License-Identifier: MIT
// api.latest: the newest readings of each target and category, from hot and packed chunks, without reading more than it gives.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { withClient } from '../../src/db/superuser.ts'
import { plansOf } from '../lib/plans.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

const hypertable = process.env.TMIDB_TEST_HYPERTABLE === '1'
const targets = 30

let db: TestDatabase
before(async () => {
  db = await testDatabase()
  // A chunk a day for 100 days, as an instance has that runs so long; make_chunk would cut the past into months.
  if (!hypertable) {
    await db.query(`do $$
      declare
        d timestamptz;
        v_name text;
      begin
        for d in select date_trunc('day', now() - n * interval '1 day', 'UTC') from generate_series(2, 100) n loop
          v_name := 'ts_obs_' || to_char(d at time zone 'UTC', 'YYYYMMDD');
          perform tmidb.make_leaf(v_name);
          execute format('alter table tmidb.ts_obs attach partition tmidb_parts.%I for values from (%L) to (%L)', v_name, d, d + interval '24 hours');
          insert into tmidb.chunk (from_ts, to_ts, name) values (d, d + interval '24 hours', v_name);
        end loop;
      end $$`)
  }
  // Every five hours for 90 days; the last of them have been silent for longer and longer.
  // Put in beside the way in, and so into the ledger by hand.
  await db.query(`
    select tmidb.ingest('sensor', 't-' || t, '{"temperature": 1, "status": "ok"}', now() - interval '99 days') from generate_series(1, ${targets}) t;
    select tmidb.ingest('log', 't-1', '{"text": "first"}', now() - interval '2 days'), tmidb.ingest('log', 't-1', '{"text": "second"}', now() - interval '1 day');
    with put as (insert into tmidb.ts_obs (ts, position, digest, target_id, version_id, category_id, payload)
    select now() - k * interval '5 hours', 1000000 + (500 - k) * 1000 + t, k, o.target_id, o.version_id, o.category_id,
           jsonb_build_object('temperature', k, 'status', 'ok')
    from generate_series(1, ${targets}) t
    join tmidb.target g on g.key = 't-' || t
    join lateral (select x.* from tmidb.ts_obs x join tmidb.category c using (category_id)
                  where x.target_id = g.target_id and c.name = 'sensor' limit 1) o on true
    cross join generate_series(1, 432) k where k > case when t > 20 then (t - 20) * 40 else 0 end returning 1)
    insert into tmidb.ledger (speaker_id, shard, received, stored) select 0, 0, count(*), count(*) from put;
    analyze`)
})
after(() => db[Symbol.asyncDispose]())

interface Row {
  target: string
  category: string
  version: string
  ts: Date
  reading_id: string
  data: Record<string, unknown>
}
const latest = (args: string) =>
  withClient(db.superUrl, async (c) => {
    await c.query('set session authorization admin')
    return (await c.query<Row>(`select * from api.latest(${args})`)).rows
  })

const expected = (where: string, n: number) =>
  db.query<Row>(
    `select target, category, version, ts, reading_id, data from (
       select t.key as target, c.name as category, v.major || '.' || v.minor as version, o.ts, o.position as reading_id,
         coalesce(o.payload, tmidb.unpack(o.version_id, o.compact)) as data,
         row_number() over (partition by o.target_id, o.category_id order by o.ts desc, o.position desc) as nth
       from tmidb.ts_obs o join tmidb.target t using (target_id) join tmidb.category c using (category_id)
       join tmidb.schema_version v using (version_id)) x where nth <= $1 and ${where} order by ts desc, reading_id desc`,
    [n],
  )

test('it gives what sorting everything gives: of all, of one category, of one target, one or many of each', async () => {
  for (const [args, where, n] of [
    ['', 'true', 1],
    ['n => 7', 'true', 7],
    [`category => 'log'`, `category = 'log'`, 1],
    [`target => 't-1', n => 3`, `target = 't-1'`, 3],
    [`'sensor', 't-29', 500`, `target = 't-29' and category = 'sensor'`, 500],
    [`target => 'nobody'`, 'false', 1],
    [`category => 'nothing'`, 'false', 1],
  ] as const) {
    assert.deepEqual(await latest(args), await expected(where, n), args)
  }
})

test('max_age leaves out what is older', async () => {
  const young = (rows: Row[]) => rows.filter((r) => r.ts.getTime() > Date.now() - 3 * 24 * 3600_000)
  const rows = await latest(`n => 50, max_age => '3 days'`)
  assert.deepEqual(rows, young(await latest('n => 50')))
  assert.ok(rows.length > 100)
})

test('readings of one instant come in the order of their numbers', async () => {
  for (const n of [1, 2, 3])
    await db.query(`select tmidb.ingest('same', 's', '{"n": ${n}}', '${new Date().toISOString().slice(0, 10)}')`)
  assert.deepEqual(
    (await latest(`target => 's', n => 2`)).map((r) => r.data.n),
    [3, 2],
  )
})

test('packed readings are given whole', { skip: hypertable }, async () => {
  // Only what is rolled up is packed.
  await db.query('update tmidb.rollup_cursor set position = 1000000000')
  await db.query(`select tmidb.rewrite_chunk(from_ts) from tmidb.chunk where to_ts < now() - interval '40 days'`)
  assert.ok((await db.query('select from tmidb.ts_obs where compact is not null')).length > 1000)
  // As text: the difference of so many objects would take minutes to write.
  const [rows, all] = [await latest(`'sensor', n => 400`), await expected(`category = 'sensor'`, 400)]
  assert.equal(rows.length, all.length)
  assert.ok(JSON.stringify(rows) === JSON.stringify(all))
})

test('in packed chunks only few are looked for; by its name everybody is found', { skip: hypertable }, async () => {
  await db.query(`select tmidb.ingest('other', 'x-' || n, '{"a": 1}', now() - interval '90 days') from generate_series(1, 30) n`)
  // 30 targets of one category, silent for long: few enough. With the pairs that have no reading at all they are too many.
  assert.equal((await latest(`category => 'other', target => 'x-7'`)).length, 1)
  assert.equal((await latest('')).filter((r) => r.category === 'other').length, 0)
  assert.equal((await latest(`target => 'x-7'`)).length, 1)
})

test('the newest of one target and of all are index look-ups in the newest chunks, and older chunks are not opened', {
  skip: hypertable,
}, async () => {
  for (const query of [`select * from api.latest('sensor', 't-3', 2)`, `select * from api.latest('sensor', 't-1')`]) {
    const plan = await plansOf(db, query)
    const read = new Set([...plan.matchAll(/(?:Scan|using) \S* ?on (ts_obs_\d+)|on (ts_obs_\d+) /g)].map((m) => m[1] ?? m[2]))
    assert.ok(read.size >= 1 && read.size <= 8, [...read].join(' '))
    assert.match(plan, /Index Scan (Backward )?using ts_obs_\d+_identity_idx/)
    assert.doesNotMatch(plan, /Seq Scan on ts_obs/)
  }
  const plan = await plansOf(db, `select * from api.latest('sensor')`)
  assert.match(plan, /Index Scan (Backward )?using ts_obs_\d+_identity_idx/)
  assert.doesNotMatch(plan, /Seq Scan on ts_obs/)
  // One row a look-up, not a chunk's rows.
  const rows = [...plan.matchAll(/using ts_obs_\d+_identity_idx on \S+ \S+ +\(cost=[^)]*\) \(actual rows=(\d+)/g)].map((m) =>
    Number(m[1]),
  )
  assert.ok(rows.length > 0 && Math.max(...rows) <= 2, rows.join(' '))
})

test('a listener gets the readings and fields that it may see', async () => {
  const login = `latest_${process.pid}`
  await db.query(`select tmidb.create_listener('${login}'); select tmidb.create_login('listener', '${login}', 'secret-password')`)
  const seen = async () =>
    await withClient(db.superUrl, async (c) => {
      await c.query(`set session authorization ${login}`)
      return (await c.query<Row>('select * from api.latest()')).rows
        .map((r) => `${r.target} ${r.category} ${Object.keys(r.data).sort()}`)
        .sort()
    })
  assert.deepEqual(await seen(), [])
  await db.query(`select tmidb.subscribe('${login}', 'sensor', array['t-1', 't-2'], array['temperature'])`)
  assert.deepEqual(await seen(), ['t-1 sensor temperature', 't-2 sensor temperature'])
  await db.query(`select tmidb.subscribe('${login}', null, array['t-1'])`)
  assert.deepEqual(await seen(), ['t-1 log text', 't-1 sensor status,temperature', 't-2 sensor temperature'])
  await db.query(`drop role ${login}`)
})
