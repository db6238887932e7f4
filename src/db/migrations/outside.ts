// SPDX-License-Identifier: MIT
// The single statement that PostgreSQL takes only outside of a transaction, such as "create index concurrently".
import type { Client } from '../superuser.ts'
import { failure } from './failure.ts'
import type { Step } from './plan.ts'

/** What of it can be tried inside a transaction: an index that goes may take a way to sort along; one that comes only adds. */
export function rehearsable(sql: string): string | null {
  return /^drop\s+index\s+concurrently\b/i.test(sql) ? sql.replace(/concurrently/i, '') : null
}

/** How long it took, in ms. */
export async function runOutside(client: Client, { migration, part }: Step): Promise<number> {
  const begun = performance.now()
  const before = await invalidIndexes(client)
  for (const statement of part.statements) {
    try {
      await client.query(statement.text)
    } catch (e) {
      // An index that could not be finished is left behind, is written to and never read.
      for (const index of await invalidIndexes(client)) {
        if (!before.includes(index)) await client.query(`drop index concurrently if exists ${index}`)
      }
      throw failure(e, migration, statement, `Nothing of ${migration.name} was kept.`)
    }
  }
  return Math.round(performance.now() - begun)
}

/** By name with schema, quoted where it must be. */
async function invalidIndexes(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where not i.indisvalid`,
  )
  return rows.map((r) => r.name)
}
