// SPDX-License-Identifier: MIT
// Which relations can be embedded in which: along foreign keys, along what @foreignKey says of views, and from readings to their
// target. A relation whose key holds two foreign keys joins the two ends as many-to-many.
import type { Relation } from './catalog.ts'
import type { ForeignKeyRow, RelationRow } from './catalog-query.ts'

export type Cardinality = 'many-to-one' | 'one-to-many' | 'one-to-one' | 'many-to-many'

/** A column of the one side and the column of the other that it equals. */
export type ColumnPair = readonly [string, string]

export interface Relationship {
  /** Name of the foreign key; for many-to-many that of the junction. */
  readonly name: string
  readonly cardinality: Cardinality
  readonly from: Relation
  readonly to: Relation
  /** From `from` to `to`, or to the junction. */
  readonly columns: readonly ColumnPair[]
  readonly junction: Junction | null
}

export interface Junction {
  readonly relation: Relation
  /** From the junction to `to`. */
  readonly columns: readonly ColumnPair[]
  /** Names of its two foreign keys: to `from` and to `to`. */
  readonly names: readonly [string, string]
}

interface ForeignKey {
  name: string
  from: Relation
  to: Relation
  columns: readonly ColumnPair[]
  isUnique: boolean
}

type Schemas = ReadonlyMap<string, ReadonlyMap<string, Relation>>

export function relationshipsOf(schemas: Schemas, rows: readonly RelationRow[]): Map<Relation, Relationship[]> {
  const found = new Map<Relation, Relationship[]>()
  const add = (r: Relationship): void => {
    const list = found.get(r.from)
    if (list) list.push(r)
    else found.set(r.from, [r])
  }
  for (const row of rows) {
    const from = schemas.get(row.schema)?.get(row.name)
    if (!from) continue
    const keys = foreignKeysOf(schemas, from, row.foreignKeys ?? [])
    for (const key of keys) {
      const { name, to, columns, isUnique } = key
      const back = columns.map(([a, b]): ColumnPair => [b, a])
      add({ name, cardinality: isUnique ? 'one-to-one' : 'many-to-one', from, to, columns, junction: null })
      add({ name, cardinality: isUnique ? 'one-to-one' : 'one-to-many', from: to, to: from, columns: back, junction: null })
    }
    const ends = keys.filter((k) => k.columns.every(([c]) => from.key.includes(c)))
    for (const a of ends) {
      // Of one relation with itself nothing tells which end is meant.
      for (const b of ends) if (a !== b && a.to !== b.to) add(manyToMany(from, a, b))
    }
  }
  return found
}

function manyToMany(relation: Relation, a: ForeignKey, b: ForeignKey): Relationship {
  return {
    name: relation.name,
    cardinality: 'many-to-many',
    from: a.to,
    to: b.to,
    columns: a.columns.map(([here, there]): ColumnPair => [there, here]),
    junction: { relation, columns: b.columns, names: [a.name, b.name] },
  }
}

function foreignKeysOf(schemas: Schemas, from: Relation, rows: readonly ForeignKeyRow[]): ForeignKey[] {
  const tagged = (from.tags.get('foreignKey')?.split('\n') ?? []).flatMap((tag) => taggedKey(from, tag))
  const toTarget: ForeignKeyRow = {
    name: `${from.name}_target_id_fkey`,
    columns: ['target_id'],
    schema: 'api',
    relation: 'target',
    toColumns: ['target_id'],
  }
  const keys = new Map<string, ForeignKey>()
  for (const row of [...rows, ...tagged, ...(from.category === null ? [] : [toTarget])]) {
    // tmidb.target is private; what stands for it is the view of those targets that the one who asks may know.
    const isTarget = row.schema === 'tmidb' && row.relation === 'target'
    const to = isTarget ? schemas.get('api')?.get('target') : named(schemas, row.schema, row.relation)
    if (!to) continue
    const toColumns = row.toColumns.length > 0 ? row.toColumns : to.key
    if (toColumns.length !== row.columns.length) continue
    const columns = row.columns.map((c, i): ColumnPair => [c, toColumns[i] ?? ''])
    if (!columns.every(([here, there]) => from.columns.has(here) && to.columns.has(there))) continue
    const isUnique = from.uniques.some((u) => u.every((c) => row.columns.includes(c)))
    const same = `${to.schema}.${to.name} ${columns.map(String).sort()}`
    if (!keys.has(same)) keys.set(same, { name: row.name, from, to, columns, isUnique })
  }
  return [...keys.values()]
}

function named(schemas: Schemas, schema: string, name: string): Relation | undefined {
  if (schema !== '') return schemas.get(schema)?.get(name)
  const called = [...schemas.values()].flatMap((relations) => relations.get(name) ?? [])
  return called.find((r) => r.category === null) ?? called[0]
}

/** "(site_id) references app.site (id)", as PostGraphile reads it; the schema and the last columns may be left out. */
function taggedKey(from: Relation, tag: string): ForeignKeyRow[] {
  const said = /^\(([^)]+)\)\s+references\s+(?:("[^"]+"|[^\s."(]+)\.)?("[^"]+"|[^\s."(]+)\s*(?:\(([^)]*)\))?/.exec(tag)
  if (!said) return []
  const plain = (name: string) => name.trim().replace(/^"(.*)"$/, '$1')
  const list = (text: string | undefined) => (text ? text.split(',').map(plain) : [])
  const columns = list(said[1])
  return [
    {
      name: `${from.name}_${columns.join('_')}_fkey`,
      columns,
      schema: plain(said[2] ?? ''),
      relation: plain(said[3] ?? ''),
      toColumns: list(said[4]),
    },
  ]
}
