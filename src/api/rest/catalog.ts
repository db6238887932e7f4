// SPDX-License-Identifier: MIT
// What the exposed schemas show, read from PostgreSQL's own catalog: REST and OpenAPI know a column because it is there.
// A catalog is never changed, only replaced, so a request sees one state from beginning to end.
import { createHash } from 'node:crypto'
import type { Pool, RequestRole } from '../../db/pool.ts'
import { type ColumnRow, type RelationRow, readCatalog } from './catalog-query.ts'
import { type Relationship, relationshipsOf } from './relationships.ts'
import { type ApiFunction, loadFunctions } from './rpc-catalog.ts'

export interface Column {
  readonly name: string
  /** As PostgreSQL writes it, e.g. "double precision", "text[]". */
  readonly type: string
  /** Schema and name of the type, to cast to. */
  readonly typeName: readonly [string, string]
  readonly description: string | null
  /** Its name in GraphQL, where SQL chose one. */
  readonly graphql: string | null
  readonly notNull: boolean
  readonly hasDefault: boolean
  /** As PostgreSQL writes it; of an identity, its next value. */
  readonly defaultSql: string | null
  /** Written by PostgreSQL alone: a generated column or "generated always as identity". */
  readonly generated: boolean
  readonly enumValues: readonly string[] | null
  /** Only where the relation has rights on single columns; else those of the relation are the column's. */
  readonly rights?: ReadonlyMap<RequestRole, ReadonlySet<Verb>>
}

export type Verb = 'select' | 'insert' | 'update' | 'delete'

export interface Relation {
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'view'
  /** Set for the generated views of readings alone. */
  readonly category: string | null
  readonly major: number | null
  readonly deprecated: string | null
  readonly description: string
  /** Smart tags of the comment; a tag that is given more than once has its values on lines of their own. */
  readonly tags: ReadonlyMap<string, string>
  /** Columns that tell rows apart; the primary key, or what @primaryKey says of a view. */
  readonly key: readonly string[]
  /** Sets of columns that are unique, the key among them. */
  readonly uniques: readonly (readonly string[])[]
  readonly columns: ReadonlyMap<string, Column>
  /** What a role may do with at least one column. Row security says which rows. */
  readonly rights: ReadonlyMap<RequestRole, ReadonlySet<Verb>>
  /** What the relation can take, whoever asks: a view that joins takes nothing without a trigger. */
  readonly takes: ReadonlySet<Verb>
}

export interface Catalog {
  /** In the order in which a name is looked up: api, app, others. */
  readonly schemas: ReadonlyMap<string, ReadonlyMap<string, Relation>>
  /** By name; of equal names the one of the first schema. */
  readonly relations: ReadonlyMap<string, Relation>
  /** By category: its majors, newest first. */
  readonly categories: ReadonlyMap<string, readonly Relation[]>
  /** By the relation they start from. */
  readonly relationships: ReadonlyMap<Relation, readonly Relationship[]>
  /** By name; of equal names the one of the first schema. */
  readonly functions: ReadonlyMap<string, ApiFunction>
  /** Those too that stand behind another of their name. */
  readonly everyFunction: readonly ApiFunction[]
}

export interface LiveCatalog {
  readonly current: Catalog
  /** When the catalog cannot be read, the last good one stays and the error is thrown; it stays too where nothing changed. */
  reload(): Promise<Catalog>
}

export async function openCatalog(pool: Pool): Promise<LiveCatalog> {
  let { catalog: current, digest } = await read(pool)
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
        const found = await read(pool)
        if (found.digest !== digest) ({ catalog: current, digest } = found)
        return current
      })()
      return await last
    },
  }
}

export async function loadCatalog(pool: Pool): Promise<Catalog> {
  return (await read(pool)).catalog
}

/** Many notices change nothing that is seen here. Equal digests are equal catalogs, and plans are kept as long as theirs is. */
async function read(pool: Pool): Promise<{ catalog: Catalog; digest: string }> {
  const { schemas, relations } = await readCatalog(pool)
  const functions = await loadFunctions(pool)
  const plain = (_: string, value: unknown) => (value instanceof Map || value instanceof Set ? [...value] : value)
  const digest = createHash('sha1')
    .update(JSON.stringify([schemas, relations, functions], plain))
    .digest('base64')
  return { catalog: makeCatalog(schemas, relations, functions), digest }
}

