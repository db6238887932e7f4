// SPDX-License-Identifier: MIT
// npm run bench: one instance, one run, every figure beside what it is measured against. Options: --seconds N (each part, default 8),
// --json. Nothing here fails on a figure; it prints them.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { WebSocket } from 'ws'
import { sleep } from '../src/base/retry.ts'
import { adminQuery } from '../test/lib/admin.ts'
import { startInstance } from '../test/lib/instance.ts'
import type { Load, Loaded } from './load.ts'

const { values: flags } = parseArgs({
  options: { seconds: { type: 'string', default: '8' }, json: { type: 'boolean', default: false } },
})
const seconds = Number(flags.seconds)
const results: { what: string; value: string; beside?: string }[] = []
const note = (what: string, value: string, beside?: string): void => {
  results.push({ what, value, ...(beside ? { beside } : {}) })
  if (!flags.json) process.stdout.write(`${what.padEnd(58)} ${value.padStart(24)}${beside ? `   ${beside}` : ''}\n`)
}
const perSecond = (n: number, s: number): string => `${Math.round(n / s).toLocaleString('en')}/s`

await using instance = await startInstance()
const { connection, dataDir } = instance
const query = adminQuery(connection.postgres)
const http = new URL(connection.http)
const mqtt = new URL(connection.mqtt)

async function run(load: Partial<Load> & Pick<Load, 'kind'>): Promise<Loaded> {
  const at = load.kind === 'mqtt' ? mqtt : http
  const full: Load = {
    host: at.hostname,
    port: Number(at.port),
    token: connection.speaker.token,
    seconds,
    connections: 64,
    batch: 1,
    window: 1,
    targets: 1000,
    category: 'sensor',
    ...load,
  }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(JSON.stringify(full))
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  return JSON.parse(text) as Loaded
}

const stored = async (): Promise<number> => {
  const [row] = await query<{ n: number }>('select coalesce(sum(stored + duplicate), 0)::int as n from tmidb.ledger')
  return row?.n ?? 0
}

/** Loads, then waits until all of it is stored; rate stored over the whole time. */
async function ingest(what: string, load: Partial<Load> & Pick<Load, 'kind'>, beside?: string): Promise<void> {
  const before = await stored()
  const started = performance.now()
  const loaded = await run(load)
  const acked = performance.now()
  while ((await stored()) - before < loaded.acknowledged && performance.now() - acked < 120_000) await sleep(50)
  const all = (performance.now() - started) / 1000
  const kept = (await stored()) - before
  note(
    what,
    perSecond(loaded.acknowledged, loaded.seconds),
    `p50 ${loaded.p50} p99 ${loaded.p99} ms${loaded.failed ? `, ${loaded.failed} failed` : ''}${beside ? `; ${beside}` : ''}`,
  )
  note(
    '  of it stored in PostgreSQL',
    perSecond(kept, all),
    `${kept} of ${loaded.acknowledged}, all in after ${(performance.now() - acked).toFixed(0)} ms more`,
  )
}

note(
  'machine',
  `${(await import('node:os')).cpus().length} cores`,
  `PostgreSQL ${(await query<{ v: string }>("select current_setting('server_version') as v"))[0]?.v}, Node ${process.versions.node}`,
)
await run({ kind: 'http', seconds: 2, batch: 10 })
await ingest('HTTP, 1 reading a request, 64 connections', { kind: 'http' }, 'aim 20,000/s')
await ingest('MQTT QoS 1, 50 clients, 20 in flight each', { kind: 'mqtt', connections: 50, window: 20 }, 'aim 20,000/s')
await ingest('MQTT QoS 1, 50 clients, next after PUBACK', { kind: 'mqtt', connections: 50, window: 1 })
await ingest('HTTP, 100 readings a request, 64 connections', { kind: 'http', batch: 100 }, 'aim 300,000/s')
await latency(1000)
await reads()
if (flags.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)

