// SPDX-License-Identifier: MIT
// What one caller's documents speak of: relations with the columns and verbs that are its own. All documents ask here, so that none
// tells more than another.
import { isBound, type RequestRole } from '../../db/pool.ts'
import { type Catalog, type Column, may, type Relation, shownColumns, type Verb } from '../rest/catalog.ts'
import { readingsAddress } from '../rest/route.ts'
import type { Visible } from '../rest/visible.ts'

export interface SeenRelation {
  relation: Relation
  /** What may be read. */
  columns: readonly Column[]
  /** What may be sent with an insert; null: a reading's free form, whose fields are nobody's to know. */
  takes: readonly Column[] | null
  /** Where it is asked for; null: only the profile header chooses it, since another one of its name comes first. */
  address: string | null
  verbs: ReadonlySet<Verb>
}

export interface Seen {
  role: RequestRole
  /** By category: its majors, newest first. */
  categories: ReadonlyMap<string, readonly SeenRelation[]>
  /** What is no category's view: target, users' tables and views. */
  others: readonly SeenRelation[]
}

const verbs: readonly Verb[] = ['select', 'insert', 'update', 'delete']

export interface Scope {
  /** Only the views of this major. */
  major?: number | null
  /** Whether who may only write is told of the categories there are. */
  namesCategories?: boolean
  /** Whether who may read nothing yet is told that there are targets. */
  namesTargets?: boolean
}

export function seenBy(
  catalog: Catalog,
  role: RequestRole,
  visible: Visible,
  { major = null, namesCategories = true, namesTargets = false }: Scope = {},
): Seen {
  const has = (verb: Verb) => (c: Column) => c.rights === undefined || (c.rights.get(role)?.has(verb) ?? false)
  const categories = new Map<string, SeenRelation[]>()
  const others: SeenRelation[] = []
  for (const relations of catalog.schemas.values()) {
    for (const relation of relations.values()) {
      const allowed = new Set(verbs.filter((verb) => may(relation, role, verb)))
      if (allowed.size === 0) continue
      if (relation.category === null) {
        others.push({
          relation,
          columns: allowed.has('select') ? shownColumns(relation).filter(has('select')) : [],
          takes: [...relation.columns.values()].filter((c) => !c.generated).filter(has('insert')),
          verbs: allowed,
          address: catalog.relations.get(relation.name) === relation ? `/api/${encodeURIComponent(relation.name)}` : null,
        })
        continue
      }
      const fields = visible.get(relation.category)
      const isWriter = !allowed.has('select') && allowed.has('insert')
      if ((isWriter ? !namesCategories : fields === undefined) || (major !== null && relation.major !== major)) continue
      const always = new Set(['target', ...relation.key])
      const columns = shownColumns(relation).filter((c) => !fields || always.has(c.name) || fields.has(c.name))
      const versions = categories.get(relation.category) ?? []
      // Who writes says itself what a reading holds; a reader who also writes is told the fields it sees.
      versions.push({
        relation,
        columns: isWriter ? [] : columns,
        takes: isWriter ? null : columns.filter((c) => !c.generated),
        verbs: allowed,
        address: readingsAddress(catalog, relation),
      })
      categories.set(relation.category, versions)
    }
  }
  for (const versions of categories.values()) versions.sort((a, b) => (b.relation.major ?? 0) - (a.relation.major ?? 0))
  const sorted = [...categories].sort(([a], [b]) => (a < b ? -1 : 1))
  // Who may read nothing yet knows of no targets either.
  const isIdle = !namesTargets && isBound(role) && visible.size === 0
  return { role, categories: new Map(sorted), others: isIdle ? others.filter((s) => s.relation.schema !== 'api') : others }
}

export function allSeen({ categories, others }: Seen): SeenRelation[] {
  return [...[...categories.values()].flat(), ...others]
}
