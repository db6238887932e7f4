// SPDX-License-Identifier: MIT
// One stream, read in order from PostgreSQL's cursor and stored batch by batch, each batch one transaction. Whatever goes wrong,
// the answer is the same: forget all that was fetched and open again at the cursor. The fence in SQL makes that safe at any point.
// What an older tmiDB left in streams of its own for the same shards is stored first: order is kept across an upgrade.
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import type { Pool } from '../db/pool.ts'
import { readFrom, type StreamState, stateOf, streamState } from '../nats-bridge/pull.ts'
import { type JetStreamManager, type NatsConnection, olderStreams, streamName } from '../nats-bridge/streams.ts'
import { batchValues, type How, type StreamPlace, type Taken, takeMessage } from './batch.ts'

/** Rows a transaction; at least 500 pays. Under backlog commits of two drains wait for each other's wake-up, so they are large. */
const mostRows = 10_000
/**
 * How long a batch collects. A transaction of 30 rows costs 0.6 ms and its commit 0.25 ms, where a row in a large batch costs
 * 0.01 ms, so under load it pays to wait for more; a reading that comes alone is not kept waiting.
 */
const lingerMs = { calm: 6, busy: 30 }
const busyRows = 60

/** After so long without a message the streams are looked at themselves. */
const quietMs = 2000

/** A refusal that may be a mistake of ours or of the database's state is believed after so long of it. */
const doubtMs = 20_000

/** What lies in the data: cardinality, data exceptions, constraints, check options, limits of a row, exceptions that a trigger raised; a strict category. */
const certain = /^(21|22|23|44|54|P0|TM223)/
/** What passes: connection, transaction state, deadlock, resources, in use, shutdown, the system; damage; and our own fence. */
const passing = /^($|08|25|40|53|55|57|58|XX001|XX002|TM00|E)/
const siftMs = 120_000

const ingestBatch = {
  name: 'ingest_batch',
  text: `select tmidb.ingest_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) as result`,
}

export interface StreamDrain {
  /** Stores what comes, until the moment (Date.now()); throws to be opened again. */
  run(until: number): Promise<void>
  /** When the loop last turned. */
  readonly alive: number
  /** Which part of the last second or so it spent storing: 0 to 1. */
  readonly load: number
  /** Forget everything and open again at the cursor. */
  reopen(): void
  /** The stream that is read, and up to where it is stored as far as this process knows. */
  stored(): { stream: string; seq: number } | null
}

export interface Stored {
  stored: number
  duplicate: number
  quarantined: number
}

