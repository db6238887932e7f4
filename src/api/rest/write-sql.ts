// SPDX-License-Identifier: MIT
// A write as one statement: the change stands in a CTE, and what is asked to be shown of it is selected from there. Rows come as one
// JSON parameter, so a thousand of them are the same prepared statement as one.
import { type SQL, sql } from 'pg-sql2'
import { type Column, type Relation, shownColumns } from './catalog.ts'
import { RestError } from './error.ts'
import { columnOf, columnSql, row, textSql, typeSql } from './fields.ts'
import { type LinkContext, link } from './link.ts'
import type { Payload } from './payload.ts'
import type { Condition, Query, SelectItem } from './query.ts'
import { type Page, type Statement, selectSql, statementName } from './sql.ts'
import { conditionSql } from './where.ts'

/** The answer of a write. location: the key's values as texts, when one row was written. inserted: of an upsert, how many were new. */
export interface Written {
  /** null when it is too long. */
  body: string | null
  n: number
  location: string | null
  inserted: number
}

export interface Change {
  sql: SQL
  /** Whether `inserted` is counted. */
  isUpsert?: boolean
  /** How many it was given. */
  rows?: number
  /** An empty result of the same columns, for a change that sets nothing. */
  isNothing?: boolean
}

export interface Upsert {
  /** Columns of the unique constraint. */
  on: readonly string[]
  resolution: 'merge-duplicates' | 'ignore-duplicates'
}

const body = sql.identifier('b')
const written = sql.identifier('w')

function tableSql(relation: Relation): SQL {
  return sql`${sql.identifier(relation.schema, relation.name)}`
}

function named(columns: readonly Column[]): SQL {
  return sql.join(
    columns.map((c) => sql.identifier(c.name)),
    ', ',
  )
}

function fromBody(c: Column): SQL {
  return sql`${body}.${sql.identifier(c.name)}`
}

/** Columns of the payload; what is called otherwise is refused as PostgREST does. */
function payloadColumns(relation: Relation, payload: Payload): { column: Column; given: number }[] {
  return [...payload.columns].map(([name, given]) => {
    const column = relation.columns.get(name)
    if (!column) {
      const message = `Could not find the '${name.slice(0, 80)}' column of '${relation.name}' in the schema cache`
      throw new RestError(400, 'PGRST204', message)
    }
    return { column, given }
  })
}

function recordset(columns: readonly Column[], payload: Payload): SQL {
  const json = sql.value(payload.json)
  if (columns.length === 0) return sql`json_array_elements(${json}::json) ${body}`
  return sql`json_to_recordset(${json}::json) ${body}(${typed(columns)})`
}

function typed(columns: readonly Column[]): SQL {
  return sql.join(
    columns.map((c) => sql`${sql.identifier(c.name)} ${typeSql(c)}`),
    ', ',
  )
}

export function insertSql(
  relation: Relation,
  payload: Payload,
  { defaults, upsert, only }: { defaults: boolean; upsert: Upsert | null; only: readonly { column: Column; value: string }[] },
): Change {
  const all = payloadColumns(relation, payload)
  // What no row has is left to PostgreSQL's own default.
  const used = defaults && payload.rows > 0 ? all.filter((c) => c.given > 0) : all
  const columns = used.map((c) => c.column)
  const someLack = defaults ? used.filter((c) => c.given < payload.rows && c.column.defaultSql !== null) : []
  const merges = upsert?.resolution === 'merge-duplicates'
  const tests = [
    ...(merges ? [countInserted(1)] : []),
    ...only.map(({ column, value }) => sql`${fromBody(column)} = ${sql.value(value)}::${typeSql(column)}`),
  ]
  const from =
    someLack.length === 0
      ? recordset(columns, payload)
      : sql`jsonb_array_elements(${sql.value(payload.json)}::jsonb) e(value), jsonb_to_record(e.value) ${body}(${typed(columns)})`
  const values = columns.map((c) =>
    someLack.some((l) => l.column === c)
      ? sql`case when e.value ? ${sql.literal(c.name)} then ${fromBody(c)} else ${catalogText(c.defaultSql ?? 'null')} end`
      : fromBody(c),
  )
  const into = columns.length > 0 ? sql`(${named(columns)}) ` : sql.blank
  return {
    sql: sql`insert into ${tableSql(relation)} as ${row} ${into}select ${sql.join(values, ', ')} from ${from}${
      tests.length > 0 ? sql` where ${sql.join(tests, ' and ')}` : sql.blank
    }${upsert ? conflictSql(relation, upsert, columns) : sql.blank}`,
    isUpsert: merges,
    rows: payload.rows,
  }
}

/** An expression as PostgreSQL's catalog has it; sql.raw would say the same with a warning in the log. */
function catalogText(text: string): SQL {
  return sql(Object.assign([text], { raw: [text] }))
}

