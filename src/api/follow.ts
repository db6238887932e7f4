// SPDX-License-Identifier: MIT
// GraphQL and REST follow the database. A change is notified on the channel "schema": by the functions that make views, by event
// triggers on whatever else changes in the exposed schemas, by tmidb.reload_api(). Where there are no event triggers the catalog is
// looked at each second. What cannot be built leaves the last good one in place, says so in tmidb.api_state and is tried again.
import { observe } from '../base/observe.ts'
import { backoff, sleep } from '../base/retry.ts'
import { listenTo } from '../db/listen.ts'
import type { Pool } from '../db/pool.ts'
import { coalesced } from './coalesced.ts'
import type { Graphql } from './graphql/server.ts'
import type { LiveCatalog } from './rest/catalog.ts'

export interface Part {
  name: 'graphql' | 'rest'
  /** Rejects when it cannot be built; what was there before stays. */
  rebuild(): Promise<unknown>
  status(): { builtAt: string; builds: number; buildMs: number; leftOut?: Record<string, string> }
}

export function graphqlPart(graphql: Pick<Graphql, 'rebuild' | 'status'>): Part {
  return { name: 'graphql', rebuild: graphql.rebuild, status: graphql.status }
}

export function restPart(catalog: Pick<LiveCatalog, 'reload'>): Part {
  let builtAt = new Date()
  let builds = 1
  let buildMs = 0
  return {
    name: 'rest',
    async rebuild() {
      const begun = performance.now()
      await catalog.reload()
      builtAt = new Date()
      buildMs = Math.round(performance.now() - begun)
      builds++
    },
    status: () => ({ builtAt: builtAt.toISOString(), builds, buildMs }),
  }
}

export interface FollowOptions {
  url: string
  pool: Pool
  /** Name of this process, where there are several. */
  process: string
  parts: Part[]
  /** How often the catalog is looked at where there are no event triggers, milliseconds. */
  pollMs?: number
  /** The shortest wait before what failed is tried again, milliseconds. */
  retryMs?: number
}

const longestRetryMs = 60_000
/** Event triggers may be switched off, or made, while we run. */
const lookAgainMs = 30_000

export async function follow(options: FollowOptions): Promise<AsyncDisposable> {
  const { url, pool, parts, pollMs = 1000 } = options
  const ended = new AbortController()
  const kept = parts.map((part) => keep(part, options, ended.signal))
  const wake = () => {
    for (const part of kept) part.wake()
  }

  async function look(): Promise<void> {
    let before: string | null = null
    while (!ended.signal.aborted) {
      let now: string | null = before
      try {
        const { rows } = await pool.query<{ f: string | null }>('select tmidb.api_fingerprint() as f')
        now = rows[0]?.f ?? null
        if (now !== null && now !== before) wake()
        before = now
      } catch {
        // PostgreSQL is away; what changes meanwhile is in the next answer.
      }
      await sleep(now === null ? Math.max(pollMs, lookAgainMs) : pollMs, ended.signal).catch(() => {})
    }
  }

  const listening = await listenTo(url, ['schema'], wake, wake)
  // What changed between building and listening.
  wake()
  const looking = look()
  return {
    async [Symbol.asyncDispose]() {
      ended.abort()
      await listening[Symbol.asyncDispose]()
      await looking
      await Promise.all(kept.map((part) => part.settled()))
    },
  }
}

function keep(part: Part, { pool, process, retryMs = 1000 }: FollowOptions, signal: AbortSignal) {
  const wait = backoff({ min: retryMs, max: longestRetryMs })
  let noted = ''
  let reason: string | null = null
  let retry: NodeJS.Timeout | undefined

  const rebuilding = coalesced(async () => {
    if (signal.aborted) return
    clearTimeout(retry)
    try {
      await part.rebuild()
      if (reason !== null) observe({ kind: 'log', message: `${part.name} is built again` })
      reason = null
      wait.reset()
    } catch (e) {
      const message = e instanceof Error ? e.message : String(e)
      if (message !== reason)
        observe({ kind: 'log', level: 'error', message: `${part.name} keeps what it has, it cannot be built anew: ${message}` })
      reason = message
      retry = setTimeout(wake, wait.next()).unref()
    }
    await note()
  })

  /** Best effort: who cannot reach the database cannot say so in it. */
  async function note(): Promise<void> {
    const { builtAt, builds, buildMs, leftOut = {} } = part.status()
    const state = [process, part.name, builtAt, buildMs, builds, JSON.stringify(leftOut), reason]
    if (noted === state.join('\n')) return
    try {
      await pool.query('select tmidb.note_api($1, $2, $3, $4, $5, $6::jsonb, $7)', state)
      noted = state.join('\n')
    } catch (e) {
      observe({ kind: 'log', level: 'warn', message: `The state of ${part.name} was not noted: ${String(e)}` })
    }
  }

  function wake(): void {
    if (!signal.aborted) void rebuilding.run().catch(() => {})
  }

  return {
    wake,
    async settled() {
      clearTimeout(retry)
      await rebuilding.settled()
    },
  }
}
