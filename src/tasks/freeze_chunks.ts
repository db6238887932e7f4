// SPDX-License-Identifier: MIT
// Packs the oldest day that has gone cold, each hour.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function freezeChunksTask(pool: Pool): Task {
  return async () => {
    await pool.query('select tmidb.freeze_chunks()')
  }
}
