// SPDX-License-Identifier: MIT
// PostgREST's grammar for reads: a query string becomes a plain tree, or a RestError. Nothing here knows a relation or SQL.
import { parseError, RestError } from './error.ts'
import { Reader } from './reader.ts'

export interface Field {
  name: string
  /** data->a->0->>b: steps, the last of which may be to text. */
  path: readonly PathStep[]
}

export interface PathStep {
  key: string | number
  text: boolean
}

export type SelectItem = { kind: 'all' } | { kind: 'field'; field: Field; alias: string | null; cast: Cast | null }

export const casts = ['text', 'int', 'integer', 'bigint', 'float8', 'numeric', 'boolean', 'date', 'timestamptz', 'jsonb'] as const
export type Cast = (typeof casts)[number]

export const comparisons = [
  'eq',
  'neq',
  'gt',
  'gte',
  'lt',
  'lte',
  'like',
  'ilike',
  'match',
  'imatch',
  'cs',
  'cd',
  'isdistinct',
] as const
export type Comparison = (typeof comparisons)[number]
const quantifiable: readonly string[] = ['eq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch']

export const isValues = ['null', 'not_null', 'true', 'false', 'unknown'] as const
export type IsValue = (typeof isValues)[number]

export type Condition =
  | { kind: 'compare'; field: Field; not: boolean; op: Comparison; value: string }
  | { kind: 'quantified'; field: Field; not: boolean; op: Comparison; how: 'any' | 'all'; values: readonly string[] }
  | { kind: 'in'; field: Field; not: boolean; values: readonly string[] }
  | { kind: 'is'; field: Field; not: boolean; value: IsValue }
  | { kind: 'logic'; op: 'and' | 'or'; not: boolean; conditions: readonly Condition[] }

export interface OrderItem {
  field: Field
  descending: boolean
  nulls: 'first' | 'last' | null
}

export interface Query {
  select: readonly SelectItem[] | null
  /** All of them hold. */
  where: readonly Condition[]
  order: readonly OrderItem[] | null
  limit: number | null
  offset: number | null
}

const maxDepth = 10

export function parseQuery(search: string): Query {
  const query: { -readonly [K in keyof Query]: Query[K] } & { where: Condition[] } = {
    select: null,
    where: [],
    order: null,
    limit: null,
    offset: null,
  }
  for (const [name, value] of new URLSearchParams(search)) {
    if (name === 'select') query.select = parseSelect(value)
    else if (name === 'order') query.order = parseOrder(value)
    else if (name === 'limit') query.limit = parseCount('limit', value)
    else if (name === 'offset') query.offset = parseCount('offset', value)
    else if (name === 'and' || name === 'or') query.where.push(parseLogic(name, value, name, false))
    else if (name === 'not.and') query.where.push(parseLogic(name, value, 'and', true))
    else if (name === 'not.or') query.where.push(parseLogic(name, value, 'or', true))
    else if (name === 'columns' || name === 'on_conflict')
      continue // said for writes; PostgREST ignores them on reads
    else query.where.push(parseFilter(name, value))
  }
  return query
}

function parseSelect(text: string): SelectItem[] | null {
  if (text.trim() === '') return null
  const r = new Reader('select parameter', text)
  const items: SelectItem[] = []
  do {
    r.blank()
    items.push(selectItem(r))
    r.blank()
  } while (r.take(','))
  r.end()
  return items
}

function selectItem(r: Reader): SelectItem {
  if (r.take('*')) return { kind: 'all' }
  if (r.take('...')) throw noEmbedding(r.name())
  let name = r.name()
  let alias: string | null = null
  if (r.peek(':') && !r.peek('::')) {
    r.take(':')
    alias = name
    name = r.name()
  }
  const path = r.path()
  if (r.peek('(') || r.peek('!')) throw noEmbedding(name)
  let cast: Cast | null = null
  if (r.take('::')) {
    const at = r.at
    const asked = r.word()
    if (!(casts as readonly string[]).includes(asked)) {
      throw parseError('select parameter', r.text, at, `a cast to one of ${casts.join(', ')}`)
    }
    cast = asked as Cast
  }
  return { kind: 'field', field: { name, path }, alias, cast }
}

