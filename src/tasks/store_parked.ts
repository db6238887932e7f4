// SPDX-License-Identifier: MIT
// Makes the chunks that parked readings (history, late data) wait for, and stores the readings; again while there are more.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function storeParkedTask(pool: Pool): Task {
  return async () => {
    for (;;) {
      const { rows } = await pool.query<{ n: number }>('select tmidb.store_parked() as n')
      if (!rows[0]?.n) return
    }
  }
}
