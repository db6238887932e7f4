// SPDX-License-Identifier: MIT
// Embedded relations as lateral joins: each gives the one who embeds it its JSON in the column j (null: nothing there), the columns
// that are spread as s0, s1, ... and those that it is ordered by as o0, o1, ...
import { type SQL, sql } from 'pg-sql2'
import { type Relation, shownColumns } from './catalog.ts'
import { notEmbedded, RestError } from './error.ts'
import { castSql, checkName, columnSql, fieldSql, jsonSql, outputName, type Scope, type Typed } from './fields.ts'
import type { Linked, LinkedEmbed } from './link.ts'
import { orderItems, orderSql } from './order.ts'
import { type Condition, embedName, type Field, type OrderItem } from './query.ts'
import { conditionSql, isPresence, type Presence } from './where.ts'

export type Output = Typed & { name: string }

/** Of an embedded relation no more rows than of a page. */
export const mostEmbedded = 1000

interface Join {
  sql: SQL
  /** Which rows there are depends on it. */
  decides: boolean
  /** Their order does. */
  orders: boolean
}

/** A relation with what it embeds, as parts of a statement. */
export interface Read {
  scope: Scope
  outputs: readonly Output[]
  joins: readonly Join[]
  conditions: readonly SQL[]
  order: SQL
  items: readonly OrderItem[]
}

/** Aliases are numbered, so that the same question is the same text. */
export type Names = () => string

export function numbered(): Names {
  let n = 0
  return () => String(++n)
}

/** isGiven: the rows come from elsewhere, in an order of their own. */
export function readOf(names: Names, linked: Linked, row: SQL, where: readonly Condition[], isGiven = false): Read {
  const { relation, query } = linked
  const scope = { relation, row }
  const items = orderItems(relation, query.order, isGiven)
  for (const { embed } of items) if (embed !== null) checkToOne(linked, embed)
  const built = linked.embeds.map((e) => joinOf(names, scope, e, items, where))
  const of = (name: string) => built.find((b) => embedName(b.embed) === name)
  const presence: Presence = (name) => of(name)?.there ?? null
  refuseOther(linked, where)
  return {
    scope,
    outputs: outputsOf(linked, scope, built),
    joins: built.map((b) => b.join),
    conditions: where.map((c) => conditionSql(scope, c, presence)),
    order: orderSql(scope, items, (embed, field) => of(embed)?.ordered(field) ?? sql.null),
    items,
  }
}

/** Rows of a read: paged first and joined then, unless the joins decide what is on the page. */
export function rowsSql(read: Read, from: SQL, conditions: readonly SQL[], wanted: SQL, window: SQL): SQL {
  const { scope, joins, order } = read
  const all = sql.join(
    joins.map((j) => j.sql),
    '',
  )
  if (joins.length === 0 || joins.some((j) => j.decides || j.orders)) {
    return sql`select ${wanted} from ${from}${all}${whereSql(conditions)}${order}${window}`
  }
  const page = sql`select ${scope.row}.* from ${from}${whereSql(conditions)}${order}${window}`
  return sql`select ${wanted} from (${page}) ${scope.row}${all}${order}`
}

export function whereSql(conditions: readonly SQL[]): SQL {
  return conditions.length > 0 ? sql` where ${sql.join([...conditions], ' and ')}` : sql.blank
}

export function namedSql(outputs: readonly Output[], value: (o: Output) => SQL): SQL {
  return sql.join(
    outputs.map((o) => sql`${value(o)} as ${sql.identifier(o.name)}`),
    ', ',
  )
}

interface Built {
  embed: LinkedEmbed['embed']
  join: Join
  there: SQL
  shown: Output[]
  ordered: (field: Field) => SQL
}

function joinOf(
  names: Names,
  parent: Scope,
  linked: LinkedEmbed,
  items: readonly OrderItem[],
  where: readonly Condition[],
): Built {
  const { embed, query } = linked
  const name = embedName(embed)
  const n = names()
  const [row, lateral, link] = [sql.identifier(`e${n}`), sql.identifier(`j${n}`), sql.identifier(`l${n}`)]
  const child = readOf(names, linked, row, query.where)
  const [from, joined] = fromSql(parent, linked, row, link)
  const conditions = [...joined, ...child.conditions]
  const sorted = items.filter((i) => i.embed === name).map((i) => i.field)
  const at = (column: string) => sql`${lateral}.${sql.identifier(column)}`
  const decides = embed.inner || where.some((c) => asksFor(c, name))
  const toOne = isToOne(linked)
  const shown: Output[] = []
  if (embed.spread) {
    shown.push(...child.outputs.map((o, i) => (toOne ? { ...o, sql: at(`s${i}`) } : { name: o.name, sql: at(`s${i}`), ...json })))
  } else if (child.outputs.length > 0) {
    shown.push({ name: checkName(name), sql: toOne ? at('j') : sql`coalesce(${at('j')}, '[]')`, ...json })
  }
  const body = toOne ? one(linked, child, from, conditions, sorted) : many(linked, child, from, conditions)
  const how = decides && embed.inner ? sql` join lateral` : sql` left join lateral`
  const on = embed.inner ? sql`${at('j')} is not null` : sql`true`
  return {
    embed,
    join: { sql: sql`${how} (${body}) ${lateral} on ${on}`, decides, orders: sorted.length > 0 },
    there: at('j'),
    shown,
    ordered: (field) => at(`o${sorted.indexOf(field)}`),
  }
}

const json = { type: 'json', typeName: ['pg_catalog', 'json'] as const }

