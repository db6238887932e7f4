// SPDX-License-Identifier: MIT
// Room for the coming days, each hour.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function ensureChunksTask(pool: Pool): Task {
  return async () => {
    await pool.query('select tmidb.ensure_chunks()')
  }
}
