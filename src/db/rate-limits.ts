// SPDX-License-Identifier: MIT
// How many requests a minute a token, a user or an address has, for all processes together. A process takes a fiftieth of a limit in
// advance, all keys that need one at a moment with one question, and counts it down in memory: a request asks nobody as a rule, and the
// sum never exceeds the limit. What is not limited costs a look at the settings. While PostgreSQL is away each process lets the whole
// limit through by itself: devices must be able to go on sending.
import { TmiError } from '../base/errors.ts'
import type { Pool } from './pool.ts'
import {
  type Counted,
  type Endpoint,
  limitOf,
  networkOf,
  plural,
  type Rule,
  rulesOf,
  type Scope,
  type Setting,
} from './rate-rules.ts'

/** RateLimit-Policy and RateLimit of the limit that is nearest (draft-ietf-httpapi-ratelimit-headers-11). */
export type RateHeaders = Record<string, string>

export interface RateLimits {
  /** Whether anybody has a limit of this kind. */
  has(endpoint: Endpoint): boolean
  /** Lets a request through and says what is left, null where nothing limits it; TM403 if it may not. A promise only where a lease is needed. */
  count(endpoint: Endpoint, who: Counted): RateHeaders | null | Promise<RateHeaders | null>
  /** When it may go on, for what can wait: null is at once. */
  pace(endpoint: Endpoint, who: Counted): Promise<unknown> | null
  /** Asks for the settings: at first, and when they changed or may have. */
  load(): Promise<void>
}

/** A limit of one subject in the minute that runs. */
interface Bucket {
  scope: Scope
  endpoint: Endpoint
  subject: string
  limit: number
  policy: string
  /** What this process may still let through, and what nobody has taken yet. */
  left: number
  rest: number
  /** When the minute ends, by our clock. */
  until: number
  /** Taken without PostgreSQL. */
  isLocal: boolean
  /** Who waits for the next minute. */
  turn: { over: Promise<unknown>; end(): void } | null
}

interface Leased {
  n: number
  per_minute: number
  granted: number
  taken: number
  ms_left: number
}

const minuteMs = 60_000
/** A lease that takes longer is not waited for, and for so long none is asked for. */
const patienceMs = 1000
const mostKept = 50_000

