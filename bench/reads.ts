// SPDX-License-Identifier: MIT
// Reading: the latest 20 rows of one target of 1,000 with 300 readings each and more. 50 listeners on 50 connections, each of which may
// read 20 targets: through REST and GraphQL, beside a bare handler that sends the very same SQL under the same role, and beside a
// stock PostGraphile on a plain table of the same rows with a policy of its own.
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import pg from 'pg'
import { loadCatalog } from '../src/api/rest/catalog.ts'
import { link } from '../src/api/rest/link.ts'
import { parseQuery } from '../src/api/rest/parse.ts'
import { selectSql } from '../src/api/rest/sql.ts'
import { sleep } from '../src/base/retry.ts'
import { type Claims, openPool, readAs } from '../src/db/pool.ts'
import type { Bench } from './bench.ts'
import type { Loaded } from './load.ts'

const listenerCount = 50
const targetsEach = 20
const rowsEach = 300
const search = (key: string): string => `target=eq.${key}&order=ts.desc&limit=20`

interface Reader {
  name: string
  token: string
  listener_id: string
  keys: string[]
}

export async function reads({ apiUrl, superUrl, query, note, perSecond, run }: Bench): Promise<void> {
  for (let missing = true; missing; ) {
    await run({ kind: 'http', seconds: 1, connections: 4, batch: 1000, targets: 1000 })
    const [least] = await query<{ n: string }>(
      `select min(n)::text as n from (select count(*) as n from tmidb.ts_obs group by target_id) x`,
    )
    missing = Number(least?.n) < rowsEach
  }
  const readers: Reader[] = []
  for (let n = 0; n < listenerCount; n++) {
    const keys = Array.from({ length: targetsEach }, (_, i) => `device-${n * targetsEach + i}`)
    const [made] = await query<{ token: string }>(`select tmidb.create_listener($1) as token`, [`reader-${n}`])
    await query(`select tmidb.subscribe($1, 'sensor', $2::text[])`, [`reader-${n}`, keys])
    const [known] = await query<{ id: string }>(`select listener_id::text as id from tmidb.listener where name = $1`, [
      `reader-${n}`,
    ])
    readers.push({ name: `reader-${n}`, token: made?.token ?? '', listener_id: known?.id ?? '', keys })
  }
  const superuser = new pg.Pool({ connectionString: superUrl, max: 2 })
  // All of them reach PostgreSQL as our own processes do, by its socket file.
  const { rows: where } = await superuser.query<{ dir: string }>(`select current_setting('unix_socket_directories') as dir`)
  const nearby = (url: string): string => (where[0]?.dir ? `${url}?host=${encodeURIComponent(where[0].dir)}` : url)
  superuser.on('error', () => {})
  await superuser.query('vacuum analyze tmidb.ts_obs')
  // What was loaded is being rolled up; reads are measured when nothing else works.
  for (let quiet = 0; quiet < 10; await sleep(300)) {
    const { rows } = await superuser.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and datname = current_database()`,
    )
    quiet = rows[0]?.n === 0 ? quiet + 1 : 0
  }

  const each = (make: (reader: Reader, key: string) => string): string[] =>
    readers.flatMap((r) => r.keys.map((key) => make(r, key)))
  const common = { kind: 'get', connections: 50 } as const
  const head = (r: Reader): string => `Host: x\r\nAuthorization: Bearer ${r.token}\r\n`
  const post = (path: string, r: Reader, body: string): string =>
    `POST ${path} HTTP/1.1\r\n${head(r)}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

  await using bare = await bareHandler(nearby(apiUrl), readers)
  const base = await run({
    ...common,
    port: bare.port,
    requests: each((r, key) => `GET /${r.name}/${key} HTTP/1.1\r\nHost: x\r\n\r\n`),
  })
  const rest = await run({
    ...common,
    requests: each((r, key) => `GET /api/v1/sensor?${search(key)} HTTP/1.1\r\n${head(r)}\r\n`),
  })
  const document =
    'query($t:String!){sensorV1(target:$t,first:20,orderBy:TS_DESC){nodes{target ts temperature humidity pressure voltage status n}}}'
  const graphql = await run({
    ...common,
    requests: each((r, key) => post('/graphql', r, JSON.stringify({ query: document, variables: { t: key } }))),
  })
  await using stock = await stockPostgraphile(superuser, nearby(superUrl), readers)
  const stockDocument =
    'query($t:String!){allReadings(condition:{target:$t},first:20,orderBy:TS_DESC){nodes{target ts temperature humidity pressure voltage status n}}}'
  const peer = await run({
    ...common,
    port: stock.port,
    requests: each((r, key) => post('/graphql', r, JSON.stringify({ query: stockDocument, variables: { t: key } }))),
  })

  const line = (what: string, l: Loaded): void => {
    const ratio = (l.acknowledged / l.seconds / (base.acknowledged / base.seconds)).toFixed(2)
    const failed = l.failed ? `, ${l.failed} failed` : ''
    note(
      what,
      perSecond(l.acknowledged, l.seconds),
      `p50 ${l.p50} p99 ${l.p99} ms${l === base ? '' : `, ${ratio} of bare`}${failed}`,
    )
  }
  line('bare node:http + pg, the same SQL, role and claims', base)
  line('REST, latest 20 of one target as one of 50 listeners', rest)
  line('GraphQL, the same rows', graphql)
  line('stock PostGraphile 5, plain table and policy', peer)
  await superuser.end()
}

/** The statement that REST sends, with the same transaction around it, and nothing else. */
async function bareHandler(apiUrl: string, readers: readonly Reader[]): Promise<AsyncDisposable & { port: number }> {
  const pool = openPool(apiUrl, { max: 10, application: 'bare' })
  const catalog = await loadCatalog(pool)
  const relation = catalog.relations.get('sensor_v1')
  if (!relation) throw new Error('There is no view sensor_v1.')
  const linked = link({ catalog, major: 1, role: 'tmidb_listener', isKnown: () => true }, relation, parseQuery(search('x')))
  const { text } = selectSql(linked, { limit: 20, offset: 0, count: null, shape: 'objects' })
  const claims = new Map(
    readers.map((r) => [r.name, { role: 'tmidb_listener', listener_id: r.listener_id, name: r.name } satisfies Claims]),
  )
  const server = createServer((req, res) => {
    const [, name = '', key = ''] = (req.url ?? '').split('/')
    readAs<{ body: string }>(pool, claims.get(name) as Claims, { name: 'bare', text, values: [key], onlyOurs: true }).then(
      ({ rows }) => {
        const body = Buffer.from(rows[0]?.body ?? '')
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        res.end(body)
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await pool.end()
    },
  }
}

/** The same rows in a plain table, who may read what in another; PostGraphile as its own documentation starts it, in a process of its own. */
async function stockPostgraphile(
  superuser: pg.Pool,
  superUrl: string,
  readers: readonly Reader[],
): Promise<AsyncDisposable & { port: number }> {
  await superuser.query(`
    drop schema if exists bench_stock cascade;
    create schema bench_stock;
    create table bench_stock.reading as
      select v.reading_id as id, v.target, v.ts, v.temperature, v.humidity, v.pressure, v.voltage, v.status, v.n from api.sensor_v1 v;
    alter table bench_stock.reading add primary key (id);
    create index on bench_stock.reading (target, ts desc);
    create table bench_stock.allowed as
      select l.name as listener, t.key as target from tmidb.listener_subscriptions s join tmidb.listener l using (listener_id) join tmidb.target t using (target_id);
    create index on bench_stock.allowed (listener, target);
    alter table bench_stock.reading enable row level security;
    create policy read on bench_stock.reading for select using (
      target in (select a.target from bench_stock.allowed a where a.listener = current_setting('bench.listener', true)));
    grant usage on schema bench_stock to tmidb_listener;
    grant select on bench_stock.reading, bench_stock.allowed to tmidb_listener;`)
  await superuser.query('vacuum analyze bench_stock.reading')
  const tokens = JSON.stringify(Object.fromEntries(readers.map((r) => [`Bearer ${r.token}`, r.name])))
  const child = spawn(process.execPath, [join(import.meta.dirname, 'stock-postgraphile.ts'), superUrl], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(tokens)
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(Number(String(line))))
    child.once('exit', (code) => reject(new Error(`PostGraphile ended with ${code}.`)))
  })
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill()
    },
  }
}
