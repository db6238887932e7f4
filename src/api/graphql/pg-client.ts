// SPDX-License-Identifier: MIT
// How PostGraphile reaches PostgreSQL: a statement travels with the identity it runs under and is a transaction of its own, one round
// trip instead of four (begin, settings, statement, commit). What asks for a longer transaction gets PostGraphile's own.
import type { PgClient, WithPgClient } from 'postgraphile/@dataplan/pg'
import { makePgAdaptorWithPgClient, makePgService } from 'postgraphile/adaptors/pg'
import type { Via } from '../../base/caller.ts'
import { type As, claimsVia, type Pool, runAs } from '../../db/pool.ts'
import { preparing } from '../../db/preparing.ts'

export function pgService(pool: Pool, schemas: string[]): ReturnType<typeof makePgService> {
  const service = makePgService({ pool, schemas, pubsub: false })
  return { ...service, adaptor: { ...service.adaptor, createWithPgClient: () => withPgClient(pool) as never } }
}

/** Who asks, as the settings that the GraphQL context carries. */
export function settingsOf({ role, claims, timeoutMs, via }: Omit<As, 'readOnly'>): Record<string, string> {
  return {
    role,
    'tmidb.claims': claims,
    statement_timeout: String(timeoutMs),
    ...(via ? { 'tmidb.via': JSON.stringify(via) } : {}),
  }
}

/** PostGraphile writes "schema"."relation" in quotes, and its aliases without. */
function isOnlyOurs(text: string): boolean {
  for (const [, schema] of text.matchAll(/"((?:[^"]|"")*)"\."/g)) if (schema !== 'api') return false
  return true
}

function withPgClient(pool: Pool): WithPgClient {
  const stock = makePgAdaptorWithPgClient(pool)
  const prepare = preparing()
  const run: WithPgClient = async (settings, callback) => {
    // Without settings nobody asks: PostGraphile reads the catalog.
    if (settings === null) return await stock(null, callback as never)
    const { 'tmidb.via': said, ...own } = settings
    const via = said === undefined ? undefined : (JSON.parse(said) as Via)
    const as = {
      role: own.role ?? 'tmidb_anonymous',
      claims: own['tmidb.claims'] ?? '{}',
      timeoutMs: Number(own.statement_timeout ?? 3000),
    }
    const client: PgClient = {
      async query({ text, name, values, arrayMode }) {
        const statement = {
          text,
          values: values ?? [],
          onlyOurs: isOnlyOurs(text),
          ...(name !== undefined && prepare(name) ? { name } : {}),
        }
        // PostGraphile names the statements of queries, never those of mutations.
        const readOnly = name !== undefined
        const { rows, rowCount } = await runAs(
          pool,
          { ...as, readOnly, ...(readOnly || !via ? {} : { via }) },
          statement,
          arrayMode ? 'array' : undefined,
        )
        return { rows: rows as never[], rowCount }
      },
      withTransaction: (work) =>
        stock({ ...own, 'tmidb.claims': claimsVia(as.claims, via) }, (c) => c.withTransaction(work as never)),
    }
    return await callback(client)
  }
  return Object.assign(run, { release: () => {} })
}
