// SPDX-License-Identifier: MIT
// Merges readings into the roll-ups, a shard at a time, and gives way to ingest: the more of its time the drain spends storing, the less
// this job works, from half of the time down to a twentieth (a reading of six fields costs 12 us to merge where storing costs 9, and at
// the machine's limit half of the time took a third of the stored rate). A row that is merged less often is written less often, so a
// shard waits for half a minute, under load for a minute. Queries are exact all the while: they read what is not merged from the readings.
import type { Task } from 'graphile-worker'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import type { Pool } from '../db/pool.ts'
import type { StreamDrain } from './stream-drain.ts'

/** The job comes anew each minute; two at once are harmless. */
const sliceMs = 58_000
const duty = { calm: 0.5, busy: 0.05 }

export function rollUpTask(pool: Pool, drains: StreamDrain[], ended: AbortSignal): Task {
  return async () => {
    const until = Date.now() + sliceMs
    try {
      while (Date.now() < until && !ended.aborted) {
        const load = Math.max(...drains.map((drain) => drain.load))
        const started = performance.now()
        const { rows } = await pool.query<{ n: number }>('select tmidb.roll_up(p_wait => $1) as n', [
          load > 0.5 ? '60 s' : '30 s',
        ])
        const took = performance.now() - started
        await sleep(rows[0]?.n ? took * (1 / Math.max(duty.busy, duty.calm * (1 - load)) - 1) : 1000, ended).catch(() => {})
      }
    } catch (e) {
      observe({ kind: 'log', level: 'warn', message: `roll-ups wait for the next minute: ${(e as Error).message}` })
    }
  }
}
