// SPDX-License-Identifier: MIT
// In which order rows come: as asked, and then by what tells them apart, so that no row changes its place between pages.
import { type SQL, sql } from 'pg-sql2'
import type { Relation } from './catalog.ts'
import { fieldSql, type Scope } from './fields.ts'
import type { Field, OrderItem } from './query.ts'

/** When nothing is said: readings come newest first, rows of tables by their key, and what a view gives as it gives it. */
export function orderItems(relation: Relation, asked: readonly OrderItem[] | null, isGiven = false): OrderItem[] {
  const items: OrderItem[] = [...(asked ?? [])]
  if (items.length === 0) {
    if (isGiven || (relation.category === null && relation.kind === 'view')) return items
  }
  if (items.length === 0 && relation.category !== null && relation.columns.has('ts')) {
    items.push({ field: { name: 'ts', path: [] }, embed: null, descending: true, nulls: null })
  }
  const descending = items.at(-1)?.descending ?? false
  const rest = relation.key.filter((k) => !items.some((i) => isColumn(i, k)))
  return [...items, ...rest.map((name) => ({ field: { name, path: [] }, embed: null, descending, nulls: null }))]
}

/** embedded: the value of an embedded relation's column, as its join gives it. */
export function orderSql(scope: Scope, items: readonly OrderItem[], embedded: (embed: string, field: Field) => SQL): SQL {
  if (items.length === 0) return sql.blank
  return sql` order by ${sql.join(
    items.map((item) => {
      const value = item.embed === null ? fieldSql(scope, item.field).sql : embedded(item.embed, item.field)
      const direction = item.descending ? sql` desc` : sql.blank
      // A key is never null; saying where its nulls go would only keep the index from being used.
      const isKey = scope.relation.key.some((k) => isColumn(item, k))
      const nulls = item.nulls === null || isKey ? sql.blank : item.nulls === 'first' ? sql` nulls first` : sql` nulls last`
      return sql`${value}${direction}${nulls}`
    }),
    ', ',
  )}`
}

export function isColumn(item: OrderItem, name: string): boolean {
  return item.embed === null && item.field.path.length === 0 && item.field.name === name
}
