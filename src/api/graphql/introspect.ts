// SPDX-License-Identifier: MIT
// What a build reads of the database: one call, of the exposed schemas only. PostGraphile asks through the adaptor of its service;
// this one has the answer already and can do nothing else.
import type {} from 'postgraphile'
import type { Pool } from '../../db/pool.ts'

export interface Introspection {
  /** The exposed schemas, in the order in which a name is looked up. */
  schemas: string[]
  text: string
}

export async function introspect(pool: Pool): Promise<Introspection> {
  const { rows } = await pool.query<Introspection>(
    'select array(select tmidb.exposed_schemas()::text) as schemas, tmidb.introspection() as text',
  )
  const [found] = rows
  if (!found) throw new Error('The catalog cannot be read.')
  return found
}

/** The preset, for one build from what was read. */
export function readFrom({ schemas, text }: Introspection, preset: GraphileConfig.Preset): GraphileConfig.Preset {
  const client = { query: async () => ({ rows: [{ introspection: text }] }) }
  const adaptor = {
    createWithPgClient: () =>
      Object.assign(async (_settings: unknown, use: (c: typeof client) => unknown) => await use(client), { release() {} }),
  }
  return { ...preset, pgServices: preset.pgServices?.map((s) => ({ ...s, schemas, adaptor }) as never) ?? [] }
}
