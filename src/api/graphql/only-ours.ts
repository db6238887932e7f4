// SPDX-License-Identifier: MIT
// Of what was read of the catalog, what the schema is made of: the relations of the exposed schemas, and those of their functions that
// REST calls too: they have a name for themselves and for each argument. What may be left out is told, oldest first: what devices and
// users made, each with a mark of what it is, which changes when it does.
import type {} from 'postgraphile'
import type { Introspection } from 'postgraphile/graphile-build-pg/pg-introspection'

export function onlyOurs(
  schemas: readonly string[],
  tell: (marks: Map<string, string>) => void,
  isLeftOut: (name: string) => boolean,
): GraphileConfig.Plugin {
  return {
    name: 'TmidbOnlyOursPlugin',
    version: '0.0.0',
    before: ['PgFakeConstraintsPlugin'],
    gather: {
      hooks: {
        pgIntrospection_introspection(_info, { introspection }) {
          const ours = new Map(introspection.namespaces.filter((n) => schemas.includes(n.nspname)).map((n) => [n._id, n.nspname]))
          const made: { id: number; name: string; mark: string }[] = []
          /** Whether it stays; of what may go, its name is noted. */
          const stays = (
            id: string,
            schema: string | undefined,
            short: string,
            isMade: boolean,
            mark: () => unknown,
          ): boolean => {
            if (!isMade) return true
            const name = schema === 'api' ? short : `${schema}.${short}`
            made.push({ id: Number(id), name, mark: JSON.stringify(mark()) })
            return !isLeftOut(name)
          }
          const classes = introspection.classes.filter((c) => {
            const schema = ours.get(c.relnamespace)
            if (schema === undefined || c.relispartition) return false
            return stays(c._id, schema, c.relname, schema !== 'api' || c.getTags().tmidbCategory !== undefined, () => [
              c.getTagsAndDescription(),
              c.getAttributes().map((a) => [
                a.attname,
                a.atttypid,
                a.getTagsAndDescription(),
                a
                  .getType()
                  ?.getEnumValues?.()
                  ?.map((v) => v.enumlabel),
              ]),
              c.getConstraints().map((n) => [n.conname, n.contype, n.conkey, n.confrelid]),
            ])
          })
          introspection.classes.splice(0, Infinity, ...classes)
          const ids = new Set(classes.map((c) => c._id))
          introspection.attributes.splice(0, Infinity, ...introspection.attributes.filter((a) => ids.has(a.attrelid)))
          const procs = introspection.procs.filter((p) => ours.has(p.pronamespace) && p.prokind === 'f')
          const named = new Map<string, number>()
          const key = (p: (typeof procs)[number]) => `${p.pronamespace} ${p.proname}`
          for (const p of procs) named.set(key(p), (named.get(key(p)) ?? 0) + 1)
          const callable = procs.filter((p) => {
            const schema = ours.get(p.pronamespace)
            return (
              named.get(key(p)) === 1 &&
              !/trigger$/.test(p.getReturnType()?.typname ?? '') &&
              ((p.proargtypes ?? []).length === 0 || (p.proargnames ?? []).slice(0, p.pronargs ?? 0).every((n) => n !== '')) &&
              stays(p._id, schema, `${p.proname}()`, schema !== 'api', () => [
                p.getTagsAndDescription(),
                p.prorettype,
                p.proargtypes,
                p.proargnames,
              ])
            )
          })
          introspection.procs.splice(0, Infinity, ...callable)
          tell(new Map(made.sort((a, b) => a.id - b.id).map((m) => [m.name, m.mark])))
          pointAtTargets(introspection)
        },
      },
    },
  }
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
