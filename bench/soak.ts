// SPDX-License-Identifier: MIT
// Does anything grow? node bench/soak.ts --minutes 10 --rate 10000: half of the rate over HTTP, half over MQTT QoS 1, one reading a
// message, while every 10 s the memory, CPU, open files and connections of each process are noted; then slope and maximum of each. It prints;
// nothing fails on a figure. Linux only: it reads /proc. --json prints all samples too; --targets N (1,000).
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sleep } from '../src/base/retry.ts'
import { readState } from '../src/supervisor/state.ts'
import { adminQuery } from '../test/lib/admin.ts'
import { startInstance } from '../test/lib/instance.ts'
import type { Load, Loaded } from './load.ts'

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '10000' },
    targets: { type: 'string', default: '1000' },
    every: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
})
const seconds = Number(flags.minutes) * 60
const rate = Number(flags.rate)
const everyMs = Number(flags.every) * 1000

interface Sample {
  at: number
  /** MB of each unit. */
  mb: Record<string, number>
  fds: Record<string, number>
  /** Seconds of CPU so far. */
  cpu: Record<string, number>
  backends: number
  natsConnections: number
  /** Readings in the ledger. */
  stored: number
}

await using instance = await startInstance()
const { connection, dataDir, env } = instance
const query = adminQuery(connection.postgres)
const samples: Sample[] = []

async function load(kind: 'http' | 'mqtt'): Promise<Loaded> {
  const url = new URL(kind === 'http' ? connection.http : connection.mqtt)
  const full: Load = {
    kind,
    host: url.hostname,
    port: Number(url.port),
    token: connection.speaker.token,
    seconds,
    connections: kind === 'http' ? 64 : 50,
    batch: 1,
    window: 20,
    targets: Number(flags.targets),
    category: 'sensor',
    rate: rate / 2,
  }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(full))
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  return JSON.parse(text) as Loaded
}

function status(pid: number, field: string, file = 'status'): number {
  try {
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      return / (\d+)$/m.exec(readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) \S (\d+) .*$/s, ' $1'))?.[1] ===
        String(pid)
        ? [Number(name)]
        : []
    } catch {
      return []
    }
  })
}

function fdsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

/** User and system time; the clock of /proc ticks 100 times a second. */
function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // With what its ended children used: PostgreSQL's workers come and go.
    return [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) / 100
  } catch {
    return 0
  }
}

async function sample(started: number): Promise<void> {
  const state = readState(dataDir)
  const mb: Record<string, number> = { supervisor: status(state?.pid ?? 0, 'VmRSS') }
  const fds: Record<string, number> = { supervisor: fdsOf(state?.pid ?? 0) }
  const cpu: Record<string, number> = { supervisor: cpuOf(state?.pid ?? 0) }
  for (const { name, pid } of state?.units ?? []) {
    if (pid === null) continue
    cpu[name] = cpuOf(pid)
    if (name === 'postgres') {
      // Its processes share the buffers: each counts its part of what is shared (Pss).
      const family = [pid, ...childrenOf(pid)]
      mb[name] = family.reduce((sum, p) => sum + status(p, 'Pss', 'smaps_rollup'), 0)
      mb['largest backend'] = Math.max(...family.map((p) => status(p, 'RssAnon')))
      fds[name] = family.reduce((sum, p) => sum + fdsOf(p), 0)
      cpu[name] = family.reduce((sum, p) => sum + cpuOf(p), 0)
    } else {
      mb[name] = status(pid, 'VmRSS')
      fds[name] = fdsOf(pid)
    }
  }
  const [row] = await query<{ backends: number; stored: number }>(
    `select (select count(*)::int from pg_stat_activity where backend_type = 'client backend') - 1 as backends,
       (select coalesce(sum(stored + duplicate), 0)::float8 from tmidb.ledger) as stored`,
  )
  const page = (await (await fetch(`http://127.0.0.1:${env.TMIDB_NATS_HTTP_PORT}/varz`)).json()) as { connections: number }
  const at = Math.round((Date.now() - started) / 1000)
  samples.push({ at, mb, fds, cpu, backends: row?.backends ?? 0, natsConnections: page.connections, stored: row?.stored ?? 0 })
  if (flags.json) return
  const cells = Object.entries(mb).map(([name, n]) => `${name} ${n.toFixed(0)}`)
  const files = Object.values(fds).reduce((sum, n) => sum + n, 0)
  process.stdout.write(
    `${String(at).padStart(5)} s  ${cells.join('  ')}  MB  files ${files}  backends ${row?.backends}  stored ${row?.stored}\n`,
  )
}

/** Least squares, per hour, over what comes after the first fifth (buffers fill, code is compiled). */
function slope(of: (s: Sample) => number): number {
  const points = samples.slice(Math.floor(samples.length / 5)).map((s) => [s.at / 3600, of(s)] as const)
  const mean = (i: 0 | 1): number => points.reduce((sum, p) => sum + p[i], 0) / points.length
  const [mx, my] = [mean(0), mean(1)]
  const over = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0)
  return over / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
}

const started = Date.now()
await sample(started)
let over = false
const loads = Promise.all([load('http'), load('mqtt')]).finally(() => {
  over = true
})
for (let next = started + everyMs; !over; next += everyMs) {
  while (!over && Date.now() < next) await sleep(100)
  if (!over) await sample(started).catch(() => {})
}
const [http, mqtt] = await loads
const acknowledged = http.acknowledged + mqtt.acknowledged
const behind = performance.now()
const stored = async (): Promise<number> =>
  (await query<{ n: number }>('select sum(stored + duplicate)::float8 as n from tmidb.ledger'))[0]?.n ?? 0
while ((await stored()) < acknowledged && performance.now() - behind < 120_000) await sleep(100)
await sample(started)
const names = Object.keys(samples[1]?.mb ?? {})
const summary = names.map((name) => ({
  name,
  firstMb: Math.round(samples[1]?.mb[name] ?? 0),
  lastMb: Math.round(samples.at(-2)?.mb[name] ?? 0),
  maxMb: Math.round(Math.max(...samples.map((s) => s.mb[name] ?? 0))),
  mbPerHour: Math.round(slope((s) => s.mb[name] ?? 0)),
  cpuUs: Math.round((((samples.at(-1)?.cpu[name] ?? 0) - (samples[0]?.cpu[name] ?? 0)) * 1e6) / acknowledged),
  fds: [samples[1]?.fds[name] ?? 0, samples.at(-2)?.fds[name] ?? 0],
}))
const report = {
  minutes: seconds / 60,
  rate,
  acknowledged,
  http,
  mqtt,
  storedAfterMs: Math.round(performance.now() - behind),
  summary,
}
if (flags.json) process.stdout.write(`${JSON.stringify({ ...report, samples }, null, 2)}\n`)
else {
  process.stdout.write(`\n${acknowledged} acknowledged (${Math.round(acknowledged / seconds)}/s), all stored ${report.storedAfterMs} ms later
HTTP p50 ${http.p50} p99 ${http.p99} ms, ${http.failed} failed; MQTT p50 ${mqtt.p50} p99 ${mqtt.p99} ms, ${mqtt.failed} failed

MB               first   last    max  per hour  CPU us a reading   files first / last
`)
  for (const s of summary) {
    const cells = [s.firstMb, s.lastMb, s.maxMb, s.mbPerHour, s.cpuUs].map((n, i) => String(n).padStart([6, 6, 6, 9, 17][i] ?? 6))
    process.stdout.write(`${s.name.padEnd(16)}${cells.join(' ')}   ${s.fds.join(' / ')}\n`)
  }
}
