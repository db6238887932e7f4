// SPDX-License-Identifier: MIT
// After every test that wrote: received = stored + duplicate + quarantined, and each of them is really there.
import assert from 'node:assert/strict'
import { sleep } from '../../src/base/retry.ts'

/** A test may have taken PostgreSQL away: after some seconds without an answer there is nothing to compare. */
const patienceMs = 5000

export async function mustBalance(query: (sql: string) => Promise<unknown[]>): Promise<void> {
  for (const end = Date.now() + patienceMs; ; await sleep(200)) {
    const rows = await query('select * from tmidb.ledger_check()').catch((e: { code?: string }) => {
      const code = e.code ?? ''
      if (/^(42883|42703|42P01|3F000)$/.test(code)) return [] // the test has taken the schema back
      if (/^(57|08|53|E)/.test(code) || code === '') return Date.now() > end ? [] : null
      throw e
    })
    if (rows === null) continue
    assert.deepEqual(rows, [], 'the ledger does not balance')
    return
  }
}
