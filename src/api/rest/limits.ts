// SPDX-License-Identifier: MIT
// What one address may ask for. Checked once a plan, before any SQL is made; the time that is left to PostgreSQL is the role's
// (tmidb.request_limit).
import { TmiError } from '../../base/errors.ts'
import { type Condition, embedsOf, type Field, type Query } from './query.ts'

export const restLimits = {
  /** Columns of a select: as many as a reading has keys. */
  select: 1000,
  /** Members of an order. */
  order: 16,
  /** Filters, those in and/or among them. */
  filters: 200,
  /** Values of one in.(...) or op(any).{...}. */
  list: 1000,
  /** Steps of a JSON path: as deep as a reading may be. */
  path: 32,
  /** Patterns of one request, and the length of each. PostgreSQL reads them for as long as the statement may take. */
  patterns: 10,
  pattern: 500,
  /** Repetitions in one regular expression: (a?){200}a{200} takes a second a row. */
  repetitions: 100,
  offset: 100_000,
} as const

/** TM308 for what is too much of one thing. */
export function checkQuery(query: Query): void {
  let filters = 0
  let patterns = 0
  const look = (conditions: readonly Condition[]): void => {
    for (const c of conditions) {
      filters++
      if (c.kind === 'logic') {
        look(c.conditions)
        continue
      }
      checkPath(c.field)
      const values = c.kind === 'in' || c.kind === 'quantified' ? c.values : c.kind === 'compare' ? [c.value] : []
      most(values.length, restLimits.list, 'values in a list')
      if ((c.kind === 'compare' || c.kind === 'quantified') && /^i?(like|match)$/.test(c.op)) {
        patterns += values.length
        for (const v of values) {
          most(v.length, restLimits.pattern, 'characters in a pattern')
          if (c.op.endsWith('match')) most(repetitions(v), restLimits.repetitions, 'repetitions in a pattern')
        }
      }
    }
  }
  const all = (read: Query): void => {
    most(read.select?.length ?? 0, restLimits.select, 'columns')
    for (const item of read.select ?? []) if (item.kind === 'field') checkPath(item.field)
    most(read.order?.length ?? 0, restLimits.order, 'members of order')
    for (const item of read.order ?? []) checkPath(item.field)
    checkOffset(read.offset ?? 0)
    look(read.where)
    for (const embed of embedsOf(read)) all(embed.query)
  }
  all(query)
  most(filters, restLimits.filters, 'filters', 'Use in.(...) for lists.')
  most(patterns, restLimits.patterns, 'patterns')
}

/** A page far behind costs all rows before it. */
export function checkOffset(offset: number): void {
  if (offset > restLimits.offset) {
    throw new TmiError('TM308', `The offset may be at most ${restLimits.offset}.`, {
      hint: 'Go on from the last row instead: filter by its time, or ask for the page after its cursor.',
    })
  }
}

/** The sum of the counts in {2}, {2,} and {2,5}. */
function repetitions(pattern: string): number {
  return [...pattern.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g)].reduce(
    (n, [, from, to]) => n + Math.max(Number(from), Number(to || 0)),
    0,
  )
}

function checkPath({ name, path }: Field): void {
  most(path.length, restLimits.path, `steps behind ${name.slice(0, 80)}`)
}

function most(n: number, limit: number, of: string, hint?: string): void {
  if (n > limit)
    throw new TmiError('TM308', `There are ${n} ${of}; at most ${limit} are read.`, hint === undefined ? {} : { hint })
}
