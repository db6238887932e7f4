// SPDX-License-Identifier: MIT
// Roll-ups that their category keeps no longer go, each hour.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function dropExpiredRollupsTask(pool: Pool): Task {
  return async () => {
    await pool.query('select tmidb.drop_expired_rollups()')
  }
}
