// SPDX-License-Identifier: MIT
// Merges readings into the roll-ups, a shard at a time, and gives way to ingest: while the drain has more waiting than a batch takes,
// it works a tenth of the time and a shard waits for a minute or 80,000 positions; else half of the time and half a minute, since a
// row that is merged less often is written less often. Queries are exact all the while: they read what is not merged from the readings.
import type { Task } from 'graphile-worker'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import type { Pool } from '../db/pool.ts'
import type { StreamDrain } from './stream-drain.ts'

/** The job comes anew each minute; two at once are harmless. */
const sliceMs = 58_000
const busyRows = 2000

export function rollUpTask(pool: Pool, drains: StreamDrain[], ended: AbortSignal): Task {
  return async () => {
    const until = Date.now() + sliceMs
    try {
      while (Date.now() < until && !ended.aborted) {
        const busy = drains.some((drain) => drain.waiting > busyRows)
        const started = performance.now()
        const { rows } = await pool.query<{ n: number }>('select tmidb.roll_up(p_wait => $1) as n', [busy ? '60 s' : '30 s'])
        const took = performance.now() - started
        await sleep(rows[0]?.n ? took * (busy ? 9 : 1) : 1000, ended).catch(() => {})
      }
    } catch (e) {
      observe({ kind: 'log', level: 'warn', message: `roll-ups wait for the next minute: ${(e as Error).message}` })
    }
  }
}
