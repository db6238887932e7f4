// SPDX-License-Identifier: MIT
// The tree as one SELECT whose answer is ready to send: PostgreSQL writes the JSON, so a page costs one value here.
import { createHash } from 'node:crypto'
import { type SQL, sql } from 'pg-sql2'
import { type Relation, shownColumns } from './catalog.ts'
import { castSql, checkName, columnOf, columnSql, fieldSql, jsonSql, outputName, row, type Typed, textSql } from './fields.ts'
import type { OrderItem, Query } from './parse.ts'
import { splitTargets } from './targets.ts'
import { conditionSql } from './where.ts'

export type CountKind = 'exact' | 'planned' | 'estimated'

export interface Page {
  limit: number
  offset: number
  count: CountKind | null
  /** Rows as arrays of text for CSV, as objects, or only counted (HEAD). */
  shape: 'objects' | 'texts' | 'none'
}

export interface Statement {
  text: string
  values: unknown[]
  name: string
  /** Names of the columns, in order. */
  header: string[]
}

/** body: JSON text of the page; n: its rows; total: rows in all if that was asked. */
export interface Answer {
  body: string
  n: number
  total: string | null
}

/**
 * An estimate counts up to here and no further. The planner's own figure would be cheaper, but it knows rows that the one who
 * asks may not see.
 */
const estimateUpTo = 10_000

/** Up to as many targets, their rows are merged whole. */
const fewTargets = 8

/** source: what to read instead of the view, a call of a function. */
export function selectSql(relation: Relation, query: Query, page: Page, source?: SQL): Statement {
  const outputs = selected(relation, query)
  const order = orderItems(relation, query.order)
  const { targets, where } = splitTargets(relation, query.where)
  const wanted = sql.join(
    outputs.map((o) => sql`${page.shape === 'texts' ? textSql(o) : jsonSql(o)} as ${sql.identifier(o.name)}`),
    ', ',
  )
  const from = source ?? sql`${sql.identifier('api', relation.name)} ${row}`
  const sorted =
    order.length > 0
      ? sql` order by ${sql.join(
          order.map((o) => orderSql(relation, o)),
          ', ',
        )}`
      : sql.blank
  // The planner has to know how few rows are wanted: a limit that is a parameter counts as a tenth of all rows.
  const limit = sql` limit ${sql.literal(page.limit)}`
  const offset = page.offset > 0 ? sql` offset ${sql.value(page.offset)}::bigint` : sql.blank
  const conditions = where.map((c) => conditionSql(relation, c))
  const all = sql`from ${from}${whereSql([...targetConditions(targets), ...conditions])}`

  let rows: SQL
  if (targets.kind === 'one' || (targets.kind === 'any' && (relation.category === null || order[0]?.field.name !== 'ts'))) {
    rows = sql`select ${wanted} ${all}${sorted}${limit}${offset}`
  } else {
    // The newest of many targets: the index gives each target's rows in order, so as many as the page needs are read of each, not
    // all of all (25,000 rows of 2 targets: 1 ms against 44 ms; 85,000 rows of 201 targets: 63 ms against 104 ms).
    const known = targets.kind === 'each' ? sql` where t.key = any(${sql.value(targets.keys)}::text[])` : sql.blank
    const some = page.offset === 0 ? sql.literal(page.limit) : sql`${sql.value(page.limit + page.offset)}::bigint`
    const mine = sql`select * from ${from}${whereSql([sql`${row}.target_id = k.target_id`, ...conditions])}${sorted} limit ${some}`
    const merged = sql`from (select t.target_id from api.target t${known}) k cross join lateral (${mine}) ${row}${sorted}${limit}${offset}`
    const columns = relation.key.map((name) => sql.identifier(name))
    if (columns.length === 0 || (targets.kind === 'each' && targets.keys.length <= fewTargets))
      rows = sql`select ${wanted} ${merged}`
    else {
      // Of many targets only the keys are merged: fields of rows that do not reach the page are not worked out (9 against 63 ms).
      const keys = sql.join(
        columns.map((c) => sql`${row}.${c}`),
        ', ',
      )
      const same = sql.join(
        columns.map((c) => sql`${row}.${c} = p.${c}`),
        ' and ',
      )
      rows = sql`select ${wanted} from (select ${keys} ${merged}) p join ${from} on ${same}${sorted}`
    }
  }

  const total = page.count === null ? sql`null::text` : countSql(all, page.count)
  const body = {
    objects: sql`coalesce(json_agg(x.*)::text, '[]')`,
    texts: sql`coalesce(json_agg(array[${sql.join(
      outputs.map((o) => sql`x.${sql.identifier(o.name)}`),
      ', ',
    )}])::text, '[]')`,
    none: sql`''`,
  }[page.shape]
  const { text, values } = sql.compile(sql`select ${body} as body, count(*)::int as n, ${total} as total from (${rows}) x`)
  return { text, values: values as unknown[], name: statementName(text), header: outputs.map((o) => o.name) }
}