/** From just before a reading is sent (MQTT-like: one HTTP request each, paced) until its event is on a listener's socket. */
async function latency(rate: number): Promise<void> {
  const ws = new WebSocket(`${connection.ws}?token=${connection.listener.token}`)
  await new Promise((resolve) => ws.once('open', resolve))
  const sent = new Map<number, number>()
  const times: number[] = []
  await new Promise<void>((resolve) => {
    ws.on('message', (data) => {
      const m = JSON.parse(String(data)) as { type: string; data?: { k?: number } }
      if (m.type === 'ready') return resolve()
      const at = sent.get(m.data?.k ?? -1)
      if (at !== undefined) times.push(performance.now() - at)
    })
    ws.send(JSON.stringify({ type: 'subscribe', category: 'latency' }))
  })
  const { connectAsync } = (await import('mqtt')).default
  const clients = await Promise.all(
    Array.from({ length: 10 }, () =>
      connectAsync(connection.mqtt, { username: 'bench', password: connection.speaker.token, protocolVersion: 4 }),
    ),
  )
  const total = rate * seconds
  const started = performance.now()
  for (let k = 0; k < total; k++) {
    const due = started + (k * 1000) / rate
    if (due > performance.now() + 1) await sleep(due - performance.now())
    sent.set(k, performance.now())
    clients[k % clients.length]?.publish(`tmi/in/latency/device-${k % 100}`, `{"k":${k},"value":1.5}`, { qos: 1 })
  }
  for (let i = 0; i < 100 && times.length < total; i++) await sleep(50)
  times.sort((a, b) => a - b)
  const at = (p: number): string => (times[Math.floor(times.length * p)] ?? 0).toFixed(1)
  note(
    `publish to listener's socket at ${rate}/s`,
    `p50 ${at(0.5)} p99 ${at(0.99)} ms`,
    `${times.length} of ${total} events; aim p99 < 100 ms`,
  )
  await Promise.all(clients.map((c) => c.endAsync(true)))
  ws.close()
}

/** Latest 20 rows of one of 1,000 targets as a listener, beside the same rows by a bare handler without any rule. */
async function reads(): Promise<void> {
  await run({ kind: 'http', seconds: 1, connections: 4, batch: 1000, targets: 1000 })
  const admin = await query<{ target_id: string; key: string }>(
    `select target_id, key from tmidb.target where key like 'device-%'`,
  )
  const secrets = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')) as Record<string, unknown>
  const superUrl = connection.postgres.replace(/\/\/[^@]+@/, `//postgres:${String(secrets.postgres)}@`)
  const pool = new pg.Pool({ connectionString: superUrl, max: 10 })
  pool.on('error', () => {})
  await pool.query('vacuum analyze tmidb.ts_obs')
  const bare = createServer((req, res) => {
    const id = (req.url ?? '').slice(1)
    pool
      .query({
        name: 'bare',
        text: `select coalesce(json_agg(r), '[]')::text as j from (select ts, payload->'temperature' as temperature, payload->'humidity' as humidity,
          payload->'pressure' as pressure, payload->'voltage' as voltage, payload->'status' as status, payload->'n' as n
          from tmidb.ts_obs where target_id = $1 and category_id = (select category_id from tmidb.category where name = 'sensor')
          order by ts desc limit 20) r`,
        values: [id],
      })
      .then(({ rows }) => {
        const body = Buffer.from(rows[0].j as string)
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        res.end(body)
      })
  })
  await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
  const get = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${connection.listener.token}\r\n\r\n`
  const post = (path: string, body: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${connection.listener.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const common = { kind: 'get', connections: 50 } as const
  const base = await run({
    ...common,
    port: (bare.address() as { port: number }).port,
    requests: admin.map((t) => get(`/${t.target_id}`)),
  })
  const rest = await run({
    ...common,
    requests: admin.map((t) => get(`/api/v1/sensor?target=eq.${t.key}&order=ts.desc&limit=20`)),
  })
  const document =
    'query($t:String!){sensorV1(target:$t,first:20,orderBy:TS_DESC){nodes{target ts temperature humidity pressure voltage status n}}}'
  const graphql = await run({
    ...common,
    requests: admin.map((t) => post('/graphql', JSON.stringify({ query: document, variables: { t: t.key } }))),
  })
  note(
    'bare node:http + pg, latest 20 of one target, no rules',
    perSecond(base.acknowledged, base.seconds),
    `p50 ${base.p50} p99 ${base.p99} ms`,
  )
  const ratio = (l: Loaded): string => (l.acknowledged / l.seconds / (base.acknowledged / base.seconds)).toFixed(2)
  note(
    'REST, the same rows as a listener',
    perSecond(rest.acknowledged, rest.seconds),
    `p50 ${rest.p50} p99 ${rest.p99} ms, ${ratio(rest)} of bare${rest.failed ? `, ${rest.failed} failed` : ''}`,
  )
  note(
    'GraphQL, the same rows as a listener',
    perSecond(graphql.acknowledged, graphql.seconds),
    `p50 ${graphql.p50} p99 ${graphql.p99} ms, ${ratio(graphql)} of bare${graphql.failed ? `, ${graphql.failed} failed` : ''}`,
  )
  bare.close()
  await pool.end()
}