export function makeCatalog(
  exposed: readonly string[],
  rows: readonly RelationRow[],
  everyFunction: Catalog['everyFunction'] = [],
): Catalog {
  const schemas = new Map(exposed.map((name) => [name, new Map<string, Relation>()]))
  const relations = new Map<string, Relation>()
  const categories = new Map<string, Relation[]>()
  for (const row of rows) {
    const relation = makeRelation(row)
    schemas.get(row.schema)?.set(row.name, relation)
    if (!relations.has(row.name)) relations.set(row.name, relation)
    if (relation.category === null) continue
    categories.set(
      relation.category,
      [...(categories.get(relation.category) ?? []), relation].sort((a, b) => (b.major ?? 0) - (a.major ?? 0)),
    )
  }
  const functions = new Map([...everyFunction].reverse().map((f) => [f.name, f]))
  return { schemas, relations, categories, functions, everyFunction, relationships: relationshipsOf(schemas, rows) }
}

const verbs: Record<string, Verb> = { s: 'select', i: 'insert', u: 'update', d: 'delete' }
const verbsOf = (letters: string) => new Set([...letters].map((l) => verbs[l] as Verb))

function makeRelation(row: RelationRow): Relation {
  const { tags, text } = smartTags(row.comment)
  const major = Number(tags.get('tmidbMajor') ?? Number.NaN)
  const isCategory = row.schema === 'api' && tags.has('tmidbCategory') && Number.isInteger(major)
  const columnsIn = (list: string | undefined) => (list ?? '').split(',').map((c) => c.trim())
  const exist = (columns: readonly string[]) => columns.every((k) => row.columns.some((c) => c.name === k))
  const tagged = columnsIn(tags.get('primaryKey'))
  const primary = row.uniques?.find((u) => u.primary)?.columns
  const key = primary ?? (exist(tagged) ? tagged : [])
  const unique = tags.get('unique')?.split('\n').map(columnsIn).filter(exist) ?? []
  const rest = (row.uniques ?? []).filter((u) => !u.primary).map((u) => u.columns)
  return {
    schema: row.schema,
    name: row.name,
    kind: row.kind ?? 'view',
    category: isCategory ? (tags.get('tmidbCategory') ?? null) : null,
    major: isCategory ? major : null,
    deprecated: tags.get('deprecated') ?? null,
    description: text,
    tags,
    key,
    uniques: [...(key.length > 0 ? [key] : []), ...rest, ...unique],
    columns: new Map(row.columns.map((c) => [c.name, makeColumn(c)])),
    rights: new Map(Object.entries(row.rights ?? {}).map(([role, letters]) => [role as RequestRole, verbsOf(letters)])),
    takes: verbsOf(row.takes ?? ''),
  }
}

export function makeColumn(c: ColumnRow, words?: string): Column {
  const { tags, text } = smartTags(c.comment)
  return {
    name: c.name,
    type: c.type,
    typeName: c.typeName,
    description: words ?? (text || null),
    graphql: tags.get('name') ?? null,
    notNull: c.notNull ?? false,
    hasDefault: c.hasDefault ?? false,
    defaultSql: c.defaultSql ?? null,
    generated: c.generated ?? false,
    enumValues: c.enumValues ?? null,
    ...(c.rights ? { rights: new Map(Object.entries(c.rights).map(([r, l]) => [r as RequestRole, verbsOf(l)])) } : {}),
  }
}

/** Whether the role may do it with some column of some row, and the relation can take it. */
export function may(relation: Relation, role: RequestRole, verb: Verb): boolean {
  return (relation.rights.get(role)?.has(verb) ?? false) && (verb === 'select' || relation.takes.has(verb))
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
    const [, name = '', value = ''] = found
    const before = tags.get(name)
    tags.set(name, before === undefined ? value : `${before}\n${value}`)
  }
  return { tags, text: lines.slice(n).join('\n').trim() }
}
