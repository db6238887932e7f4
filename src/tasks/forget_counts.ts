// SPDX-License-Identifier: MIT
// Counts of requests whose minute is over go.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function forgetCountsTask(pool: Pool): Task {
  return async () => {
    await pool.query('select tmidb.forget_counts()')
  }
}
