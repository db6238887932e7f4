// SPDX-License-Identifier: MIT
// npm run plans: the plans of the hot queries, as PostgreSQL ran them, into bench/plans.md. What to look for is said beside each.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { loadCatalog } from '../src/api/rest/catalog.ts'
import { link } from '../src/api/rest/link.ts'
import { parseQuery } from '../src/api/rest/parse.ts'
import { selectSql } from '../src/api/rest/sql.ts'
import { openPool } from '../src/db/pool.ts'
import { testDatabase } from '../test/lib/postgres.ts'

const targets = 500
const readings = 200

await using db = await testDatabase()
const client = new pg.Client({ connectionString: db.superUrl })
client.on('error', () => {})
await client.connect()
await client.query(`select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 'device-' || t, 'ts', now() - n * interval '1 s',
  'data', jsonb_build_object('temperature', 20 + n % 10, 'humidity', 40 + n % 50, 'status', 'ok')))) from generate_series(1, ${targets}) t,
  generate_series(1, ${readings}) n`)
await client.query('select tmidb.publish_views()')
await client.query(`select tmidb.create_listener('few')`)
await client.query(
  `select tmidb.subscribe('few', 'sensor', array(select 'device-' || i from generate_series(1, 50) i), array['temperature'])`,
)
await client.query('vacuum analyze')
const heads = (await client.query<{ h: string[] }>('select tmidb.live_heads() as h')).rows[0]?.h ?? []

const notices: string[] = []
client.on('notice', (n) => notices.push(n.message ?? ''))
await client.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
  set auto_explain.log_analyze = on; set auto_explain.log_timing = off; set auto_explain.log_verbose = off; set client_min_messages = log`)

let text = `# Plans of the hot queries\n\nMade by \`npm run plans\`: ${targets} targets x ${readings} readings, a listener of 50 targets and one field.\n`
/** Runs it and keeps the plans of the statements (its own or nested) that name all the words. */
async function plan(title: string, note: string, sql: string, values: unknown[], words: string[]): Promise<void> {
  notices.length = 0
  await client.query(sql, values)
  const found = notices.filter((n) => n.includes('plan:') && words.every((w) => n.includes(w)))
  const body = found.map((n) => n.replace(/^duration: [\d.]+ ms {2}plan:\n/, '').replace(/\(cost=[^)]*\) /g, '')).join('\n')
  const { lines, dropped } = executed(body.trim().split('\n'))
  const rest = dropped > 0 ? `\n(${dropped} scans of other chunks were planned and never executed)` : ''
  text += `\n## ${title}\n\n${note}\n\n\`\`\`\n${lines.join('\n')}${rest}\n\`\`\`\n`
}

/** Leaves out nodes that were planned and skipped: there is one a leaf of every other chunk. */
function executed(plan: string[]): { lines: string[]; dropped: number } {
  const lines: string[] = []
  let dropped = 0
  let skip = -1
  for (const line of plan) {
    const indent = line.search(/\S/)
    if (skip >= 0 && indent > skip) continue
    skip = -1
    if (line.includes('(never executed)')) {
      skip = indent
      dropped++
    } else lines.push(line.slice(0, 240))
  }
  return { lines, dropped }
}

const pool = openPool(db.url('tmidb_api'), { max: 1, application: 'plans' })
const catalog = await loadCatalog(pool)
const view = catalog.relations.get('sensor_v1')
await pool.end()
if (view === undefined) throw new Error('no view sensor_v1')
const context = { catalog, major: 1, role: 'tmidb_listener', isKnown: () => true } as const
const rest = selectSql(link(context, view, parseQuery('target=eq.device-7&order=ts.desc&limit=20')), {
  shape: 'objects',
  limit: 20,
  offset: 0,
  count: null,
})
// As the API asks: under the login, role and claims of a listener.
const few = (await client.query<{ id: string }>(`select listener_id as id from tmidb.listener where name = 'few'`)).rows[0]?.id
await client.query(`set session authorization tmidb_api; set role tmidb_listener`)
await client.query(`select set_config('tmidb.claims', $1, false)`, [
  JSON.stringify({ role: 'tmidb_listener', listener_id: few, few: true }),
])
await plan(
  'REST: latest 20 of one target',
  'Wanted: the rules as InitPlans (once), an index scan backward on the key, no sort over the target.',
  rest.text,
  rest.values ?? [],
  ['sensor_v1'],
)
await client.query('reset session authorization; reset role')
await plan(
  'Live: what is new for three classes',
  'Wanted: index conditions on position, one a shard, only the chunks between the two times.',
  "select * from tmidb.fanout($1, $2, array(select class_id from tmidb.permission_class), now() - interval '1 hour', now())",
  [heads.map((h) => Math.max(0, Number(h) - 100)), heads],
  ['with class as materialized'],
)
await plan(
  'Store: one batch',
  'Wanted: one insert from the arrays with conflict arbiter on the key; targets by their unique key.',
  `select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 'device-' || t, 'data', jsonb_build_object('temperature', 1.5)))) from generate_series(1, 100) t`,
  [],
  ['insert into tmidb.ts_obs'],
)
await client.query(`set client_min_messages = warning`)
await client.query('select tmidb.roll_up() from generate_series(1, 16)')
// Roll-ups of a month in hours and of the day before yesterday in minutes, that day's put in order as it is by the hourly job.
const series = `(select series_id from tmidb.rollup_series join tmidb.rollup_field using (field_id) where name = 'temperature') s`
for (const [grain, from] of [
  ['hour', 30],
  ['minute', 2],
] as const) {
  await client.query(
    `select tmidb.make_rollup_chunk('${grain}', d) from generate_series(now() - interval '31 days', now(), '1 day') d`,
  )
  await client.query(`insert into tmidb.rollup_${grain} (series_id, bucket, first_ts, last_ts, count, min, max, sum, first, last)
    select series_id, b, b, b + interval '50 s', 60, 20.5, 29.5, 1503.7, 21.5, 22.5
    from generate_series(date_trunc('day', now(), 'UTC') - interval '${from} days', date_trunc('day', now(), 'UTC') - interval '1 day 1 ${grain}', '1 ${grain}') b,
      ${series}`)
}
await client.query(`select tmidb.settle_rollups() from tmidb.rollup_chunk`)
await client.query('vacuum analyze')
await client.query('set client_min_messages = log')
for (const [title, days, width] of [
  ['a day in minutes', 1, '1 minute'],
  ['29 days in hours', 29, '1 hour'],
] as const) {
  await plan(
    `Roll-ups: ${title} of one target of ${targets}`,
    'Wanted: index ranges of the one series and of no other; nothing of ts_obs but probes by position for what is not merged yet.',
    `select * from api.series('sensor', 'device-7', 'temperature', date_trunc('day', now(), 'UTC') - interval '${days + 1} days',
       date_trunc('day', now(), 'UTC') - interval '1 day', '${width}')`,
    [],
    ['with seen as materialized', 'rollup_'],
  )
}
writeFileSync(join(import.meta.dirname, 'plans.md'), text)
await client.end()
