// SPDX-License-Identifier: MIT
// Makes the API's views follow the schema versions; queued by a trigger in the transaction that made the version.
import type { Task } from 'graphile-worker'
import type { Pool } from '../db/pool.ts'

export function publishViewsTask(pool: Pool): Task {
  return async () => {
    await pool.query('select tmidb.publish_views()')
  }
}
