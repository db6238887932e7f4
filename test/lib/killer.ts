// SPDX-License-Identifier: MIT
// Kills a process of the instance every few seconds, whichever chance picks, and measures how long it takes until readings that
// were made after the kill are stored again, by every way in.
import pg from 'pg'
import { sleep } from '../../src/base/retry.ts'
import { processStart } from '../../src/supervisor/process.ts'
import { readState } from '../../src/supervisor/state.ts'
import type { Way } from './senders.ts'

export const victims = ['postgres', 'nats', 'api', 'data-manager', 'data-consumer'] as const

/**
 * Every eighth blow strikes two, the second while the first is still away: what an edge holds in memory while NATS is down dies with
 * it. Kills alone, 3 to 8 s apart, did not see an edge that acknowledges before JetStream has answered; these do.
 */
const pairEvery = 8
const pairs = [
  ['nats', 'api'],
  ['nats', 'data-manager'],
  ['postgres', 'data-consumer'],
  ['postgres', 'nats'],
] as const

export interface Kill {
  unit: string
  /** Date.now() of the kill. */
  at: number
  /** Until the first reading made after it was stored, by whatever way; until one of every way was. */
  firstMs: number | null
  recoveredMs: number | null
  /** Another kill came before it had recovered. */
  overlapped: boolean
}

export interface KillOptions {
  dataDir: string
  /** Where an administrator reads; asked again after every restart. */
  postgres: string
  category: string
  ways: Map<Way, string[]>
  kills: number
  random: () => number
  everyMs: [number, number]
  /** A kill that has not recovered after so long ends it all. */
  stuckMs: number
  /** Kills the supervisor instead of a unit with this probability, and brings it back. */
  supervisor?: { chance: number; kill: () => Promise<void> }
  on?: (kill: Kill, n: number) => void
}

export async function killAtRandom(options: KillOptions): Promise<Kill[]> {
  const { random, kills: count, everyMs } = options
  const kills: Kill[] = []
  await using watch = watchStored(options, kills)
  for (let blow = 1; kills.length < count; blow++) {
    await sleep(everyMs[0] + random() * (everyMs[1] - everyMs[0]))
    // Always the same draws a blow, whatever comes of them: so a seed stays the same chances.
    const [aim, hit, gap] = [random(), random(), random()]
    const pair = blow % pairEvery === 0 ? pairs[(blow / pairEvery - 1) % pairs.length] : undefined
    if (pair && kills.length + 2 <= count) {
      for (const unit of pair) {
        struck(strike(options.dataDir, aim, unit))
        await sleep(200 + gap * 600)
      }
    } else if (options.supervisor && hit < options.supervisor.chance) {
      struck('supervisor')
      await options.supervisor.kill()
    } else struck(strike(options.dataDir, aim))
    const stuck = kills.find((k) => k.recoveredMs === null && Date.now() - k.at > options.stuckMs)
    if (stuck) throw new Error(`${stuck.unit} was killed ${Date.now() - stuck.at} ms ago: ${watch.missing(stuck)}`)
  }
  for (const last of kills) {
    while (last.recoveredMs === null) {
      if (Date.now() - last.at > options.stuckMs)
        throw new Error(`${last.unit} was killed ${Date.now() - last.at} ms ago: ${watch.missing(last)}`)
      await sleep(100)
    }
  }
  return kills

  function struck(unit: string | null): void {
    if (unit === null) return
    for (const k of kills) k.overlapped ||= k.recoveredMs === null
    const kill: Kill = { unit, at: Date.now(), firstMs: null, recoveredMs: null, overlapped: false }
    kills.push(kill)
    options.on?.(kill, kills.length)
  }
}

/** SIGKILL to the unit or to one of those that run; one that is waiting for its next start cannot be hit. */
function strike(dataDir: string, aim: number, name?: string): string | null {
  const alive = (readState(dataDir)?.units ?? []).filter((u) => u.pid !== null && processStart(u.pid) !== null)
  const unit = alive.find((u) => u.name === name) ?? alive[Math.floor(aim * alive.length)]
  if (unit?.pid == null) return null
  try {
    process.kill(unit.pid, 'SIGKILL')
    return unit.name
  } catch {
    return null
  }
}

