// SPDX-License-Identifier: MIT
// What lies in PostgreSQL: bytes a reading hot and cold, one series out of many rows, the latest of one target over 90 days of chunks.
// Each query is timed as SQL of a listener who may see half of the targets, on a warm cache, median of 11.
import pg from 'pg'
import type { Bench } from './bench.ts'

const days = 90
const targets = 1000

export async function storage(bench: Bench, rows: number): Promise<void> {
  const { note } = bench
  const client = new pg.Client({ connectionString: bench.superUrl })
  await client.connect()
  const one = async <T>(sql: string, values: unknown[] = []): Promise<T> => (await client.query(sql, values)).rows[0] as T
  try {
    // Chunks a day each, as an instance of that age has them; history would get months.
    await client.query(`do $$ declare d date; begin
      for i in 2..${days} loop
        d := (now() at time zone 'UTC')::date - i;
        continue when exists (select from tmidb.chunk where from_ts <= d and to_ts > d);
        perform tmidb.make_leaf('ts_obs_' || to_char(d, 'YYYYMMDD'));
        execute format('alter table tmidb.ts_obs attach partition tmidb_parts.%I for values from (%L) to (%L)',
          'ts_obs_' || to_char(d, 'YYYYMMDD'), d::timestamp at time zone 'UTC', (d + 1)::timestamp at time zone 'UTC');
        insert into tmidb.chunk (from_ts, to_ts, name) values (d::timestamp at time zone 'UTC', (d + 1)::timestamp at time zone 'UTC',
          'ts_obs_' || to_char(d, 'YYYYMMDD'));
      end loop; end $$`)
    await client.query(`select tmidb.ingest('series', 'series-' || t, '{"temperature": 20.5, "humidity": 40, "pressure": 1000, "voltage": 3.17, "status": "ok", "n": 1}')
      from generate_series(0, ${targets - 1}) t`)
    await client.query('select tmidb.publish_views()')
    const perDay = Math.ceil(rows / (days - 2))
    for (let d = 2; d < days; d++) {
      await client.query(
        `insert into tmidb.ts_obs (ts, position, digest, target_id, version_id, category_id, payload)
         select r.ts, r.position, jsonb_hash_extended(r.payload, 0), r.target_id, r.version_id, r.category_id, r.payload
         from (select ((now() at time zone 'UTC')::date - $1::int)::timestamp at time zone 'UTC' + g * interval '86400 s' / $2 as ts,
             (7::bigint << 50) + 1e12::bigint + $1::int * 1e8::bigint + g as position, t.ids[1 + g % ${targets}] as target_id, v.version_id, v.category_id,
             jsonb_build_object('temperature', (20 + (g % 100) / 10.0)::numeric(5, 1), 'humidity', 40 + g % 50,
               'pressure', 1000 + g % 30, 'voltage', (3 + (g % 10) / 10.0)::numeric(5, 2), 'status', 'ok', 'n', g) as payload
           from (select array_agg(target_id order by key) as ids from tmidb.target where key like 'series-%') t,
             (select version_id, category_id from tmidb.schema_version join tmidb.category c using (category_id) where c.name = 'series' limit 1) v,
             generate_series(1, $2::int) g offset 0) r`,
        [d, perDay],
      )
    }
    await client.query(`insert into tmidb.ledger (speaker_id, shard, received, stored) values (0, 7, $1, $1)`, [
      perDay * (days - 2),
    ])
    await client.query('vacuum analyze tmidb.ts_obs')
    await client.query(`select tmidb.create_listener('half')`)
    await client.query(
      `select tmidb.subscribe('half', 'series', array(select 'series-' || i from generate_series(0, ${targets / 2}) i))`,
    )
    const { id } = await one<{ id: string }>(`select listener_id as id from tmidb.listener where name = 'half'`)

    const size = () =>
      one<{ heap: string; index: string; rows: string }>(
        `select sum(pg_relation_size(l)) as heap, sum(pg_indexes_size(l)) as index, sum(n) as rows from (
           select ('tmidb_parts.' || c.name)::regclass as l, (select reltuples from pg_class where oid = ('tmidb_parts.' || c.name)::regclass) as n
           from tmidb.chunk c where c.to_ts < now() - interval '80 days') x`,
      )
    const per = (s: { heap: string; index: string; rows: string }) =>
      `${((Number(s.heap) + Number(s.index)) / Number(s.rows)).toFixed(1)} B (${(Number(s.heap) / Number(s.rows)).toFixed(0)} + ${(Number(s.index) / Number(s.rows)).toFixed(1)})`
    const asListener = async (what: string, sql: string, aim: string): Promise<void> => {
      const times: number[] = []
      let found = 0
      await client.query('set session authorization tmidb_api')
      for (let i = 0; i < 11; i++) {
        await client.query('begin read only; set local role tmidb_listener')
        await client.query(`select set_config('tmidb.claims', $1, true)`, [
          JSON.stringify({ role: 'tmidb_listener', listener_id: id }),
        ])
        const t0 = performance.now()
        found = (await client.query(sql)).rowCount ?? 0
        times.push(performance.now() - t0)
        await client.query('rollback')
      }
      await client.query('reset session authorization')
      times.sort((a, b) => a - b)
      note(what, `${times[5]?.toFixed(1)} ms`, `${found} rows; slowest of 11 ${times[10]?.toFixed(1)} ms; ${aim}`)
    }
    note(
      `rows, of ${targets.toLocaleString('en')} targets in ${days} days`,
      Number(
        (await one<{ n: string }>(`select sum(reltuples) as n from pg_class where relname ~ '^ts_obs_2'  and relkind = 'r'`)).n,
      ).toLocaleString('en'),
    )
    const span = (2000 * targets * (days - 2)) / rows
    const series = `select ts, temperature from api.series_v1 where target = 'series-7' and ts > now() - interval '${20 + span} days' and ts <= now() - interval '20 days' order by ts`
    await asListener('2,000 points of one series', series, 'aim < 50 ms')
    await asListener(
      'latest 20 of one target, by the view',
      `select * from api.series_v1 where target = 'series-7' order by ts desc limit 20`,
      '',
    )
    const latest = await client.query(`select to_regproc('api.latest') is not null as there`)
    if (latest.rows[0]?.there)
      await asListener('latest 20 of one target, api.latest', `select * from api.latest('series', 'series-7', 20)`, 'aim < 2 ms')
    const hot = await size()
    // The rows were put there past the roll-ups, and what these have not seen is not packed.
    await client.query(`update tmidb.rollup_cursor set position = 2e12::bigint where shard = 7`)
    const t0 = performance.now()
    const packed = await one<{ n: string }>(
      `select sum(tmidb.rewrite_chunk(from_ts)) as n from tmidb.chunk where to_ts < now() - interval '80 days'`,
    )
    const seconds = (performance.now() - t0) / 1000
    const cold = await size()
    note('bytes a reading of 6 fields, hot (heap + indexes)', per(hot))
    note('bytes a reading of 6 fields, cold', per(cold), `packed at ${bench.perSecond(Number(packed.n), seconds)}; aim <= 90 B`)
    await asListener(
      '2,000 points of one series, cold',
      series.replaceAll("'20 days'", "'80 days'").replace(`${20 + span} days`, `${80 + span} days`),
      '',
    )
  } finally {
    await client.end()
  }
}
