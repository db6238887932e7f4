// SPDX-License-Identifier: MIT
// What of the catalog the schema is made of. PostGraphile introspects everything, with every partition; of use are the relations of the
// exposed schemas, and those of their functions that REST calls too: they have a name for themselves and for each argument.
import type {} from 'postgraphile'
import type { Introspection, PgClass } from 'postgraphile/graphile-build-pg/pg-introspection'
import type { Pool } from './preset.ts'

/** The schemas to build from, in the order in which names are given; tmidb.exposed_schemas knows. */
export async function exposedSchemas(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>('select name from tmidb.exposed_schemas() name')
  return rows.map((r) => r.name)
}

export interface Narrowing {
  schemas: readonly string[]
  /** Is told the names of the relations that can be left out, oldest first. */
  tell(relations: string[]): void
  isLeftOut(relation: string): boolean
}

export function narrowed({ schemas, tell, isLeftOut }: Narrowing): GraphileConfig.Plugin {
  return {
    name: 'TmidbIntrospectionPlugin',
    version: '0.0.0',
    before: ['PgFakeConstraintsPlugin'],
    gather: {
      hooks: {
        pgIntrospection_introspection(_info, { introspection }) {
          const names = new Map(introspection.namespaces.map((n) => [n._id, n.nspname]))
          const isExposed = (namespace: string) => schemas.includes(names.get(namespace) ?? '')
          const nameOf = (c: PgClass) =>
            `${names.get(c.relnamespace) === 'api' ? '' : `${names.get(c.relnamespace)}.`}${c.relname}`
          // Without the targets and what functions return there is no API; everything else may be left out.
          const isOptional = (c: PgClass) =>
            c.relkind !== 'c' && (names.get(c.relnamespace) !== 'api' || c.getTags().tmidbCategory !== undefined)
          const found = introspection.classes.filter((c) => isExposed(c.relnamespace) && c.relispartition !== true)
          tell(
            found
              .filter(isOptional)
              .sort((a, b) => Number(a._id) - Number(b._id))
              .map(nameOf),
          )
          const kept = found.filter((c) => !isOptional(c) || !isLeftOut(nameOf(c)))
          introspection.classes.splice(0, Infinity, ...kept)
          const ids = new Set(kept.map((c) => c._id))
          introspection.attributes.splice(0, Infinity, ...introspection.attributes.filter((a) => ids.has(a.attrelid)))
          introspection.procs.splice(0, Infinity, ...callable(introspection, isExposed))
          pointAtTargets(introspection)
        },
      },
    },
  }
}

function callable(introspection: Introspection, isExposed: (namespace: string) => boolean) {
  const procs = introspection.procs.filter((p) => p.prokind === 'f' && isExposed(p.pronamespace))
  const named = new Map<string, number>()
  const key = (p: (typeof procs)[number]) => `${p.pronamespace} ${p.proname}`
  for (const p of procs) named.set(key(p), (named.get(key(p)) ?? 0) + 1)
  return procs.filter(
    (p) =>
      named.get(key(p)) === 1 &&
      !/trigger$/.test(p.getReturnType()?.typname ?? '') &&
      ((p.proargtypes ?? []).length === 0 || (p.proargnames ?? []).slice(0, p.pronargs ?? 0).every((n) => n !== '')),
  )
}

/** A foreign key to the table tmidb.target is one to the view api.target, which shows each his own. */
function pointAtTargets(introspection: Introspection): void {
  const table = introspection.getNamespace({ name: 'tmidb' })?.getClass({ name: 'target' })
  const view = introspection.getNamespace({ name: 'api' })?.getClass({ name: 'target' })
  if (!table || !view) return
  const numbers = new Map(view.getAttributes().map((a) => [a.attname, a.attnum]))
  const columns = new Map(table.getAttributes().map((a) => [a.attnum, numbers.get(a.attname)]))
  for (const constraint of table.getForeignConstraints()) {
    const key = constraint.confkey?.map((n) => columns.get(n))
    if (!key?.every((n) => n !== undefined)) continue
    constraint.confrelid = view._id
    constraint.confkey = key
    view.getForeignConstraints().push(constraint)
  }
}
