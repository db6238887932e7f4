// SPDX-License-Identifier: MIT
// Devices that keep their own books (book.ts) in a process of their own (producer.ts): every reading is sent again until it is
// acknowledged, and the next one of a target waits for that. What the database holds at the end is compared with the books.
import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep } from '../../src/base/retry.ts'
import type { Connection } from '../../src/supervisor/connection.ts'
import { type Promised, readBook } from './book.ts'
import type { Way } from './senders.ts'

export interface Producer {
  name: string
  way: Way
  /** The targets of one message; lanes run side by side over one connection. */
  lanes: string[][]
  /** Readings of each target in a message. */
  each: number
  /** Readings a second of a lane, and how many it has to send at least. */
  perSecond: number
  share: number
}

export interface Plan {
  connection: Connection
  category: string
  producers: Producer[]
  limitMs: number
}

export interface Progress {
  attempted: number
  acknowledged: number
  messages: number
  retries: number
  /** What was refused with a reason: nothing here deserves that. */
  refused: string[]
  ended: boolean
}

export interface Producers extends AsyncDisposable {
  folder: string
  /** Which targets speak by which way. */
  ways: Map<Way, string[]>
  progress(): Progress
  /** Sends what is missing of the shares without pausing; resolves when all is acknowledged and the process has ended. */
  finish(): Promise<Progress>
  /** What the books promise. */
  books(): Promise<Promised[]>
}

/** Of 1,000 readings, how many by which way; [connections, lanes a connection, targets a lane, readings of a target]. */
const mix: Record<Way, { share: number; form: [number, number, number, number] }> = {
  http: { share: 200, form: [2, 4, 1, 1] },
  'http-batch': { share: 400, form: [2, 2, 3, 5] },
  ws: { share: 120, form: [2, 3, 1, 1] },
  'mqtt-1': { share: 80, form: [2, 3, 1, 1] },
  'mqtt-1-kept': { share: 80, form: [2, 3, 1, 1] },
  'mqtt-2': { share: 60, form: [2, 3, 1, 1] },
  'mqtt-2-kept': { share: 60, form: [2, 3, 1, 1] },
}

export interface ProducerOptions {
  /** At least so many readings in all, */
  readings: number
  /** so many of them a second until finish(). */
  perSecond: number
  category: string
  ways: Way[]
  limitMs: number
}

