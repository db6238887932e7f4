// SPDX-License-Identifier: MIT
// What the schema api shows, read from PostgreSQL's own catalog: REST and OpenAPI know a column because it is there.
// A catalog is never changed, only replaced, so a request sees one state from beginning to end.
import type { Pool } from '../../db/pool.ts'
import { type ApiFunction, loadFunctions } from './rpc-catalog.ts'

export interface Column {
  readonly name: string
  /** As PostgreSQL writes it, e.g. "double precision", "text[]". */
  readonly type: string
  /** Schema and name of the type, to cast to. */
  readonly typeName: readonly [string, string]
  readonly description: string | null
}

export interface Relation {
  /** Name of the view in the schema api. */
  readonly name: string
  readonly category: string | null
  readonly major: number | null
  readonly deprecated: string | null
  readonly description: string
  /** Columns that tell rows apart; all not null. */
  readonly key: readonly string[]
  readonly columns: ReadonlyMap<string, Column>
}

export interface Catalog {
  /** By name of the view. */
  readonly relations: ReadonlyMap<string, Relation>
  /** By category: its majors, newest first. */
  readonly categories: ReadonlyMap<string, readonly Relation[]>
  /** By name. */
  readonly functions: ReadonlyMap<string, ApiFunction>
}

export interface LiveCatalog {
  readonly current: Catalog
  /** When the catalog cannot be read, the last good one stays and the error is thrown. */
  reload(): Promise<Catalog>
}

const catalogSql = `
select c.relname as name, obj_description(c.oid, 'pg_class') as comment,
  json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
    'typeName', json_build_array(n.nspname, t.typname), 'comment', col_description(c.oid, a.attnum)) order by a.attnum) as columns
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
join pg_namespace n on n.oid = t.typnamespace
where c.relnamespace = 'api'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f')
  and (has_table_privilege('tmidb_listener', c.oid, 'select') or has_table_privilege('tmidb_admin', c.oid, 'select'))
group by c.oid, c.relname
order by c.relname`

interface CatalogRow {
  name: string
  comment: string | null
  columns: { name: string; type: string; typeName: [string, string]; comment: string | null }[]
}

export async function openCatalog(pool: Pool): Promise<LiveCatalog> {
  let current = await loadCatalog(pool)
  let last: Promise<Catalog> | undefined
  return {
    get current() {
      return current
    },
    async reload() {
      // One after the other: an answer that is older than another must not replace it.
      const before = last
      last = (async () => {
        await before?.catch(() => {})
        current = await loadCatalog(pool)
        return current
      })()
      return await last
    },
  }
}

export async function loadCatalog(pool: Pool): Promise<Catalog> {
  const { rows } = await pool.query<CatalogRow>(catalogSql)
  return makeCatalog(rows, await loadFunctions(pool))
}

export function makeCatalog(rows: readonly CatalogRow[], functions: Catalog['functions'] = new Map()): Catalog {
  const relations = new Map<string, Relation>()
  const categories = new Map<string, Relation[]>()
  for (const row of rows) {
    const { tags, text } = smartTags(row.comment)
    const category = tags.get('tmidbCategory') ?? null
    const major = Number(tags.get('tmidbMajor') ?? Number.NaN)
    const relation: Relation = {
      name: row.name,
      category,
      major: Number.isInteger(major) ? major : null,
      deprecated: tags.get('deprecated') ?? null,
      description: text,
      key: (tags.get('primaryKey') ?? '').split(',').filter((k) => row.columns.some((c) => c.name === k)),
      columns: new Map(row.columns.map(({ comment, ...c }) => [c.name, { ...c, description: smartTags(comment).text || null }])),
    }
    relations.set(relation.name, relation)
    if (category === null || relation.major === null) continue
    categories.set(
      category,
      [...(categories.get(category) ?? []), relation].sort((a, b) => (b.major ?? 0) - (a.major ?? 0)),
    )
  }
  return { relations, categories, functions }
}

/** The relation behind /api/v{major}/{category}. */
export function categoryView(catalog: Catalog, category: string, major: number): Relation | undefined {
  return catalog.categories.get(category)?.find((r) => r.major === major)
}

/** Columns that are shown unless asked otherwise: reading_id is there for keys only. */
export function shownColumns(relation: Relation): Column[] {
  return [...relation.columns.values()].filter((c) => relation.category === null || c.name !== 'reading_id')
}

/** A comment begins with lines "@tag value" that are meant for programs; the rest is for people. */
export function smartTags(comment: string | null): { tags: Map<string, string>; text: string } {
  const tags = new Map<string, string>()
  const lines = (comment ?? '').split('\n')
  let n = 0
  for (; n < lines.length; n++) {
    const found = /^@(\S+)\s*(.*)$/.exec(lines[n] ?? '')
    if (!found) break
    tags.set(found[1] ?? '', found[2] ?? '')
  }
  return { tags, text: lines.slice(n).join('\n').trim() }
}
