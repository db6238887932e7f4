// SPDX-License-Identifier: MIT
// What PostgreSQL really did inside a function, as text: auto_explain tells the plans of all statements of a call.
import { withClient } from '../../src/db/superuser.ts'
import type { TestDatabase } from './postgres.ts'

/** As the administrator. */
export async function plansOf(db: TestDatabase, query: string): Promise<string> {
  return await withClient(db.superUrl, async (c) => {
    let text = ''
    c.on('notice', (n: { message?: string }) => (text += `${n.message}\n`))
    await c.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
      set auto_explain.log_analyze = on; set auto_explain.log_timing = off; set client_min_messages = log; set session authorization admin`)
    await c.query(query)
    return text
  })
}
