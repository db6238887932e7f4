// SPDX-License-Identifier: MIT
// What its category keeps no longer goes, each hour.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function dropExpiredTask(pool: Pool): Task {
  return async () => {
    await pool.query('select tmidb.drop_expired()')
  }
}
