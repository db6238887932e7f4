// SPDX-License-Identifier: MIT
// The newest rows are nearly always of today, but a statement that says nothing of time has to open every chunk there is (90 days: 10 ms
// and more). So the page is looked for in the last day first, where PostgreSQL leaves all other chunks out before it begins; when that
// fills the page, it is the page, and when not, the whole is asked. A page that was not there is not looked for again at once.
import type { Linked } from './link.ts'
import type { Condition, Query } from './query.ts'
import { type Page, type Statement, selectSql } from './sql.ts'

export interface Recent {
  /** The statement for now, or null while it is not worth trying. */
  next(now: number): Statement | null
  /** Whether it filled the page. */
  filled(isFull: boolean): void
}

const dayMs = 86_400_000
const mostSkipped = 1024
/** Stands where the moment goes; no value of a request has it, since it is no text that an address can carry. */
const moment = '\0moment'

export function recentOf(linked: Linked, page: Page): Recent | null {
  const { relation, query } = linked
  if (relation.category === null || page.limit === 0 || page.offset > 0 || page.count !== null || !isNewestFirst(query))
    return null
  if (query.where.some(speaksOfTime)) return null
  const since: Condition = { kind: 'compare', field: { name: 'ts', path: [] }, not: false, op: 'gte', value: moment }
  const statement = selectSql({ ...linked, query: { ...query, where: [...query.where, since] } }, page)
  const at = statement.values.indexOf(moment)
  let skip = 0
  let wait = 1
  return {
    next(now) {
      if (skip > 0) {
        skip--
        return null
      }
      // To the minute: the planner's and the server's work is the same for all who ask in it.
      const from = new Date(Math.floor(now / 60_000) * 60_000 - dayMs).toISOString()
      return { ...statement, values: statement.values.with(at, from) }
    },
    filled(isFull) {
      if (isFull) wait = 1
      else {
        skip = wait
        wait = Math.min(wait * 2, mostSkipped)
      }
    },
  }
}

function isNewestFirst({ order, after }: Query): boolean {
  if (after !== null) return false
  const [first] = order ?? []
  // Also not by the time of something embedded.
  return (
    first === undefined ||
    (first.embed === null && first.field.name === 'ts' && first.field.path.length === 0 && first.descending)
  )
}

function speaksOfTime(c: Condition): boolean {
  return c.kind === 'logic' ? c.conditions.some(speaksOfTime) : c.field.name === 'ts'
}
