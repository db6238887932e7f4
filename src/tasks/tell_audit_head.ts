// SPDX-License-Identifier: MIT
// Each hour the end of the audit's chain goes into the log, which whoever can change the database need not be able to change.
import type { Task } from 'graphile-worker'
import { observe } from '../base/observe.ts'
import type { Pool } from '../db/pool.ts'

export function tellAuditHeadTask(pool: Pool): Task {
  return async () => {
    const { rows } = await pool.query<{ head: string }>('select tmidb.audit_head_now() as head')
    observe({ kind: 'audit.head', head: rows[0]?.head ?? '' })
  }
}
