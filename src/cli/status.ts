// SPDX-License-Identifier: MIT
import { statfsSync } from 'node:fs'
import { type Config, loadConfig } from '../base/config.ts'
import { connectionFile, read } from '../supervisor/connection.ts'
import { runningOwner, version } from '../supervisor/data-folder.ts'
import { readState } from '../supervisor/state.ts'
import { withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson } from './command.ts'
import { bytes, count } from './progress.ts'
import { askStreams } from './streams.ts'

export const command: Command = {
  summary: 'Show how the units are, what was received and stored, and what waits.',
  isBare: true,
  usage: 'status [--json]',
  examples: ['npx tmictl status', 'npx tmictl status --json | jq \'.units[] | select(.state != "ready")\''],
  run,
}

interface Ingest {
  totals: Record<'received' | 'stored' | 'duplicate' | 'quarantined' | 'discarded' | 'parked' | 'removed', number>
  perSecond: { seconds: number; received: number; stored: number } | null
  reasons: Record<string, number>
  streams: Stream[]
  shards: { shard: number; position: number; notRolledUp: number }[]
  ledger: Record<string, unknown>[]
}

interface ApiPart {
  process: string
  part: 'graphql' | 'rest'
  builtAt: string
  buildMs: number
  builds: number
  failingSince: string | null
  reason: string | null
  leftOut: Record<string, string>
}

interface Stream {
  stream: string
  lastSeq: number
  streamCreated: string | null
  /** Messages in the stream that are not stored yet; null if NATS does not say. */
  waiting?: number | null
}

async function run(args: Args): Promise<number> {
  const config = loadConfig()
  const { dataDir } = config
  const owner = runningOwner(dataDir)
  const state = owner ? readState(dataDir) : null
  const units = state?.units ?? []
  const [ingest, api] = owner ? await Promise.all([askIngest(config), askApi(config)]) : [null, null]
  const disk = freeSpace(dataDir)
  if (args.json) {
    printJson({
      running: owner !== null,
      ready: state?.ready ?? false,
      version,
      data: dataDir,
      pid: owner?.pid ?? null,
      startedAt: state?.startedAt ?? null,
      disk,
      units,
      ingest,
      api,
    })
  } else if (!owner) {
    print(`Nothing runs on ${dataDir}.`)
  } else {
    print(`tmiDB ${version} on ${dataDir}, process ${owner.pid}, since ${state?.startedAt ?? '?'}`)
    for (const u of units)
      print(
        `  ${u.name.padEnd(14)}${u.state.padEnd(10)}${String(u.pid ?? '-').padStart(8)}  since ${u.since}  restarts ${u.restarts}`,
      )
    if (ingest) printIngest(ingest)
    else print('PostgreSQL does not answer: what was stored cannot be said.')
    if (api) printApi(api)
    if (disk) print(`Disk  ${bytes(disk.free)} free of ${bytes(disk.size)}`)
  }
  if (!owner) return exit.unreachable
  const isWell = units.every((u) => u.state === 'ready') && !api?.some((p) => p.reason !== null)
  return state?.ready && isWell ? exit.ok : exit.problems
}

function printIngest({ totals, perSecond, reasons, streams, shards }: Ingest): void {
  print(
    `Readings  ${count(totals.received)} received = ${count(totals.stored)} stored + ${count(totals.duplicate)} duplicate + ${count(totals.quarantined)} quarantined`,
  )
  const waiting = streams.map((s) => s.waiting ?? null)
  const lag = waiting.some((w) => w === null)
    ? 'NATS does not say how many messages wait'
    : `${count(waiting.reduce<number>((sum, w) => sum + (w ?? 0), 0))} messages wait in the streams`
  const rate = perSecond ? `, ${count(Math.round(perSecond.stored))} readings/s stored in the last ${perSecond.seconds} s` : ''
  print(`          ${lag}, ${count(totals.parked)} readings wait for room${rate}`)
  const others = Object.entries(reasons).filter(([reason]) => reason !== 'TM217')
  if (others.length > 0)
    print(`          dead letters: ${others.map(([reason, n]) => `${count(n)} ${reason}`).join(', ')} (tmictl dead-letters)`)
  if (totals.discarded > 0) print(`          ${count(totals.discarded)} of the quarantined were discarded`)
  const lagging = streams.filter((s) => s.waiting)
  if (lagging.length > 0) print(`          behind: ${lagging.map((s) => `${s.stream} by ${count(s.waiting ?? 0)}`).join(', ')}`)
  const notRolledUp = shards.reduce((sum, s) => sum + s.notRolledUp, 0)
  if (notRolledUp > 0) print(`          ${count(notRolledUp)} readings are not in the roll-ups yet`)
}

/** One line where all is well; what is not as it should be has its own. */
function printApi(parts: ApiPart[]): void {
  const names = { graphql: 'GraphQL', rest: 'REST' }
  for (const p of parts) {
    const name = parts.some((other) => other.process !== p.process) ? `${names[p.part]} of ${p.process}` : names[p.part]
    print(`API       ${name} built ${p.builtAt} in ${p.buildMs} ms`)
    if (p.reason !== null) print(`          ${name} keeps that: since ${p.failingSince} it cannot be built anew: ${p.reason}`)
    for (const [what, why] of Object.entries(p.leftOut)) print(`          ${name} leaves out ${what}: ${why.split('\n', 1)[0]}`)
  }
}

async function askApi(config: Config): Promise<ApiPart[] | null> {
  const connection = read(connectionFile(config.dataDir))
  if (!connection) return null
  return await withDatabase(
    connection.postgres,
    async (ask) => (await ask<{ s: ApiPart[] }>('select tmidb.api_status() as s'))[0]?.s ?? null,
  ).catch(() => null)
}

/** Null when PostgreSQL is away: what the units say stands on its own. */
async function askIngest(config: Config): Promise<Ingest | null> {
  const connection = read(connectionFile(config.dataDir))
  if (!connection) return null
  const [ingest, streams] = await Promise.all([
    withDatabase(
      connection.postgres,
      async (ask) => (await ask<{ s: Ingest }>('select tmidb.ingest_status() as s'))[0]?.s ?? null,
    ).catch(() => null),
    askStreams(config),
  ])
  if (!ingest) return null
  for (const stored of ingest.streams) {
    const stream = streams?.get(stored.stream)
    // A stream that was made anew counts from 1; until the drain has seen that, all of it waits.
    const same = stream && stored.streamCreated && Math.abs(Date.parse(stream.created) - Date.parse(stored.streamCreated)) < 2
    stored.waiting = !stream ? null : Math.max(0, stream.lastSeq - (same ? stored.lastSeq : 0))
  }
  return ingest
}

function freeSpace(dataDir: string): { free: number; size: number } | null {
  try {
    const { bavail, blocks, bsize } = statfsSync(dataDir)
    return { free: bavail * bsize, size: blocks * bsize }
  } catch {
    return null
  }
}