/** clock in ms; given, PostgreSQL counts by it too. */
export function rateLimits(pool: Pool, clock?: () => number): RateLimits {
  const now = clock ?? (() => performance.now())
  const buckets = new Map<string, Bucket>()
  let rules = new Map<Endpoint, Rule[]>()
  let awayUntil = Number.NEGATIVE_INFINITY

  const read = async (): Promise<void> => {
    const { rows } = await pool.query<Setting>('select * from tmidb.rate_limits()')
    rules = rulesOf(rows)
    for (const [key, bucket] of buckets) {
      const rule = rules.get(bucket.endpoint)?.find((r) => r.scope === bucket.scope)
      if (!bucket.isLocal && rule && limitOf(rule, bucket.subject) === bucket.limit) continue
      buckets.delete(key)
      bucket.turn?.end()
    }
  }

  /** Of all that limit it; null where nothing does. */
  const bucketsOf = (endpoint: Endpoint, who: Counted): Bucket[] | null => {
    const limiting = rules.get(endpoint)
    if (limiting === undefined) return null
    let found: Bucket[] | null = null
    for (const rule of limiting) {
      const said = who[rule.scope]
      if (said === undefined) continue
      const subject = rule.scope === 'address' ? networkOf(said) : said
      const limit = limitOf(rule, subject)
      if (limit === 0) continue
      found ??= []
      found.push(bucketOf(rule.scope, endpoint, subject, limit))
    }
    return found
  }

  const bucketOf = (scope: Scope, endpoint: Endpoint, subject: string, limit: number): Bucket => {
    const key = `${scope} ${endpoint} ${subject}`
    let bucket = buckets.get(key)
    if (bucket === undefined) {
      if (buckets.size >= mostKept) forgetOld()
      const policy = `"${scope}-${endpoint}"`
      bucket = {
        scope,
        endpoint,
        subject,
        limit,
        policy,
        left: 0,
        rest: 1,
        until: Number.NEGATIVE_INFINITY,
        isLocal: false,
        turn: null,
      }
      buckets.set(key, bucket)
    }
    return bucket
  }

  const forgetOld = (): void => {
    const at = now()
    for (const [key, bucket] of buckets) if (at >= bucket.until && bucket.turn === null) buckets.delete(key)
    if (buckets.size >= mostKept) buckets.clear()
  }

  const wanted = new Set<Bucket>()
  let round: Promise<void> | null = null
  let running: Promise<void> = Promise.resolve()
  /** One question is under way, and one gathers who comes meanwhile. */
  const lease = (bucket: Bucket): Promise<void> => {
    wanted.add(bucket)
    return (round ??= nextRound())
  }
  const nextRound = async (): Promise<void> => {
    await running
    // What the round before brought is not asked for again: it would take the place of what is left of that.
    const at = now()
    const asked = [...wanted].filter((b) => isEmpty(b, at))
    wanted.clear()
    round = null
    if (asked.length === 0) return
    running = ask(asked)
    await running
  }

  const ask = async (asked: Bucket[]): Promise<void> => {
    try {
      if (now() < awayUntil) throw new Error('PostgreSQL was away a moment ago')
      const { rows } = await inTime(
        pool.query<Leased>({
          name: 'lease_requests',
          text: 'select * from tmidb.lease_requests($1, $2, $3, $4)',
          values: [
            asked.map((b) => b.scope),
            asked.map((b) => b.endpoint),
            asked.map((b) => b.subject),
            clock ? new Date(clock()) : null,
          ],
        }),
      )
      const at = now()
      for (const { n, per_minute: limit, granted, taken, ms_left } of rows) {
        const bucket = asked[n - 1] as Bucket
        // No limit any more: our settings are about to follow.
        const left = limit === 0 ? bucket.limit : granted
        Object.assign(bucket, { left, rest: Math.max(0, limit - taken), until: at + ms_left, isLocal: false })
      }
    } catch {
      const at = now()
      if (at >= awayUntil) awayUntil = at + patienceMs
      for (const bucket of asked) {
        Object.assign(bucket, { left: bucket.limit, rest: 0, until: at + minuteMs, isLocal: true })
      }
    }
  }

  /** Takes one of each: all of them, or none, as long as one needs a lease. */
  const take = (limiting: Bucket[], at: number): RateHeaders | undefined => {
    if (limiting.some((b) => isEmpty(b, at))) return undefined
    for (const b of limiting) b.left--
    return headersOf(limiting, at)
  }

  const settle = async (
    endpoint: Endpoint,
    who: Counted,
    onSpent: (bucket: Bucket, at: number) => unknown,
  ): Promise<RateHeaders | null> => {
    for (;;) {
      const limiting = bucketsOf(endpoint, who)
      if (limiting === null) return null
      const at = now()
      const taken = take(limiting, at)
      if (taken !== undefined) return taken
      const spent = limiting.find((b) => isSpent(b, at))
      if (spent !== undefined) await onSpent(spent, at)
      else await Promise.all(limiting.filter((b) => isEmpty(b, at)).map(lease))
    }
  }

  const waitForTurn = (bucket: Bucket, at: number): Promise<unknown> => {
    if (bucket.turn === null) {
      const { promise, resolve } = Promise.withResolvers<void>()
      bucket.turn = { over: promise.then(() => (bucket.turn = null)), end: resolve }
      setTimeout(resolve, bucket.until - at).unref()
    }
    return bucket.turn.over
  }

  let loading: Promise<void> = Promise.resolve()
  return {
    has: (endpoint) => rules.has(endpoint),
    count(endpoint, who) {
      const limiting = bucketsOf(endpoint, who)
      return limiting === null ? null : (take(limiting, now()) ?? settle(endpoint, who, refuse))
    },
    pace: (endpoint, who) => (bucketsOf(endpoint, who) === null ? null : settle(endpoint, who, waitForTurn)),
    load: () => (loading = loading.catch(() => {}).then(read)),
  }
}

/** Nothing is left of its lease, or its minute is over. */
const isEmpty = ({ left, until }: Bucket, at: number): boolean => left <= 0 || at >= until

/** Nor has anybody else anything left in this minute. */
const isSpent = ({ left, rest, until }: Bucket, at: number): boolean => left <= 0 && rest === 0 && at < until

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('PostgreSQL is late')), patienceMs)
  return await Promise.race([answer, late.promise]).finally(() => clearTimeout(timer))
}

function headersOf(limiting: Bucket[], at: number): RateHeaders {
  let [nearest] = limiting as [Bucket]
  for (const b of limiting) if (b.left + b.rest < nearest.left + nearest.rest) nearest = b
  return told(nearest, at, nearest.left + nearest.rest)
}

function told({ policy, limit, until }: Bucket, at: number, left: number): RateHeaders {
  return { 'RateLimit-Policy': `${policy};q=${limit};w=60`, RateLimit: `${policy};r=${left};t=${secondsTo(until, at)}` }
}

const secondsTo = (until: number, at: number): number => Math.max(1, Math.ceil((until - at) / 1000))

function refuse(bucket: Bucket, at: number): never {
  const { scope, endpoint, limit, until } = bucket
  const headers = { ...told(bucket, at, 0), 'Retry-After': String(secondsTo(until, at)) }
  throw new TmiError('TM403', `This ${scope} has ${limit} ${plural[endpoint]} a minute.`, { headers })
}
