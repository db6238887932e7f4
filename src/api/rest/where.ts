// SPDX-License-Identifier: MIT
// Filters as SQL: operators from this table, values as parameters cast to the type of the column they meet.
import { type SQL, sql } from 'pg-sql2'
import { baseType, comparable, fieldSql, type Scope, type Typed, typeSql } from './fields.ts'
import type { Comparison, Condition, IsValue, Search } from './query.ts'

const operators: Record<Comparison, SQL> = {
  eq: sql`=`,
  neq: sql`<>`,
  gt: sql`>`,
  gte: sql`>=`,
  lt: sql`<`,
  lte: sql`<=`,
  like: sql`like`,
  ilike: sql`ilike`,
  match: sql`~`,
  imatch: sql`~*`,
  cs: sql`@>`,
  cd: sql`<@`,
  ov: sql`&&`,
  sl: sql`<<`,
  sr: sql`>>`,
  nxr: sql`&<`,
  nxl: sql`&>`,
  adj: sql`-|-`,
  isdistinct: sql`is distinct from`,
}

const queries: Record<Search, SQL> = {
  fts: sql`to_tsquery`,
  plfts: sql`plainto_tsquery`,
  phfts: sql`phraseto_tsquery`,
  wfts: sql`websearch_to_tsquery`,
}

const isTests: Record<IsValue, SQL> = {
  null: sql`is null`,
  not_null: sql`is not null`,
  true: sql`is true`,
  false: sql`is false`,
  unknown: sql`is unknown`,
}

/** An embedded relation that is asked whether it is there: site=is.null. */
export type Presence = (name: string) => SQL | null

export function conditionSql(scope: Scope, c: Condition, presence: Presence): SQL {
  const positive = positiveSql(scope, c, presence)
  return c.not ? sql`not (${positive})` : positive
}

function positiveSql(scope: Scope, c: Condition, presence: Presence): SQL {
  if (c.kind === 'logic') {
    return sql`(${sql.join(
      c.conditions.map((inner) => sql`(${conditionSql(scope, inner, presence)})`),
      c.op === 'and' ? ' and ' : ' or ',
    )})`
  }
  const there = c.field.path.length === 0 && isPresence(c) ? presence(c.field.name) : null
  if (there) return c.kind === 'is' && c.value === 'null' ? sql`${there} is null` : sql`${there} is not null`
  const field = comparable(fieldSql(scope, c.field))
  switch (c.kind) {
    case 'is':
      return sql`${field.sql} ${isTests[c.value]}`
    case 'search':
      return searchSql(field, c)
    case 'in':
      return sql`${field.sql} = any(${sql.value(c.values)}::${typeSql(field)}[])`
    case 'quantified': {
      const values = isPattern(c.op) ? c.values.map((v) => pattern(c.op, v)) : c.values
      const type = isPattern(c.op) ? sql`text` : typeSql(field)
      return sql`${field.sql} ${operators[c.op]} ${c.how === 'any' ? sql`any` : sql`all`}(${sql.value(values)}::${type}[])`
    }
    case 'compare':
      return isPattern(c.op)
        ? sql`${field.sql} ${operators[c.op]} ${sql.value(pattern(c.op, c.value))}::text`
        : sql`${field.sql} ${operators[c.op]} ${sql.value(c.value)}::${typeSql(field)}`
  }
}

function isPattern(op: Comparison): boolean {
  return op === 'like' || op === 'ilike' || op === 'match' || op === 'imatch'
}

/** In an address * stands for %, which would have to be escaped there. */
function pattern(op: Comparison, value: string): string {
  return op === 'like' || op === 'ilike' ? value.replaceAll('*', '%') : value
}

/** Whether a condition can be said of an embedded relation: only that it is there or not. */
export function isPresence(c: Condition): boolean {
  return c.kind === 'is' && (c.value === 'null' || c.value === 'not_null')
}

/** What is no tsvector becomes one, in the language asked or the server's own. */
function searchSql(field: Typed, c: Condition & { kind: 'search' }): SQL {
  const language = c.language === null ? sql.blank : sql`${sql.value(c.language)}::text::regconfig, `
  const document = baseType(field.type) === 'tsvector' ? field.sql : sql`to_tsvector(${language}${field.sql})`
  return sql`${document} @@ ${queries[c.op]}(${language}${sql.value(c.value)}::text)`
}
