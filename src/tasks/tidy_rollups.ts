// SPDX-License-Identifier: MIT
// Each hour: roll-ups that their category keeps no longer go, and a piece that time has left behind is put in order.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function tidyRollupsTask(pool: Pool): Task {
  return async () => {
    await pool.query('select tmidb.drop_expired_rollups()')
    await pool.query('select tmidb.settle_rollups()')
  }
}
