// SPDX-License-Identifier: MIT
// Pages that begin after a row instead of after a number of rows: they cost the same however deep one is, and rows that are added
// meanwhile move nothing. A cursor holds the order's values of the last row, and what they were ordered by.
import { createHash } from 'node:crypto'
import { type SQL, sql } from 'pg-sql2'
import { TmiError } from '../../base/errors.ts'
import type { Relation } from './catalog.ts'
import { columnSql, fieldSql, type Scope, textSql, typeSql } from './fields.ts'
import type { OrderItem } from './query.ts'

/** Text of the cursor's values, to be signed by `nextCursor`. */
export function cursorSql(scope: Scope, items: readonly OrderItem[]): SQL {
  const values = items.map((i) => textSql(fieldSql(scope, i.field)))
  return sql`array_to_json(array[${sql.join(values, ', ')}])::text`
}

export function nextCursor(relation: Relation, items: readonly OrderItem[], values: string): string {
  return Buffer.from(JSON.stringify([signature(relation, items), ...(JSON.parse(values) as string[])])).toString('base64url')
}

/** What comes after the cursor's row in the order. */
export function afterSql(scope: Scope, items: readonly OrderItem[], cursor: string): SQL[] {
  checkOrder(scope.relation, items)
  if (cursor === '') return []
  const values = read(cursor)
  if (values === null || values.length !== items.length + 1 || values[0] !== signature(scope.relation, items)) {
    throw new TmiError('TM304', 'The cursor in "after" does not belong to this order.', {
      hint: 'Use the cursor of the last answer with the same address and order, or begin with an empty after.',
    })
  }
  const parts = items.map((item, i) => {
    const field = fieldSql(scope, item.field)
    return {
      descending: item.descending,
      at: columnSql(scope, item.field.name),
      value: sql`${sql.value(values[i + 1] ?? null)}::${typeSql(field)}`,
    }
  })
  const [first] = parts
  if (!first) return []
  const bound = sql`${first.at} ${first.descending ? sql`<=` : sql`>=`} ${first.value}`
  if (parts.every((p) => p.descending === first.descending)) {
    const side = (of: 'at' | 'value') =>
      sql.join(
        parts.map((p) => p[of]),
        ', ',
      )
    // The first column alone tells which chunks of time are not needed; PostgreSQL does not look into rows for that.
    return [bound, sql`(${side('at')}) ${first.descending ? sql`<` : sql`>`} (${side('value')})`]
  }
  const beyond = (i: number): SQL => {
    const p = parts[i] as (typeof parts)[number]
    const strictly = sql`${p.at} ${p.descending ? sql`<` : sql`>`} ${p.value}`
    return i === parts.length - 1 ? strictly : sql`(${strictly} or (${p.at} = ${p.value} and ${beyond(i + 1)}))`
  }
  return [bound, beyond(0)]
}

/** Only columns that are never null can be compared as a row, and only a key makes the row one of its kind. */
function checkOrder(relation: Relation, items: readonly OrderItem[]): void {
  const sure = (name: string) =>
    relation.key.includes(name) ||
    (relation.columns.get(name)?.notNull ?? false) ||
    (relation.category !== null && name === 'target')
  const wrong = items.find((i) => i.embed !== null || i.field.path.length > 0 || !sure(i.field.name))
  if (relation.key.length > 0 && items.length > 0 && !wrong) return
  throw new TmiError('TM304', 'A page after a cursor needs an order by columns that are never null, and a key.', {
    hint: relation.category === null ? 'Order by the primary key.' : 'Order by ts or by target and ts.',
  })
}

function signature(relation: Relation, items: readonly OrderItem[]): string {
  const order = items.map((i) => `${i.field.name} ${i.descending}`)
  return createHash('sha1')
    .update(JSON.stringify([relation.schema, relation.name, order]))
    .digest('base64url')
    .slice(0, 8)
}

function read(cursor: string): string[] | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    return Array.isArray(value) && value.every((v) => typeof v === 'string') ? value : null
  } catch {
    return null
  }
}