function conflictSql(relation: Relation, { on, resolution }: Upsert, columns: readonly Column[]): SQL {
  const target = named(on.map((name) => columnOf(relation, name)))
  if (resolution === 'ignore-duplicates' || columns.length === 0) return sql` on conflict (${target}) do nothing`
  const sets = columns.map((c) => sql`${sql.identifier(c.name)} = excluded.${sql.identifier(c.name)}`)
  return sql` on conflict (${target}) do update set ${sql.join(sets, ', ')} where ${countInserted(-1)}`
}

/** Each row counts when it comes and is taken back when it only changes another; always true. Views have no xmax to tell it by. */
function countInserted(step: 1 | -1): SQL {
  return sql`set_config('tmidb.inserted', (${insertedSql} + ${sql.literal(step)})::text, true) <> ''`
}

const insertedSql = sql`coalesce(nullif(current_setting('tmidb.inserted', true), ''), '0')::int`

export function updateSql(relation: Relation, payload: Payload, where: readonly Condition[], defaults: boolean): Change {
  const all = payloadColumns(relation, payload)
  // Nothing to set: nothing is changed, and nothing need be allowed but to look.
  if (all.length === 0 || payload.rows === 0)
    return { sql: sql`select * from ${tableSql(relation)} ${row} where false`, isNothing: true }
  const columns = all.map((c) => c.column)
  const sets = all.map(
    ({ column, given }) => sql`${sql.identifier(column.name)} = ${defaults && given === 0 ? sql`default` : fromBody(column)}`,
  )
  return {
    sql: sql`update ${tableSql(relation)} ${row} set ${sql.join(sets, ', ')} from ${recordset(columns, payload)}${whereSql(relation, where)}`,
  }
}

export function deleteSql(relation: Relation, where: readonly Condition[]): Change {
  return { sql: sql`delete from ${tableSql(relation)} ${row}${whereSql(relation, where)}` }
}

function whereSql(relation: Relation, where: readonly Condition[]): SQL {
  return where.length > 0
    ? sql` where ${sql.join(
        where.map((c) => sql`(${conditionSql({ relation, row }, c, () => null)})`),
        ' and ',
      )}`
    : sql.blank
}

function plainField(name: string): SelectItem {
  return { kind: 'field', field: { name, path: [] }, alias: null, cast: null }
}

/** What has to come back from the change so that the query can be answered. */
function returned(relation: Relation, query: Query): Column[] {
  const items = query.select ?? [{ kind: 'all' as const }]
  const names = new Set<string>()
  for (const item of items) {
    if (item.kind === 'field') names.add(item.field.name)
    else for (const c of item.kind === 'all' ? shownColumns(relation) : relation.columns.values()) names.add(c.name)
  }
  for (const item of query.order ?? []) if (item.embed === null) names.add(item.field.name)
  return [...names].map((name) => columnOf(relation, name))
}

/** The change, and of it the rows as the query selects them, the key of the one row, or only their number. */
export function writeSql(
  context: LinkContext,
  relation: Relation,
  change: Change,
  query: Query,
  show: { kind: 'rows'; shape: Page['shape']; limit: number; mayBeLong: boolean } | { kind: 'key' } | { kind: 'number' },
): Statement {
  const at = { relation, row }
  const inserted = change.isUpsert ? insertedSql : sql.literal(0)
  const key = show.kind === 'key' ? relation.key.map((name) => columnOf(relation, name)) : []
  const back = show.kind === 'rows' ? returned(relation, query) : key
  const wanted =
    back.length > 0
      ? sql.join(
          back.map((c) => columnSql(at, c.name)),
          ', ',
        )
      : sql`1`
  const before = sql`with ${written} as (${change.isNothing ? change.sql : sql`${change.sql} returning ${wanted}`}) `
  if (show.kind === 'rows') {
    const all = shownColumns(relation).map(({ name }) => plainField(name))
    const select = query.select?.flatMap((item) => (item.kind === 'all' ? all : [item])) ?? all
    const linked = link(context, relation, { ...query, select, where: [], limit: null, offset: null, after: null })
    const page = { limit: show.limit, offset: 0, count: null, shape: show.shape }
    const n = sql`(select count(*)::int from ${written})`
    // Neither merged by target nor ordered unless asked: they are few, and come as they were written.
    const plain = { ...linked, relation: { ...relation, category: null, key: [] } }
    return selectSql(plain, page, sql`${written} ${row}`, { before, n, inserted, mayBeLong: show.mayBeLong })
  }
  const location =
    key.length > 0
      ? sql`case when count(*) = 1 then min(json_build_array(${sql.join(
          key.map((c) => textSql({ sql: columnSql(at, c.name), type: c.type })),
          ', ',
        )})::text) end`
      : sql`null::text`
  const { text, values } = sql.compile(
    sql`${before}select '' as body, count(*)::int as n, ${location} as location, ${inserted} as inserted from ${written} ${row}`,
  )
  return {
    text,
    values: values as unknown[],
    name: statementName(text),
    header: [],
    items: [],
    onlyOurs: relation.schema === 'api',
  }
}