function noEmbedding(name: string): RestError {
  return new RestError(400, 'PGRST200', `Could not find a relationship to '${name}' in the schema cache`, {
    hint: 'Select columns of this relation; the column "target" holds the key of the target.',
  })
}

function parseOrder(text: string): OrderItem[] | null {
  if (text.trim() === '') return null
  const r = new Reader('order', text)
  const items: OrderItem[] = []
  do {
    r.blank()
    const field: Field = { name: r.name(), path: r.path() }
    if (r.peek('(')) throw noEmbedding(field.name)
    let descending = false
    let nulls: OrderItem['nulls'] = null
    const said = () => (r.take('.') ? r.word() || '?' : '')
    let direction = said()
    if (direction === 'asc' || direction === 'desc') {
      descending = direction === 'desc'
      direction = said()
    }
    if (direction === 'nullsfirst' || direction === 'nullslast') nulls = direction === 'nullsfirst' ? 'first' : 'last'
    else if (direction !== '') throw r.expected('asc, desc, nullsfirst or nullslast')
    items.push({ field, descending, nulls })
    r.blank()
  } while (r.take(','))
  r.end()
  return items
}

function parseCount(name: string, text: string): number {
  const negative = /^-\d+$/.test(text)
  if (negative) {
    throw new RestError(416, 'PGRST103', 'Requested range not satisfiable', {
      details: `${name === 'limit' ? 'Limit' : 'Offset'} should be greater than or equal to zero.`,
    })
  }
  const n = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n)) throw parseError(name, text, 0, 'a whole number')
  return n
}

/** name=op.value. The name runs to the first arrow, so that a column with a dot in it needs no quotes here. */
function parseFilter(name: string, value: string): Condition {
  const r = new Reader('filter', name)
  const field: Field = { name: r.wholeName(), path: r.path() }
  r.end()
  const v = new Reader('filter', value)
  const condition = operation(v, field, () => v.rest())
  v.end()
  return condition
}

/** and=(a.eq.1,or(b.gt.2,not.and(...))) */
function parseLogic(parameter: string, text: string, op: 'and' | 'or', not: boolean): Condition {
  const r = new Reader(`logic tree (${parameter})`, text)
  const conditions = group(r, 1)
  r.end()
  return { kind: 'logic', op, not, conditions }
}

function group(r: Reader, depth: number): Condition[] {
  if (depth > maxDepth) throw r.expected(`at most ${maxDepth} levels of and/or`)
  if (!r.take('(')) throw r.expected('(')
  const conditions: Condition[] = []
  do {
    r.blank()
    const nested = r.match(/(not\.)?(and|or)(?=\()/y)
    if (nested) {
      const op = nested[2] as 'and' | 'or'
      conditions.push({ kind: 'logic', op, not: nested[1] !== undefined, conditions: group(r, depth + 1) })
    } else {
      const field: Field = { name: r.name(), path: r.path() }
      if (!r.take('.')) throw r.expected('. and an operator')
      conditions.push(operation(r, field, () => r.logicValue()))
    }
    r.blank()
  } while (r.take(','))
  if (!r.take(')')) throw r.expected(', or )')
  return conditions
}

function operation(r: Reader, field: Field, value: () => string): Condition {
  let not = false
  while (r.take('not.')) not = !not
  const at = r.at
  const op = r.word()
  if (op === 'in') {
    if (!r.take('.')) throw r.expected('.')
    return { kind: 'in', field, not, values: r.list('(', ')') }
  }
  if (op === 'is') {
    if (!r.take('.')) throw r.expected('.')
    const asked = r.word().toLowerCase()
    if (!(isValues as readonly string[]).includes(asked)) throw r.expected('null, not_null, true, false or unknown')
    return { kind: 'is', field, not, value: asked as IsValue }
  }
  if (!(comparisons as readonly string[]).includes(op)) {
    r.at = at
    throw r.expected('operator (eq, gt, ...)')
  }
  const quantifier = quantifiable.includes(op) ? r.match(/\((any|all)\)/y) : null
  if (!r.take('.')) throw r.expected('.')
  if (quantifier) {
    return { kind: 'quantified', field, not, op: op as Comparison, how: quantifier[1] as 'any' | 'all', values: r.list('{', '}') }
  }
  return { kind: 'compare', field, not, op: op as Comparison, value: value() }
}
