// SPDX-License-Identifier: MIT
// Some shards, read in order from PostgreSQL's cursors and stored batch by batch, each batch one transaction. Whatever goes wrong,
// the answer is the same: forget all that was fetched and open again at the cursors. The fence in SQL makes that safe at any point.
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import type { Pool } from '../db/pool.ts'
import { decodeFrame } from '../nats-bridge/frame.ts'
import { readFrom, streamState } from '../nats-bridge/pull.ts'
import type { JetStreamManager, NatsConnection } from '../nats-bridge/streams.ts'
import { batchValues, type ShardPlace, type Taken } from './batch.ts'

/** Rows a transaction; at least 500 pays, beyond some thousands nothing is gained. */
const mostRows = 4000
/**
 * How long a batch collects. A transaction of 30 rows costs 0.6 ms and its commit 0.25 ms, where a row in a large batch costs
 * 0.01 ms, so under load it pays to wait for more; a reading that comes alone is not kept waiting.
 */
const lingerMs = { calm: 6, busy: 30 }
const busyRows = 60

/** After so long without a message the streams are looked at themselves. */
const quietMs = 2000

const ingestBatch = {
  name: 'ingest_batch',
  text: `select tmidb.ingest_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) as result`,
}

export interface ShardGroup {
  /** Stores what comes, until the moment (Date.now()); throws to be opened again. */
  run(until: number): Promise<void>
  /** When the loop last turned. */
  readonly alive: number
  /** Rows that were read from the streams and are not stored yet. */
  readonly waiting: number
  /** Forget everything and open again at the cursors. */
  reopen(): void
  /** Up to where each shard's stream is stored, as far as this group knows. */
  stored(): { shard: number; seq: number }[]
}

export interface Stored {
  stored: number
  duplicate: number
  quarantined: number
}

export function openShardGroup(
  shards: number[],
  parts: { nc: NatsConnection; manager: JetStreamManager; pool: Pool; onStored: (s: Stored) => void },
): ShardGroup {
  const { nc, manager, pool } = parts
  let places = new Map<number, ShardPlace>()
  let buffer: Taken[] = []
  let readers: { stop(): void }[] = []
  let generation = 0
  let opened = false
  let wake: (() => void) | null = null
  let alive = Date.now()
  let single = false
  let running = 0
  let quietSince = Date.now()

  const close = (): void => {
    generation++
    opened = false
    buffer = []
    for (const reader of readers) reader.stop()
    readers = []
  }

  const open = async (): Promise<void> => {
    close()
    const mine = generation
    places = new Map()
    for (const shard of shards) {
      const state = await streamState(manager, shard)
      const { rows } = await pool.query<{ seq: string }>('select tmidb.open_shard($1, $2, $3) as seq', [
        shard,
        state.created,
        state.firstSeq,
      ])
      places.set(shard, { created: state.created, lastSeq: Number(rows[0]?.seq) })
    }
    for (const shard of shards) {
      let expected = (places.get(shard)?.lastSeq ?? 0) + 1
      const reader = await readFrom(nc, shard, expected, (message) => {
        if (mine !== generation) return
        if (message.seq !== expected) {
          // Fetched twice after a reconnect, or a hole: start over from the cursor.
          if (message.seq > expected) opened = false
          return
        }
        expected++
        buffer.push({ shard, seq: message.seq, frame: decodeFrame(message.data) })
        wake?.()
      })
      readers.push(reader)
    }
    opened = mine === generation
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

  /** Nothing came for a while: if a stream holds more than was read, its reader stands still and all are opened again. */
  const checkStandstill = async (): Promise<void> => {
    if (Date.now() - quietSince < quietMs) return
    quietSince = Date.now()
    for (const [shard, place] of places) {
      const { lastSeq } = await streamState(manager, shard)
      if (lastSeq > place.lastSeq && buffer.length === 0) throw new Error(`the reader of shard ${shard} stands still`)
    }
  }

  const waitingRows = (): number => buffer.reduce((sum, t) => sum + t.frame.count, 0)

  const take = (): Taken[] => {
    let rows = 0
    let n = 0
    while (n < buffer.length && (n === 0 || (!single && rows < mostRows))) {
      rows += (buffer[n] as Taken).frame.count
      n++
    }
    return buffer.splice(0, n)
  }

  const store = async (taken: Taken[], refuseAll: boolean): Promise<void> => {
    const { rows } = await pool.query<{ result: Stored }>({ ...ingestBatch, values: batchValues(taken, places, refuseAll) })
    for (const { shard, seq } of taken) {
      const place = places.get(shard)
      if (place) place.lastSeq = seq
    }
    parts.onStored(rows[0]?.result as Stored)
  }

  return {
    get alive() {
      return alive
    },
    get waiting() {
      return waitingRows()
    },
    reopen() {
      opened = false
    },
    stored() {
      return opened ? [...places].map(([shard, place]) => ({ shard, seq: place.lastSeq })) : []
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
            await store(taken, false)
            single = false
          } catch (e) {
            if (!isPoison(e)) throw e
            // A batch that PostgreSQL cannot take: find the frame by storing one at a time, and park that one.
            observe({ kind: 'log', level: 'error', message: `a batch was refused: ${(e as Error).message}` })
            if (taken.length === 1) await store(taken, true)
            else {
              single = true
              throw e
            }
          }
          const rows = taken.reduce((sum, t) => sum + t.frame.count, 0)
          const rest = (rows > busyRows ? lingerMs.busy : lingerMs.calm) - (performance.now() - started)
          if (rest > 1 && waitingRows() < mostRows) await sleep(rest)
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

/** Data exceptions and broken constraints come back however often it is tried. */
function isPoison(e: unknown): boolean {
  return /^(22|23)/.test(String((e as { code?: unknown }).code ?? ''))
}
