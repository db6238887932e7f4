// SPDX-License-Identifier: MIT
// A field of the query as SQL. Names come from the catalog alone; what the caller wrote is a parameter, except for the casts
// and operators, which are chosen from closed lists.
import { type SQL, sql } from 'pg-sql2'
import type { Column, Relation } from './catalog.ts'
import { notEmbedded, RestError, unknownColumn } from './error.ts'
import type { Cast, Field, PathStep } from './query.ts'

export interface Typed {
  sql: SQL
  /** As the catalog writes types. */
  type: string
  typeName: readonly [string, string]
}

const castTypes: Record<Cast, { type: string; typeName: readonly [string, string] }> = {
  text: builtin('text', 'text'),
  varchar: builtin('character varying', 'varchar'),
  int: builtin('integer', 'int4'),
  int2: builtin('smallint', 'int2'),
  int4: builtin('integer', 'int4'),
  int8: builtin('bigint', 'int8'),
  integer: builtin('integer', 'int4'),
  smallint: builtin('smallint', 'int2'),
  bigint: builtin('bigint', 'int8'),
  real: builtin('real', 'float4'),
  float4: builtin('real', 'float4'),
  float8: builtin('double precision', 'float8'),
  numeric: builtin('numeric', 'numeric'),
  decimal: builtin('numeric', 'numeric'),
  boolean: builtin('boolean', 'bool'),
  bool: builtin('boolean', 'bool'),
  date: builtin('date', 'date'),
  time: builtin('time without time zone', 'time'),
  timestamp: builtin('timestamp without time zone', 'timestamp'),
  timestamptz: builtin('timestamp with time zone', 'timestamptz'),
  interval: builtin('interval', 'interval'),
  uuid: builtin('uuid', 'uuid'),
  json: builtin('json', 'json'),
  jsonb: builtin('jsonb', 'jsonb'),
}

function builtin(type: string, name: string): { type: string; typeName: readonly [string, string] } {
  return { type, typeName: ['pg_catalog', name] }
}

/** A relation under the alias that it has in the statement. */
export interface Scope {
  relation: Relation
  row: SQL
}

/** The alias of the relation that is asked for. */
export const row = sql.identifier('r')

export function columnOf(relation: Relation, name: string): Column {
  const column = relation.columns.get(name)
  if (column) return column
  const dot = name.lastIndexOf('.')
  throw dot > 0 ? notEmbedded(name.slice(0, dot), null) : unknownColumn(relation.name, name)
}

export function columnSql(scope: Scope, name: string): SQL {
  return sql`${scope.row}.${sql.identifier(name)}`
}

export function fieldSql(scope: Scope, field: Field): Typed {
  const column = columnOf(scope.relation, field.name)
  const at = columnSql(scope, column.name)
  if (field.path.length === 0) return { sql: at, type: column.type, typeName: column.typeName }
  const isJson = column.type === 'jsonb' || column.type === 'json'
  const start = isJson ? at : sql`to_jsonb(${at})`
  const last = field.path.at(-1) as PathStep
  return {
    sql: sql`(${sql.join([start, ...field.path.map(stepSql)], '')})`,
    ...(last.text ? castTypes.text : column.type === 'json' ? { type: 'json', typeName: column.typeName } : castTypes.jsonb),
  }
}

function stepSql(step: PathStep): SQL {
  const arrow = step.text ? sql`->>` : sql`->`
  return typeof step.key === 'number' ? sql`${arrow}${sql.value(step.key)}::int` : sql`${arrow}${sql.value(step.key)}::text`
}

export function castSql(value: Typed, cast: Cast): Typed {
  // Time as text is the same text everywhere.
  return { ...castTypes[cast], sql: cast === 'text' ? textSql(value) : sql`(${value.sql})::${typeSql(castTypes[cast])}` }
}

export function typeSql({ typeName }: { typeName: readonly [string, string] }): SQL {
  return sql.identifier(...typeName)
}

/** json has no operators; jsonb has. */
export function comparable(field: Typed): Typed {
  return field.type === 'json' ? { ...castTypes.jsonb, sql: sql`(${field.sql})::jsonb` } : field
}

/**
 * How a value leaves as JSON: bigint and numeric as text, since JavaScript would round them; times as RFC 3339 in UTC with
 * microseconds. The rest PostgreSQL writes as JSON has it.
 */
export function jsonSql(value: Pick<Typed, 'sql' | 'type'>): SQL {
  switch (baseType(value.type)) {
    case 'bigint':
    case 'numeric':
      return sql`(${value.sql})::text`
    case 'timestamp with time zone':
      return timeSql(value.sql)
    default:
      return value.sql
  }
}

export function textSql(value: Pick<Typed, 'sql' | 'type'>): SQL {
  return baseType(value.type) === 'timestamp with time zone' ? timeSql(value.sql) : sql`(${value.sql})::text`
}

function timeSql(value: SQL): SQL {
  return sql`to_char((${value}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}

/** Without a modifier: numeric(10,2) is numeric. */
export function baseType(type: string): string {
  return type.replace(/\(\d[^)]*\)/, '')
}

/** What a selected field is called when no alias says it: the last key that is a name. */
export function outputName(field: Field): string {
  for (let i = field.path.length - 1; i >= 0; i--) {
    const key = field.path[i]?.key
    if (typeof key === 'string') return key
  }
  return field.name
}

/** PostgreSQL has no name for an empty or overlong output column. */
export function checkName(name: string): string {
  if (name === '' || Buffer.byteLength(name) > 63 || name.includes('\0')) {
    throw new RestError(400, 'PGRST100', `"failed to parse select parameter (${name.slice(0, 80)})"`, {
      details: 'expected a name of 1 to 63 bytes',
      hint: 'Give it a shorter alias.',
    })
  }
  return name
}
