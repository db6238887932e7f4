// SPDX-License-Identifier: MIT
// One row of each relation as the one who asks may see it: what a document shows is what the caller's own data look like.
import { type SQL, sql } from 'pg-sql2'
import { observe } from '../../base/observe.ts'
import { type Claims, type Pool, readAs } from '../../db/pool.ts'
import type { Column, Relation } from '../rest/catalog.ts'
import { columnSql, jsonSql, row } from '../rest/fields.ts'

export type Examples = ReadonlyMap<Relation, Record<string, unknown>>

/** Of more relations than this the rest goes without an example; a look-up costs some 0.1 ms a target. */
const mostRelations = 50
const targetsLookedAt = 3
const patienceMs = 400

export async function exampleRows(
  pool: Pool,
  claims: Claims,
  asked: readonly { relation: Relation; columns: readonly Column[] }[],
): Promise<Examples> {
  const some = asked.filter((a) => a.columns.length > 0).slice(0, mostRelations)
  if (some.length === 0) return new Map()
  const read = async (these: typeof some): Promise<[Relation, Record<string, unknown>][]> => {
    const { text, values } = sql.compile(sql`select json_build_array(${sql.join(these.map(exampleOf), ', ')})::text as body`)
    const { rows } = await readAs<{ body: string }>(pool, { ...claims, timeout_ms: patienceMs }, { text, values })
    const found = JSON.parse(rows[0]?.body ?? '[]') as (Record<string, unknown> | null)[]
    return these.flatMap(({ relation }, i) => (found[i] ? [[relation, found[i]] as [Relation, Record<string, unknown>]] : []))
  }
  const failed = (e: unknown) => {
    // A document without examples is worth more than none.
    observe({ kind: 'log', level: 'warn', message: `no examples for the documents: ${(e as Error).message}` })
    return []
  }
  try {
    return new Map(await read(some))
  } catch (e) {
    if ((e as { code?: string }).code === '57014') return new Map(failed(e))
    // A view that fails for this one costs its own example, as long as there is time.
    const until = Date.now() + patienceMs
    const found: [Relation, Record<string, unknown>][] = []
    for (const one of some) if (Date.now() < until) found.push(...(await read([one]).catch(failed)))
    return new Map(found)
  }
}

function exampleOf({ relation, columns }: { relation: Relation; columns: readonly Column[] }): SQL {
  const scope = { relation, row }
  const wanted = sql.join(
    columns.map((c) => sql`${jsonSql({ sql: columnSql(scope, c.name), type: c.type })} as ${sql.identifier(c.name)}`),
    ', ',
  )
  const from = sql.identifier(relation.schema, relation.name)
  if (relation.category === null) return sql`(select to_json(e.*) from (select ${wanted} from ${from} ${row} limit 1) e)`
  return sql`(select to_json(e.*) from (select ${wanted}
      from (select t.target_id from api.target t order by t.key limit ${sql.literal(targetsLookedAt)}) k
      cross join lateral (select * from ${from} ${row} where ${row}.target_id = k.target_id
        order by ${row}.ts desc, ${row}.reading_id desc limit 1) ${row}
      order by ${row}.ts desc limit 1) e)`
}