export function startProducers(connection: Connection, options: ProducerOptions): Producers {
  const folder = mkdtempSync(join(tmpdir(), 'tmidb-books-'))
  const whole = options.ways.reduce((sum, way) => sum + mix[way].share, 0)
  const ways = new Map<Way, string[]>()
  const producers = options.ways.flatMap((way) => {
    const { share, form } = mix[way]
    const [connections, lanes, targets, each] = form
    return Array.from({ length: connections }, (_, i): Producer => {
      const name = `${way}-${i}`
      const names = Array.from({ length: lanes }, (_, lane) =>
        Array.from({ length: targets }, (_, t) => `${name}-${lane}${targets > 1 ? `-${t}` : ''}`),
      )
      ways.set(way, [...(ways.get(way) ?? []), ...names.flat()])
      const part = share / whole / connections / lanes
      return { name, way, lanes: names, each, perSecond: options.perSecond * part, share: Math.ceil(options.readings * part) }
    })
  })
  const plan: Plan = { connection, category: options.category, producers, limitMs: options.limitMs }
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan), { mode: 0o600 })
  const out = openSync(join(folder, 'log'), 'a')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'producer.ts'), folder], {
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
  })
  child.unref()
  let exited = false
  child.once('exit', () => {
    exited = true
  })
  const progress = (): Progress => {
    try {
      return JSON.parse(readFileSync(join(folder, 'progress.json'), 'utf8')) as Progress
    } catch {
      return { attempted: 0, acknowledged: 0, messages: 0, retries: 0, refused: [], ended: false }
    }
  }
  return {
    folder,
    ways,
    progress,
    async finish() {
      writeFileSync(join(folder, 'finish'), '')
      while (!exited) await sleep(100)
      const last = progress()
      if (!last.ended) throw new Error(`the producers ended early: ${readFileSync(join(folder, 'log'), 'utf8').slice(-2000)}`)
      return last
    },
    async books() {
      const files = readdirSync(folder).filter((name) => name.endsWith('.book'))
      return (await Promise.all(files.map((name) => readBook(join(folder, name))))).flat()
    },
    async [Symbol.asyncDispose]() {
      if (!exited) child.kill('SIGKILL')
      while (!exited) await sleep(20)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Findings {
  attempted: number
  acknowledged: number
  stored: number
  /** Acknowledged and not stored: before the first stored reading of its target, between, behind the last. */
  lost: number
  lostPrefix: number
  lostMiddle: number
  lostPostfix: number
  /** Stored and never sent. */
  phantom: number
  doubled: number
  misordered: number
  /** Stored with another content than was sent. */
  changed: number
}

type Query = <T>(text: string, values?: unknown[]) => Promise<T[]>

/** Compares the books with what the database holds; query reads as an administrator. */
export async function compare(books: Promised[], category: string, query: Query): Promise<Findings> {
  const sum: Findings = {
    attempted: 0,
    acknowledged: 0,
    stored: 0,
    lost: 0,
    lostPrefix: 0,
    lostMiddle: 0,
    lostPostfix: 0,
    phantom: 0,
    doubled: 0,
    misordered: 0,
    changed: 0,
  }
  const add = (of: Partial<Findings>): void => {
    for (const [name, n] of Object.entries(of)) sum[name as keyof Findings] += n
  }
  const payload = await payloadOf(query)
  for (const book of books) {
    const rows = await query<{ n: number[] | null; v: number[] | null }>(
      `select array_agg(n order by position) as n, array_agg(v order by position) as v from (
         select position, (${payload}->>'n')::int as n, (${payload}->>'value')::float8 as v from tmidb.ts_obs o
         where target_id = (select target_id from tmidb.target where key = $1)
           and category_id = (select category_id from tmidb.category where name = $2)) x`,
      [book.target, category],
    )
    add(compareTarget(book, rows[0]?.n ?? [], rows[0]?.v ?? []))
  }
  // What is stored for targets that no book knows of.
  const [strangers] = await query<{ n: number }>(
    `select count(*)::int as n from tmidb.ts_obs where category_id = (select category_id from tmidb.category where name = $1)
       and target_id not in (select target_id from tmidb.target where key = any($2))`,
    [category, books.map((b) => b.target)],
  )
  add({ phantom: strangers?.n ?? 0, stored: strangers?.n ?? 0 })
  return sum
}

/** One target: its readings' counters in the order they were stored in. */
export function compareTarget(book: Promised, stored: number[], values: number[] = stored.map((n) => n / 2)): Findings {
  const seen = new Set<number>()
  let highest = 0
  let [phantom, doubled, misordered] = [0, 0, 0]
  for (const n of stored) {
    if (seen.has(n)) doubled++
    else if (n < highest) misordered++
    if (!(n >= 1 && n <= book.attempted)) phantom++
    seen.add(n)
    highest = Math.max(highest, n)
  }
  const lowest = stored.reduce((low, n) => Math.min(low, n), Number.POSITIVE_INFINITY)
  let [lostPrefix, lostMiddle, lostPostfix] = [0, 0, 0]
  for (let n = 1; n <= book.acknowledged; n++) {
    if (seen.has(n)) continue
    if (n < lowest) lostPrefix++
    else if (n > highest) lostPostfix++
    else lostMiddle++
  }
  return {
    attempted: book.attempted,
    acknowledged: book.acknowledged,
    stored: stored.length,
    lost: lostPrefix + lostMiddle + lostPostfix,
    lostPrefix,
    lostMiddle,
    lostPostfix,
    phantom,
    doubled,
    misordered,
    changed: stored.filter((n, i) => values[i] !== n / 2).length,
  }
}

/** Old days are packed; then the payload is put together again. */
async function payloadOf(query: Query): Promise<string> {
  const [packed] = await query(`select from pg_attribute where attrelid = 'tmidb.ts_obs'::regclass and attname = 'compact'`)
  return packed ? 'coalesce(o.payload, tmidb.unpack(o.version_id, o.compact))' : 'o.payload'
}

/** Waits until the ledger has counted so many readings; false when it does not within the time. */
export async function allStored(count: number, query: Query, withinMs = 60_000): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(200)) {
    const [row] = await query<{ n: number }>('select sum(stored)::float8 as n from tmidb.ledger').catch(() => [])
    if ((row?.n ?? 0) >= count) return true
  }
  return false
}
