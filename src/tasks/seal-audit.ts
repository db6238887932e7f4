// SPDX-License-Identifier: MIT
// What was written to the audit joins its chain here, within a second: whoever writes it need not wait for anybody.
import { observe } from '../base/observe.ts'
import { forever, sleep } from '../base/retry.ts'
import type { Pool } from '../db/pool.ts'

const everyMs = 1000
const atOnce = 10_000

/** Seals until the signal. After a failure, which is told once, it tries again within 5 s. */
export async function sealAudit(pool: Pool, signal: AbortSignal): Promise<void> {
  const turn = async (): Promise<void> => {
    let sealed = atOnce
    while (sealed === atOnce && !signal.aborted) {
      const { rows } = await pool.query<{ sealed: number }>('select tmidb.seal_audit($1) as sealed', [atOnce])
      sealed = rows[0]?.sealed ?? 0
    }
    await sleep(everyMs, signal)
  }
  const onError = (e: unknown, waitMs: number): void => {
    if (waitMs === everyMs) observe({ kind: 'log', level: 'warn', message: `the audit is not sealed: ${(e as Error).message}` })
  }
  await forever(turn, signal, { min: everyMs, max: 5000, onError })
}
