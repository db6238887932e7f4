// SPDX-License-Identifier: MIT
// What one caller's documents speak of: relations with the columns and verbs that are its own. All documents ask here, so that none
// tells more than another.
import type { RequestRole } from '../../db/pool.ts'
import { type Catalog, type Column, may, type Relation, shownColumns, type Verb } from '../rest/catalog.ts'
import type { Visible } from '../rest/visible.ts'

export interface SeenRelation {
  relation: Relation
  columns: readonly Column[]
  /** Whether its name alone means it. */
  isFirst: boolean
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

/** major: only the views of this major. */
export function seenBy(catalog: Catalog, role: RequestRole, visible: Visible, major: number | null = null): Seen {
  const categories = new Map<string, SeenRelation[]>()
  const others: SeenRelation[] = []
  for (const relations of catalog.schemas.values()) {
    for (const relation of relations.values()) {
      const allowed = new Set(verbs.filter((verb) => may(relation, role, verb)))
      if (allowed.size === 0) continue
      if (relation.category === null) {
        others.push({
          relation,
          columns: shownColumns(relation),
          verbs: allowed,
          isFirst: catalog.relations.get(relation.name) === relation,
        })
        continue
      }
      const fields = visible.get(relation.category)
      const isWriter = !allowed.has('select') && allowed.has('insert')
      if ((fields === undefined && !isWriter) || (major !== null && relation.major !== major)) continue
      const always = new Set(['target', ...relation.key])
      const columns = shownColumns(relation).filter((c) => !fields || always.has(c.name) || fields.has(c.name))
      const versions = categories.get(relation.category) ?? []
      versions.push({ relation, columns: isWriter ? [] : columns, verbs: allowed, isFirst: true })
      categories.set(relation.category, versions)
    }
  }
  for (const versions of categories.values()) versions.sort((a, b) => (b.relation.major ?? 0) - (a.relation.major ?? 0))
  const sorted = [...categories].sort(([a], [b]) => (a < b ? -1 : 1))
  // Who may read nothing yet knows of no targets either.
  const isIdle = role === 'tmidb_listener' && visible.size === 0
  return { role, categories: new Map(sorted), others: isIdle ? others.filter((s) => s.relation.schema !== 'api') : others }
}

export function allSeen({ categories, others }: Seen): SeenRelation[] {
  return [...[...categories.values()].flat(), ...others]
}
