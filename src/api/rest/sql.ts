// SPDX-License-Identifier: MIT
// The tree as one SELECT whose answer is ready to send: PostgreSQL writes the JSON, so a page costs one value here.
import { createHash } from 'node:crypto'
import { type SQL, sql } from 'pg-sql2'
import { namedSql, numbered, type Output, type Read, readOf, relationSql, rowsSql, whereSql } from './embed-sql.ts'
import { jsonSql, row, textSql } from './fields.ts'
import { afterSql, cursorSql } from './keyset.ts'
import type { Linked } from './link.ts'
import type { OrderItem, Query } from './query.ts'
import { splitTargets, type Targets } from './targets.ts'

export type CountKind = 'exact' | 'planned' | 'estimated'

export interface Page {
  limit: number
  offset: number
  count: CountKind | null
  /** Rows as objects, also without what is null, as arrays of text for CSV, or only counted (HEAD). */
  shape: 'objects' | 'stripped' | 'texts' | 'none'
}

export interface Statement {
  text: string
  values: unknown[]
  name: string
  /** Names of the columns, in order. */
  header: string[]
  /** What the rows are ordered by; cursors are of this order. */
  items: readonly OrderItem[]
  /** Whether it touches nothing but the schema api. */
  onlyOurs: boolean
}

/** body: JSON text of the page, null if it is too long; n: its rows; total: rows in all if that was asked. */
export interface Answer {
  body: string | null
  n: number
  total: string | null
  /** The order's values of the last row, when a page after a cursor was asked for. */
  last?: string | null
}

/**
 * An estimate counts up to here and no further. The planner's own figure would be cheaper, but it knows rows that the one who
 * asks may not see.
 */
const estimateUpTo = 10_000

/** What is embedded multiplies: more than this is not sent, so that one question cannot fill the memory of the API. */
const mostBytes = 16 * 2 ** 20

/** Up to as many targets, their rows are merged whole. */
const fewTargets = 8

/** A CTE that goes before, from which `source` reads; and of it what the answer says beside the rows. */
export interface Changing {
  before: SQL
  /** How many rows were written; null: as many as are shown. */
  n: SQL | null
  inserted: SQL | null
  mayBeLong?: boolean
}

/** source: what to read instead of the relation, under the alias r: a call of a function, or what was written. */
export function selectSql(linked: Linked, page: Page, source?: SQL, change?: Changing): Statement {
  const { relation, query } = linked
  const { targets, where } = splitTargets(relation, query.where)
  const read = readOf(numbered(), linked, row, where, source !== undefined)
  const after = query.after === null ? [] : afterSql(read.scope, read.items, query.after)
  const from = source ?? sql`${relationSql(relation)} ${row}`
  const conditions = [...targetConditions(targets), ...read.conditions]
  const rows = pageSql(
    { read, from, targets, all: [...conditions, ...after], others: [...read.conditions, ...after] },
    page,
    wantedSql(read, query, page),
  )
  const total = page.count === null ? sql`null::text` : countSql(read, from, conditions, page.count)
  const last = query.after === null ? sql.blank : sql`, (array_agg(x.last))[count(*)] as last`
  const body = bodySql(read.outputs, page.shape, query.after !== null)
  const inserted = change?.inserted ? sql`, ${change.inserted} as inserted` : sql.blank
  const n = change?.n ?? sql`count(*)::int`
  const answer = sql`select ${body} as body, ${n} as n, ${total} as total${last}${inserted} from (${rows}) x`
  const bounded = sql`select case when octet_length(a.body) <= ${sql.literal(mostBytes)} then a.body end as body, a.n, a.total${
    query.after === null ? sql.blank : sql`, a.last`
  }${change?.inserted ? sql`, a.inserted` : sql.blank} from (${answer}) a`
  const isBounded = read.joins.length > 0 || change?.mayBeLong === true
  const { text, values } = sql.compile(sql`${change?.before ?? sql.blank}${isBounded ? bounded : answer}`)
  const header = read.outputs.map((o) => o.name)
  const onlyOurs = source === undefined && isOurs(linked)
  return { text, values: values as unknown[], name: statementName(text), header, items: read.items, onlyOurs }
}

function isOurs({ relation, embeds }: Linked): boolean {
  return relation.schema === 'api' && embeds.every((e) => (e.via.junction?.relation.schema ?? 'api') === 'api' && isOurs(e))
}