function one({ embed, via, query }: LinkedEmbed, child: Read, from: SQL, conditions: SQL[], sorted: Field[]): SQL {
  const object = namedSql(child.outputs, jsonSql)
  const wanted = [
    embed.spread || child.outputs.length === 0 ? sql`true as j` : sql`(select row_to_json(x.*) from (select ${object}) x) as j`,
    ...(embed.spread ? child.outputs.map((o, i) => sql`${o.sql} as ${sql.identifier(`s${i}`)}`) : []),
    ...sorted.map((f, i) => sql`${fieldSql(child.scope, f).sql} as ${sql.identifier(`o${i}`)}`),
  ]
  // What a comment says to be unique is taken at its word; a constraint needs no limit, which would forbid other plans.
  const sure = via.to.kind === 'table' || via.to.uniques.some((u) => u.every((c) => via.columns.some(([, there]) => there === c)))
  const window = query.limit === 0 ? sql` limit 0` : sure ? sql.blank : sql` limit 1`
  return rowsSql({ ...child, order: sql.blank }, from, conditions, sql.join(wanted, ', '), window)
}

function many({ embed, query }: LinkedEmbed, child: Read, from: SQL, conditions: SQL[]): SQL {
  if (child.outputs.length === 0) return rowsSql(child, from, conditions, sql`true as j`, sql` limit 1`)
  const limit = sql` limit ${sql.literal(Math.min(query.limit ?? mostEmbedded, mostEmbedded))}`
  const window = query.offset === null ? limit : sql`${limit} offset ${sql.value(query.offset)}::bigint`
  if (!embed.spread) {
    const rows = rowsSql(child, from, conditions, namedSql(child.outputs, jsonSql), window)
    return sql`select json_agg(x.*) as j from (${rows}) x`
  }
  const columns = child.outputs.map((o, i) => sql`${jsonSql(o)} as ${sql.identifier(`s${i}`)}`)
  const rows = rowsSql(child, from, conditions, sql.join(columns, ', '), window)
  const arrays = child.outputs.map((_, i) => {
    const column = sql.identifier(`s${i}`)
    return sql`coalesce(json_agg(x.${column}), '[]') as ${column}`
  })
  return sql`select case when count(*) > 0 then true end as j, ${sql.join(arrays, ', ')} from (${rows}) x`
}

/** Where the embedded rows come from, and which of them belong to the row that embeds them. */
function fromSql(parent: Scope, { via }: LinkedEmbed, row: SQL, link: SQL): [SQL, SQL[]] {
  const equal = (a: SQL, x: string, b: SQL, y: string) => sql`${a}.${sql.identifier(x)} = ${b}.${sql.identifier(y)}`
  const to = relationSql(via.to)
  if (via.junction === null) return [sql`${to} ${row}`, via.columns.map(([here, there]) => equal(row, there, parent.row, here))]
  const on = via.junction.columns.map(([here, there]) => equal(row, there, link, here))
  return [
    sql`${to} ${row} join ${relationSql(via.junction.relation)} ${link} on ${sql.join(on, ' and ')}`,
    via.columns.map(([here, there]) => equal(link, there, parent.row, here)),
  ]
}

export function relationSql(relation: Relation): SQL {
  return sql.identifier(relation.schema, relation.name)
}

function isToOne({ via }: LinkedEmbed): boolean {
  return via.cardinality === 'many-to-one' || via.cardinality === 'one-to-one'
}

function checkToOne({ relation, embeds }: Linked, name: string): void {
  const found = embeds.find((e) => embedName(e.embed) === name)
  if (!found) throw notEmbedded(name, null)
  if (isToOne(found)) return
  throw new RestError(400, 'PGRST118', `A related order on '${name}' is not possible`, {
    details: `'${relation.name}' and '${name}' do not form a many-to-one or one-to-one relationship`,
  })
}

function asksFor(c: Condition, name: string): boolean {
  return c.kind === 'logic' ? c.conditions.some((inner) => asksFor(inner, name)) : isPresence(c) && isNamed(c, name)
}

function isNamed(c: Condition & { field: Field }, name: string): boolean {
  return c.field.path.length === 0 && c.field.name === name
}

/** Of an embedded relation can only be asked whether it is there; a column of the same name is asked for itself. */
function refuseOther({ relation, embeds }: Linked, where: readonly Condition[]): void {
  for (const c of where) {
    if (c.kind === 'logic') refuseOther({ relation, embeds } as Linked, c.conditions)
    else {
      const { name } = c.field
      if (isPresence(c) || relation.columns.has(name) || !embeds.some((e) => isNamed(c, embedName(e.embed)))) continue
      throw new RestError(400, 'PGRST120', `Bad operator on the '${name}' embedded resource`, {
        details: 'Only is null or not is null filters are allowed on embedded resources',
      })
    }
  }
}

function outputsOf({ relation, query }: Linked, scope: Scope, built: readonly Built[]): Output[] {
  const outputs: Output[] = []
  for (const item of query.select ?? [{ kind: 'all' as const }]) {
    if (item.kind === 'all') {
      for (const c of shownColumns(relation)) outputs.push({ ...c, sql: columnSql(scope, c.name) })
    } else if (item.kind === 'embed') {
      outputs.push(...(built.find((b) => b.embed === item)?.shown ?? []))
    } else {
      const value = fieldSql(scope, item.field)
      outputs.push({ name: checkName(item.alias ?? outputName(item.field)), ...(item.cast ? castSql(value, item.cast) : value) })
    }
  }
  const names = new Set(outputs.map((o) => o.name))
  if (names.size === outputs.length) return outputs
  // The last one of a name wins, as it would in the JSON's reader.
  return [...new Map(outputs.map((o) => [o.name, o])).values()]
}