export function openStreamDrain(
  stream: number,
  parts: { nc: NatsConnection; manager: JetStreamManager; pool: Pool; onStored: (s: Stored) => void },
): StreamDrain {
  const { nc, manager, pool } = parts
  let place: StreamPlace | null = null
  let lastOfOlder: number | null = null
  let buffer: Taken[] = []
  let reader: { stop(): void } | null = null
  let generation = 0
  let opened = false
  let wake: (() => void) | null = null
  let alive = Date.now()
  let running = 0
  let quietSince = Date.now()
  let load = 0
  let doubt: { code: string; since: number } | null = null

  const close = (): void => {
    generation++
    opened = false
    buffer = []
    reader?.stop()
    reader = null
  }

  const placeIn = async (state: StreamState): Promise<StreamPlace> => {
    const { rows } = await pool.query<{ seq: string }>('select tmidb.open_stream($1, $2, $3, $4) as seq', [
      state.name,
      state.created,
      state.firstSeq,
      state.lastSeq,
    ])
    return { stream: state.name, created: state.created, lastSeq: Number(rows[0]?.seq) }
  }

  const open = async (): Promise<void> => {
    close()
    const mine = generation
    let next: StreamPlace | null = null
    lastOfOlder = null
    for (const older of (await olderStreams(manager, stream)).map(stateOf)) {
      const found = await placeIn(older)
      if (found.lastSeq >= older.lastSeq) continue
      next = found
      lastOfOlder = older.lastSeq
      break
    }
    next ??= await placeIn(await streamState(manager, streamName(stream)))
    if (mine !== generation) return
    place = next
    let expected = next.lastSeq + 1
    const opening = await readFrom(nc, next.stream, expected, (message) => {
      if (mine !== generation) return
      if (message.seq !== expected) {
        // Fetched twice after a reconnect, or a hole: start over from the cursor.
        if (message.seq > expected) opened = false
        return
      }
      expected++
      buffer.push(takeMessage(message.seq, message.data))
      wake?.()
    })
    if (mine !== generation) return opening.stop()
    reader = opening
    opened = true
  }

  const waitForSome = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        wake = null
        resolve()
      }
    })

  /** Nothing came for a while: if the stream holds more than was read, its reader stands still and is opened again. */
  const checkStandstill = async (): Promise<void> => {
    if (place === null || Date.now() - quietSince < quietMs) return
    quietSince = Date.now()
    const { lastSeq } = await streamState(manager, place.stream)
    if (lastSeq !== place.lastSeq && buffer.length === 0) throw new Error(`the reader of ${place.stream} stands still`)
  }

  const waitingRows = (): number => buffer.reduce((sum, t) => sum + t.frame.count, 0)

  const take = (): Taken[] => {
    let rows = 0
    let n = 0
    while (n < buffer.length && (n === 0 || rows < mostRows)) {
      rows += (buffer[n] as Taken).frame.count
      n++
    }
    return buffer.splice(0, n)
  }

  const store = async (taken: Taken[], how: How): Promise<void> => {
    const at = place as StreamPlace
    const { rows } = await pool.query<{ result: Stored }>({ ...ingestBatch, values: batchValues(taken, at, how) })
    at.lastSeq = (taken.at(-1) as Taken).seq
    doubt = null
    parts.onStored(rows[0]?.result as Stored)
  }

  /** Whether an error will come back however often it is tried. */
  const isPoison = (e: unknown): boolean => {
    const code = String((e as { code?: unknown }).code ?? '')
    if (certain.test(code)) return true
    if (passing.test(code)) return false
    if (doubt?.code !== code) doubt = { code, since: Date.now() }
    return Date.now() - doubt.since > doubtMs
  }

  /** A batch that PostgreSQL cannot take: it sifts, and parks what it refuses; frames that it cannot even read are parked whole. */
  const sift = async (taken: Taken[]): Promise<void> => {
    // That takes some seconds, and the watchdog need not worry.
    const until = Date.now() + siftMs
    const living = setInterval(() => {
      if (Date.now() < until) alive = Date.now()
    }, 500)
    try {
      await store(taken, 'sift').catch(async (e: unknown) => {
        if (!certain.test(String((e as { code?: unknown }).code))) throw e
        for (const one of taken) {
          await store([one], 'sift').catch(async (e: unknown) => {
            if (!certain.test(String((e as { code?: unknown }).code))) throw e
            await store([one], { park: (e as Error).message })
          })
        }
      })
    } finally {
      clearInterval(living)
    }
  }

  return {
    get alive() {
      return alive
    },
    get load() {
      return Date.now() - quietSince > quietMs ? 0 : load
    },
    reopen() {
      opened = false
    },
    stored() {
      return opened && place !== null ? { stream: place.stream, seq: place.lastSeq } : null
    },
    async run(until) {
      // The watchdog may have added a second job: one that turns keeps the group, one that hangs loses it.
      if (running > 0 && Date.now() - alive < 1500) {
        await sleep(500)
        return
      }
      running++
      try {
        while (Date.now() < until) {
          alive = Date.now()
          if (!opened) await open()
          if (buffer.length === 0) {
            await waitForSome(250)
            if (buffer.length === 0) await checkStandstill()
            continue
          }
          quietSince = Date.now()
          const started = performance.now()
          const taken = take()
          try {
            await store(taken, 'plain')
          } catch (e) {
            if (!isPoison(e)) throw e
            observe({ kind: 'log', level: 'error', message: `a batch was refused and is sifted: ${(e as Error).message}` })
            await sift(taken)
          }
          if (lastOfOlder !== null && place !== null && place.lastSeq >= lastOfOlder) opened = false
          const rows = taken.reduce((sum, t) => sum + t.frame.count, 0)
          const spent = performance.now() - started
          const rest = (rows > busyRows ? lingerMs.busy : lingerMs.calm) - spent
          if (rest > 1 && waitingRows() < mostRows) await sleep(rest)
          // Weighed by time, over about a second.
          const turn = performance.now() - started
          const weight = Math.min(1, turn / 1000)
          load += (spent / turn - load) * weight
        }
      } catch (e) {
        close()
        throw e
      } finally {
        running--
      }
    },
  }
}