/** The columns of a row; beside a cursor the row is one column, so that the cursor is not part of it. */
function wantedSql(read: Read, query: Query, { shape }: Page): SQL {
  const value = shape === 'texts' ? textSql : jsonSql
  if (query.after === null) return namedSql(read.outputs, value)
  const row =
    shape === 'texts'
      ? sql`array[${sql.join(read.outputs.map(value), ', ')}]::text[]`
      : sql`(select row_to_json(y.*) from (select ${namedSql(read.outputs, value)}) y)`
  return sql`${row} as row, ${cursorSql(read.scope, read.items)} as last`
}

function bodySql(outputs: readonly Output[], shape: Page['shape'], isOne: boolean): SQL {
  const rows = isOne ? sql`x.row` : sql`x.*`
  switch (shape) {
    case 'none':
      return sql`''`
    case 'texts':
      return isOne
        ? sql`coalesce(json_agg(x.row)::text, '[]')`
        : sql`coalesce(json_agg(array[${sql.join(
            outputs.map((o) => sql`x.${sql.identifier(o.name)}`),
            ', ',
          )}]::text[])::text, '[]')`
    case 'stripped':
      return sql`coalesce(json_strip_nulls(json_agg(${rows}))::text, '[]')`
    case 'objects':
      return sql`coalesce(json_agg(${rows})::text, '[]')`
  }
}

interface Found {
  read: Read
  from: SQL
  targets: Targets
  all: readonly SQL[]
  /** Conditions beside those of the targets. */
  others: readonly SQL[]
}

function pageSql(found: Found, page: Page, wanted: SQL): SQL {
  const { read, from, targets, all } = found
  const { relation } = read.scope
  // The planner has to know how few rows are wanted: a limit that is a parameter counts as a tenth of all rows.
  const limit = sql` limit ${sql.literal(page.limit)}`
  const window = page.offset > 0 ? sql`${limit} offset ${sql.value(page.offset)}::bigint` : limit
  const byTime = relation.category !== null && read.items[0]?.field.name === 'ts'
  const isMerged = targets.kind === 'each' || (targets.kind === 'any' && byTime)
  if (!isMerged || read.joins.some((j) => j.decides || j.orders)) {
    return rowsSql(read, from, all, wanted, window)
  }
  if (read.joins.length === 0) return mergedSql(found, page, wanted, window)
  const joins = sql.join(
    read.joins.map((j) => j.sql),
    '',
  )
  const rows = mergedSql(found, page, sql`${row}.*`, window)
  return sql`select ${wanted} from (${rows}) ${row}${joins}${read.order}`
}

/**
 * The newest of many targets: the index gives each target's rows in order, so as many as the page needs are read of each, not all of
 * all (25,000 rows of 2 targets: 1 ms against 44 ms; 85,000 rows of 201 targets: 63 ms against 104 ms).
 */
function mergedSql({ read, from, targets, others }: Found, page: Page, wanted: SQL, window: SQL): SQL {
  const known = targets.kind === 'each' ? sql` where t.key = any(${sql.value(targets.keys)}::text[])` : sql.blank
  const some = page.offset === 0 ? sql.literal(page.limit) : sql`${sql.value(page.limit + page.offset)}::bigint`
  const mine = sql`select * from ${from}${whereSql([sql`${row}.target_id = k.target_id`, ...others])}${read.order} limit ${some}`
  const merged = sql`from (select t.target_id from api.target t${known}) k cross join lateral (${mine}) ${row}${read.order}${window}`
  const columns = read.scope.relation.key.map((name) => sql.identifier(name))
  if (columns.length === 0 || (targets.kind === 'each' && targets.keys.length <= fewTargets))
    return sql`select ${wanted} ${merged}`
  // Of many targets only the keys are merged: fields of rows that do not reach the page are not worked out (9 against 63 ms).
  const keys = sql.join(
    columns.map((c) => sql`${row}.${c}`),
    ', ',
  )
  const same = sql.join(
    columns.map((c) => sql`${row}.${c} = p.${c}`),
    ' and ',
  )
  return sql`select ${wanted} from (select ${keys} ${merged}) p join ${from} on ${same}${read.order}`
}

export function statementName(text: string): string {
  return `rest_${createHash('sha1').update(text).digest('base64url').slice(0, 20)}`
}

function targetConditions(targets: Targets): SQL[] {
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

/** Of the joins only those count that decide which rows there are. */
function countSql(read: Read, from: SQL, conditions: readonly SQL[], kind: CountKind): SQL {
  const joins = sql.join(
    read.joins.filter((j) => j.decides).map((j) => j.sql),
    '',
  )
  const all = sql`from ${from}${joins}${whereSql(conditions)}`
  if (kind === 'exact') return sql`(select count(*) ${all})::text`
  return sql`(select count(*) from (select 1 ${all} limit ${sql.literal(estimateUpTo)}) c)::text`
}