export function statementName(text: string): string {
  return `rest_${createHash('sha1').update(text).digest('base64url').slice(0, 20)}`
}

type Output = Typed & { name: string }

function selected(relation: Relation, query: Query): Output[] {
  const outputs: Output[] = []
  for (const item of query.select ?? [{ kind: 'all' as const }]) {
    if (item.kind === 'all') {
      for (const c of shownColumns(relation)) outputs.push({ ...c, sql: columnSql(c) })
      continue
    }
    const value = fieldSql(relation, item.field)
    outputs.push({ name: checkName(item.alias ?? outputName(item.field)), ...(item.cast ? castSql(value, item.cast) : value) })
  }
  const names = new Set(outputs.map((o) => o.name))
  if (names.size === outputs.length) return outputs
  // The last one of a name wins, as it would in the JSON's reader.
  return [...new Map(outputs.map((o) => [o.name, o])).values()]
}

/** Newest first when nothing is said; and always in one order: what the key tells apart does not change places between pages. */
function orderItems(relation: Relation, asked: readonly OrderItem[] | null): OrderItem[] {
  const items: OrderItem[] = [...(asked ?? [])]
  if (items.length === 0) {
    if (relation.category === null || !relation.columns.has('ts')) return items
    items.push({ field: { name: 'ts', path: [] }, descending: true, nulls: null })
  }
  const descending = items.at(-1)?.descending ?? false
  const rest = relation.key.filter((k) => !items.some((i) => i.field.name === k && i.field.path.length === 0))
  return [...items, ...rest.map((name) => ({ field: { name, path: [] }, descending, nulls: null }))]
}

function orderSql(relation: Relation, item: OrderItem): SQL {
  const { sql: value } = fieldSql(relation, item.field)
  const direction = item.descending ? sql` desc` : sql.blank
  // A key is never null; saying where its nulls go would only keep the index from being used.
  const isKey = item.field.path.length === 0 && relation.key.includes(columnOf(relation, item.field.name).name)
  const nulls = item.nulls === null || isKey ? sql.blank : item.nulls === 'first' ? sql` nulls first` : sql` nulls last`
  return sql`${value}${direction}${nulls}`
}

function whereSql(conditions: SQL[]): SQL {
  return conditions.length > 0 ? sql` where ${sql.join(conditions, ' and ')}` : sql.blank
}

function targetConditions(targets: ReturnType<typeof splitTargets>['targets']): SQL[] {
  switch (targets.kind) {
    case 'any':
      return []
    case 'one':
      return [sql`${row}.target_id = (select t.target_id from api.target t where t.key = ${sql.value(targets.key)}::text)`]
    case 'each':
      return [
        sql`${row}.target_id = any(array(select t.target_id from api.target t where t.key = any(${sql.value(targets.keys)}::text[])))`,
      ]
  }
}

function countSql(from: SQL, kind: CountKind): SQL {
  if (kind === 'exact') return sql`(select count(*) ${from})::text`
  return sql`(select count(*) from (select 1 ${from} limit ${sql.literal(estimateUpTo)}) c)::text`
}
