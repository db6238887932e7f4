// SPDX-License-Identifier: MIT
// Random questions about one view: what is asked for, and what the oracle answers. Each door says them in its own words.
import { columnsOf, type Grant, views } from './oracle.ts'
import { visibleOf } from './rows.ts'
import { targets, type World } from './world.ts'

export type Value = string | number
export type Op = 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'isnull' | 'notnull'
export interface Filter {
  column: string
  op: Op
  value: Value | Value[]
}
export interface Question {
  view: string
  category: string
  major: number
  columns: string[]
  filters: Filter[]
  /** Every reading has a time of its own, so this order is one. */
  newestFirst: boolean
  limit: number
  offset: number
}
export type Row = Record<string, Value | null>

export interface Chance {
  next: () => number
  pick<T>(list: readonly T[]): T
  some<T>(list: readonly T[], most: number): T[]
  int(from: number, to: number): number
}
export function chance(next: () => number): Chance {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T
  const int = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  return { next, pick, int, some: (list, most) => [...new Set(Array.from({ length: int(1, most) }, () => pick(list)))] }
}

const texts = ['ok', 'hot', 'cold', 'odd', 'info', 'warn', 'warm', 'x']

function filterOf(c: Chance, view: string, world: World): Filter {
  const of = views[view] as NonNullable<(typeof views)[string]>
  const column = c.pick(['target', 'ts', ...Object.keys(of), ...Object.keys(of)])
  if (column === 'target') return { column, op: c.pick(['eq', 'neq', 'in'] as const), value: c.some([...targets, 'nowhere'], 4) }
  if (column === 'ts') return { column, op: c.pick(['gt', 'gte', 'lt', 'lte'] as const), value: c.pick(world.readings).ts }
  const op = c.pick(['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'in', 'isnull', 'notnull'] as const)
  if (of[column]?.[1] === 'text')
    return { column, op: c.pick(['eq', 'neq', 'in', 'isnull', 'notnull'] as const), value: c.some(texts, 3) }
  // A value that is there, whoever may see it: what is hidden must not be found by it.
  const there = world.readings.flatMap((r) => columnsOf(view, r.data)[column] ?? []) as number[]
  return { column, op, value: c.some(there, 3) }
}

export function question(c: Chance, world: World): Question {
  const view = c.pick(Object.keys(views))
  const columns = c.some(Object.keys(views[view] ?? {}), 4)
  const filters = Array.from({ length: c.int(0, 2) }, () => filterOf(c, view, world)).map((f) =>
    f.op === 'in' || !Array.isArray(f.value) ? f : { ...f, value: f.value[0] as Value },
  )
  return {
    view,
    category: view.slice(0, -3),
    major: Number(view.slice(-1)),
    columns,
    filters,
    newestFirst: c.next() < 0.5,
    limit: c.pick([1, 3, 10, 50, 500]),
    offset: c.pick([0, 0, 0, 1, 7]),
  }
}

/** As SQL compares: what is null passes nothing but "is null". */
export function passes(row: Row, { column, op, value }: Filter): boolean {
  const x = row[column] ?? null
  if (op === 'isnull') return x === null
  if (x === null) return false
  if (op === 'notnull') return true
  if (op === 'in') return (value as Value[]).includes(x)
  const v = value as Value
  return { eq: x === v, neq: x !== v, gt: x > v, gte: x >= v, lt: x < v, lte: x <= v }[op]
}

/** All rows that pass, in order, and those of the page. */
export function answerTo(q: Question, grants: Grant[], world: World): { total: number; rows: Row[] } {
  const all = visibleOf(world, grants, q.category)
    .map((r): Row => ({ target: r.target, ts: r.ts, ...(columnsOf(q.view, r.data) as Row) }))
    .filter((row) => q.filters.every((f) => passes(row, f)))
  if (q.newestFirst) all.reverse()
  const shown = ['target', 'ts', ...q.columns]
  return {
    total: all.length,
    rows: all
      .slice(q.offset, q.offset + q.limit)
      .map((row) => Object.fromEntries(shown.map((name) => [name, row[name] ?? null]))),
  }
}

export const quoted = (v: Value): string => (typeof v === 'number' ? String(v) : `'${v.replaceAll("'", "''")}'`)

export function asSql(q: Question): string {
  const ops: Record<string, string> = { eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' }
  const where = q.filters.map(({ column, op, value }) =>
    op === 'isnull'
      ? `${column} is null`
      : op === 'notnull'
        ? `${column} is not null`
        : op === 'in'
          ? `${column} in (${(value as Value[]).map(quoted).join(', ')})`
          : `${column} ${ops[op]} ${quoted(value as Value)}`,
  )
  return `select target, to_char(ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ts, ${q.columns.join(', ')} from api.${q.view}
    ${where.length > 0 ? `where ${where.join(' and ')}` : ''} order by api.${q.view}.ts ${q.newestFirst ? 'desc' : 'asc'} limit ${q.limit} offset ${q.offset}`
}

export function asRest(q: Question, only: ('page' | 'filters')[] = ['page', 'filters']): string {
  const search = new URLSearchParams()
  if (only.includes('filters'))
    for (const { column, op, value } of q.filters)
      search.append(
        column,
        op === 'isnull'
          ? 'is.null'
          : op === 'notnull'
            ? 'not.is.null'
            : op === 'in'
              ? `in.(${(value as Value[]).join(',')})`
              : `${op}.${value as Value}`,
      )
  if (only.includes('page')) {
    search.set('order', q.newestFirst ? 'ts.desc' : 'ts.asc')
    search.set('limit', String(q.limit))
    search.set('offset', String(q.offset))
  }
  search.set('select', ['target', 'ts', ...q.columns].join(','))
  return search.toString()
}

export const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase())

export function asGraphql(q: Question): string {
  const ops: Record<string, string> = {
    eq: 'equalTo',
    neq: 'notEqualTo',
    gt: 'greaterThan',
    gte: 'greaterThanOrEqualTo',
    lt: 'lessThan',
    lte: 'lessThanOrEqualTo',
    in: 'in',
  }
  const filters = q.filters.map(({ column, op, value }) => {
    const said = op === 'isnull' ? 'isNull: true' : op === 'notnull' ? 'isNull: false' : `${ops[op]}: ${JSON.stringify(value)}`
    return `{${camel(column)}: {${said}}}`
  })
  return `{ ${camel(q.view).replace(/V?(\d)$/, 'V$1')}(first: ${q.limit}, offset: ${q.offset}, orderBy: [TS_${q.newestFirst ? 'DESC' : 'ASC'}]${
    filters.length > 0 ? `, filter: {and: [${filters.join(', ')}]}` : ''
  }) { totalCount nodes { target ts ${q.columns.map(camel).join(' ')} } } }`
}
