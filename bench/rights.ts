// SPDX-License-Identifier: MIT
// What rights cost: a listener that may see 50 of 1,000 targets asks through its view, and an administrator asks the same with the filter
// written out. In turn, each as the API asks (login, role and claims of the one who asks), on a warm cache; the medians' and the
// slow ends' ratios are what is looked for (1.3 at most).
import pg from 'pg'
import { type Claims, openPool, readAs } from '../src/db/pool.ts'
import type { Bench } from './bench.ts'

const targets = 1000
const seen = 50
const days = 10
const rounds = 25
const warmUp = 3

export async function rights(
  { superUrl, apiUrl, note }: Pick<Bench, 'superUrl' | 'apiUrl' | 'note'>,
  rows: number,
): Promise<void> {
  const client = new pg.Client({ connectionString: superUrl })
  await client.connect()
  const pool = openPool(apiUrl, { max: 1, application: 'rights' })
  try {
    await load(client, rows)
    await client.query(`select tmidb.create_listener('rights')`)
    await client.query(
      `select tmidb.subscribe('rights', 'rights', array(select 'rights-' || (i * ${targets / seen}) from generate_series(0, ${seen - 1}) i))`,
    )
    await client.query('vacuum analyze tmidb.ts_obs, tmidb.target')
    const { rows: known } = await client.query<{ id: string; ids: string[] }>(`
      select (select listener_id::text from tmidb.listener where name = 'rights') as id,
        array(select target_id::text from tmidb.target t
          where key in (select 'rights-' || (i * ${targets / seen}) from generate_series(0, ${seen - 1}) i)) as ids`)
    const { id = '', ids = [] } = known[0] ?? {}
    // As a door is told it.
    const { rows: told } = await client.query<{ claims: Claims }>('select tmidb.with_reach($1) as claims', [
      { role: 'tmidb_listener', listener_id: id, name: 'rights', timeout_ms: 600_000 },
    ])
    const listener = told[0]?.claims as Claims
    const admin: Claims = { role: 'tmidb_admin', name: 'admin', timeout_ms: 600_000 }
    const a_day = `ts >= date_trunc('day', now(), 'UTC') - interval '3 days' and ts < date_trunc('day', now(), 'UTC') - interval '2 days'`
    const view = 'api.rights_v1'
    /** What is asked, with the place where the administrator writes the filter. */
    const kinds: Record<string, (own: string) => string> = {
      'the newest 50 of a day': (own) =>
        `select target, ts, temperature from ${view} where ${a_day} ${own} order by ts desc limit 50`,
      'one target, a day': (own) =>
        `select ts, temperature, status from ${view} where target_id = '${ids[7]}' and ${a_day} ${own} order by ts`,
      'a day counted': (own) => `select count(*) from ${view} where ${a_day} ${own}`,
      'a day by target': (own) =>
        `select target, count(*), avg(temperature), max(temperature) from ${view} where ${a_day} ${own} group by target`,
      'by a value': (own) => `select count(*) from ${view} where ${a_day} and temperature > 25 ${own}`,
    }
    for (const [what, sql] of Object.entries(kinds)) {
      const own = sql(`and target_id = any('{${ids.join(',')}}')`)
      const [asListener, asAdmin]: [number[], number[]] = [[], []]
      const timed = async (who: Claims, text: string): Promise<[number, number]> => {
        const start = performance.now()
        const { rows: answer } = await readAs(pool, who, { text, onlyOurs: true })
        return [performance.now() - start, answer.length === 1 ? Number(Object.values(answer[0] as object)[0]) : answer.length]
      }
      for (let n = -warmUp; n < rounds; n++) {
        const [mine, got] = await timed(listener, sql(''))
        const [theirs, ought] = await timed(admin, own)
        if (got !== ought) throw new Error(`${what}: the answers differ: ${got} and ${ought}`)
        if (n >= 0) {
          asListener.push(mine)
          asAdmin.push(theirs)
        }
      }
      const at = (times: number[], part: number): number =>
        times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * part)] as number
      const ratio = (part: number): string => (at(asListener, part) / at(asAdmin, part)).toFixed(2)
      note(
        `rights: ${what}`,
        `p50 ${ratio(0.5)}x, p95 ${ratio(0.95)}x`,
        `listener ${at(asListener, 0.5).toFixed(1)} and ${at(asListener, 0.95).toFixed(1)} ms, administrator with the filter ${at(asAdmin, 0.5).toFixed(1)} and ${at(asAdmin, 0.95).toFixed(1)} ms`,
      )
    }
  } finally {
    await pool.end()
    await client.end()
  }
}

/** Ten days of readings, a chunk each, as an instance of that age has them. */
async function load(client: pg.Client, rows: number): Promise<void> {
  await client.query(`do $$ declare d date; v_name text; begin
    for i in 1..${days} loop
      d := (now() at time zone 'UTC')::date - i;
      v_name := 'ts_obs_' || to_char(d, 'YYYYMMDD');
      continue when exists (select from tmidb.chunk where from_ts <= d and to_ts > d);
      perform tmidb.make_leaf(v_name);
      execute format('alter table tmidb.ts_obs attach partition tmidb_parts.%I for values from (%L) to (%L)', v_name,
        d::timestamp at time zone 'UTC', (d + 1)::timestamp at time zone 'UTC');
      insert into tmidb.chunk (from_ts, to_ts, name) values (d::timestamp at time zone 'UTC', (d + 1)::timestamp at time zone 'UTC', v_name);
    end loop; end $$`)
  await client.query(`select tmidb.ingest('rights', 'rights-' || t, '{"temperature": 20.5, "humidity": 40, "status": "ok", "n": 1}')
    from generate_series(0, ${targets - 1}) t`)
  await client.query('select tmidb.publish_views()')
  const perDay = Math.ceil(rows / days)
  for (let d = 1; d <= days; d++) {
    await client.query(
      `insert into tmidb.ts_obs (ts, position, digest, target_id, version_id, category_id, payload)
       select r.ts, r.position, r.position, r.target_id, r.version_id, r.category_id, r.payload
       from (select ((now() at time zone 'UTC')::date - $1::int)::timestamp at time zone 'UTC' + g * interval '86399 s' / $2 as ts,
           (7::bigint << 50) + 2e12::bigint + $1::int * 1e8::bigint + g as position, t.ids[1 + g % ${targets}] as target_id, v.version_id, v.category_id,
           jsonb_build_object('temperature', (20 + (g % 97) / 10.0)::numeric(5, 1), 'humidity', 40 + g % 50, 'status', 'ok', 'n', g) as payload
         from (select array_agg(target_id order by key) as ids from tmidb.target where key like 'rights-%') t,
           (select version_id, category_id from tmidb.schema_version join tmidb.category c using (category_id) where c.name = 'rights' limit 1) v,
           generate_series(1, $2::int) g offset 0) r`,
      [d, perDay],
    )
  }
  // The ledger's balance is looked at when the instance stops.
  await client.query('insert into tmidb.ledger (speaker_id, shard, received, stored) values (0, 7, $1, $1)', [perDay * days])
}