/** Looks every 100 ms for the newest stored reading of each way. */
function watchStored(options: KillOptions, kills: Kill[]): { missing(kill: Kill): string } & AsyncDisposable {
  const [ways, keys] = [...options.ways].reduce<[string[], string[]]>(
    (lists, [way, targets]) => {
      for (const target of targets) {
        lists[0].push(way)
        lists[1].push(target)
      }
      return lists
    },
    [[], []],
  )
  const newest = new Map<string, number>(ways.map((way) => [way, 0]))
  let client: pg.Client | null = null
  let over = false
  const look = async (): Promise<void> => {
    if (client === null) {
      const made = new pg.Client({ connectionString: options.postgres, connectionTimeoutMillis: 2000, query_timeout: 10_000 })
      made.on('error', () => {})
      await made.connect()
      client = made
    }
    const { rows } = await client.query<{ way: string; ms: number }>({
      name: 'newest',
      text: `select w.way, extract(epoch from max(o.ts))::float8 * 1000 as ms
        from unnest($1::text[], $2::text[]) w(way, key) join tmidb.target t on t.key = w.key
        cross join lateral (select o.ts from tmidb.ts_obs o where o.target_id = t.target_id and o.ts > now() - interval '5 minutes'
          and o.category_id = (select category_id from tmidb.category where name = $3) order by o.ts desc limit 1) o group by 1`,
      values: [ways, keys, options.category],
    })
    for (const { way, ms } of rows) newest.set(way, ms)
    const [oldest, latest] = [Math.min(...newest.values()), Math.max(...newest.values())]
    for (const kill of kills) {
      if (kill.firstMs === null && latest > kill.at) kill.firstMs = Date.now() - kill.at
      if (kill.recoveredMs === null && oldest > kill.at) kill.recoveredMs = Date.now() - kill.at
    }
  }
  const looking = (async () => {
    while (!over) {
      await look().catch(async () => {
        const broken = client
        client = null
        await broken?.end().catch(() => {})
      })
      await sleep(100)
    }
    await (client as pg.Client | null)?.end().catch(() => {})
  })()
  return {
    missing: (kill) =>
      `nothing new is stored by ${[...newest].filter(([, ms]) => ms <= kill.at).map(([way]) => way)} (newest by the others: ${[...newest].map(([way, ms]) => `${way} ${Math.round(ms - kill.at)}`)})`,
    async [Symbol.asyncDispose]() {
      over = true
      // A question to a database that has just been killed must not hold up the verdict.
      await Promise.race([looking, sleep(5000)])
    },
  }
}

export interface Recovery {
  unit: string
  kills: number
  p50: number
  p95: number
  max: number
  /** The slowest that no other kill came into: the others wait for two or three restarts and their growing waits. */
  maxAlone: number
  /** p95 until anything at all was stored again. */
  first: number
}

/** How long recovery took, per kind of process and in all. */
export function recoveries(kills: Kill[]): Recovery[] {
  const of = (unit: string, some: Kill[]): Recovery => {
    const at = (values: number[], p: number): number => values[Math.min(values.length - 1, Math.floor(values.length * p))] ?? 0
    const times = some.map((k) => k.recoveredMs ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
    const alone = some.flatMap((k) => (k.overlapped || k.recoveredMs === null ? [] : [k.recoveredMs]))
    const first = some.map((k) => k.firstMs ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
    return {
      unit,
      kills: some.length,
      p50: at(times, 0.5),
      p95: at(times, 0.95),
      max: at(times, 1),
      maxAlone: Math.max(0, ...alone),
      first: at(first, 0.95),
    }
  }
  const units = [...new Set(kills.map((k) => k.unit))].sort()
  return [
    ...units.map((unit) =>
      of(
        unit,
        kills.filter((k) => k.unit === unit),
      ),
    ),
    of('all', kills),
  ]
}
