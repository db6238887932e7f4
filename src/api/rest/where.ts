// SPDX-License-Identifier: MIT
// Filters as SQL: operators from this table, values as parameters cast to the type of the column they meet.
import { type SQL, sql } from 'pg-sql2'
import type { Relation } from './catalog.ts'
import { comparable, fieldSql, typeSql } from './fields.ts'
import type { Comparison, Condition, IsValue } from './parse.ts'

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
  isdistinct: sql`is distinct from`,
}

const isTests: Record<IsValue, SQL> = {
  null: sql`is null`,
  not_null: sql`is not null`,
  true: sql`is true`,
  false: sql`is false`,
  unknown: sql`is unknown`,
}

export function conditionSql(relation: Relation, c: Condition): SQL {
  const positive = positiveSql(relation, c)
  return c.not ? sql`not (${positive})` : positive
}

function positiveSql(relation: Relation, c: Condition): SQL {
  if (c.kind === 'logic') {
    return sql`(${sql.join(
      c.conditions.map((inner) => sql`(${conditionSql(relation, inner)})`),
      c.op === 'and' ? ' and ' : ' or ',
    )})`
  }
  const field = comparable(fieldSql(relation, c.field))
  switch (c.kind) {
    case 'is':
      return sql`${field.sql} ${isTests[c.value]}`
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
