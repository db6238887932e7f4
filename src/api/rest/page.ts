// SPDX-License-Identifier: MIT
// What the request says beside its query: how many rows from where, whether to count them, in which form to send them.
import type { IncomingHttpHeaders } from 'node:http'
import { parseError, RestError } from './error.ts'
import type { Query } from './query.ts'
import type { CountKind } from './sql.ts'

export const defaultPage = 50
export const largestPage = 1000

export type Form = 'array' | 'object' | 'csv'

export interface Accepted {
  form: Form
  /** Without what is null. */
  stripped: boolean
}

export interface Window {
  offset: number
  limit: number
}

/** limit and offset, narrowed by a Range header ("10-19"), as PostgREST does; never more than a page. */
export function pageWindow(
  query: Query,
  range: string | undefined,
  { unlessTold, atMost } = { unlessTold: defaultPage, atMost: largestPage },
): Window {
  let from = query.offset ?? 0
  let to = query.limit === null ? Number.POSITIVE_INFINITY : from + query.limit
  const asked = /^(?:items=)?(\d*)-(\d*)$/.exec(range?.trim() ?? '')
  if (asked && (asked[1] || asked[2])) {
    const first = Number(asked[1] || 0)
    const last = asked[2] ? Number(asked[2]) : Number.POSITIVE_INFINITY
    if (first > last) {
      throw new RestError(416, 'PGRST103', 'Requested range not satisfiable', {
        details: 'The lower boundary must be lower than or equal to the upper boundary in the Range header.',
      })
    }
    from = Math.max(from, first)
    to = Math.max(from, Math.min(to, last + 1))
  }
  if (query.after !== null && from > 0) throw parseError('after', query.after, 0, 'neither offset nor range beside a cursor')
  if (from > Number.MAX_SAFE_INTEGER - atMost) {
    throw new RestError(416, 'PGRST103', 'Requested range not satisfiable', { details: 'The offset is beyond any relation.' })
  }
  return { offset: from, limit: Number.isFinite(to) ? Math.min(to - from, atMost) : unlessTold }
}

export interface Preference {
  count: CountKind | null
  /** What of it was followed, for Preference-Applied. */
  applied: string | null
}

const counts: Record<string, CountKind> = { 'count=exact': 'exact', 'count=planned': 'planned', 'count=estimated': 'estimated' }

/** Preferences of PostgREST that say nothing to a read. */
const known = /^(handling|return|missing|resolution|tx|max-affected|timezone)=/

export function preference(prefer: string | string[] | undefined): Preference {
  if (prefer === undefined) return { count: null, applied: null }
  const said = String(prefer)
    .split(',')
    .map((p) => p.trim())
  const applied = said.find((p) => Object.hasOwn(counts, p))
  if (said.includes('handling=strict')) {
    const unknown = said.filter((p) => !Object.hasOwn(counts, p) && !known.test(p))
    if (unknown.length > 0) {
      throw new RestError(400, 'PGRST122', 'Invalid preferences given with handling=strict', {
        details: `Invalid preferences: ${unknown.join(', ')}`,
      })
    }
  }
  return applied === undefined ? { count: null, applied: null } : { count: counts[applied] ?? null, applied }
}

export function contentType({ form, stripped }: Accepted): string {
  if (form === 'csv') return 'text/csv; charset=utf-8'
  if (stripped) return `application/vnd.pgrst.${form}+json;nulls=stripped; charset=utf-8`
  return form === 'object' ? 'application/vnd.pgrst.object+json; charset=utf-8' : 'application/json; charset=utf-8'
}

const forms: Record<string, Form> = {
  'application/json': 'array',
  'application/vnd.pgrst.array+json': 'array',
  'application/vnd.pgrst.array': 'array',
  'application/*': 'array',
  '*/*': 'array',
  'application/vnd.pgrst.object+json': 'object',
  'application/vnd.pgrst.object': 'object',
  'text/csv': 'csv',
  'text/*': 'csv',
}
const plain: Accepted = { form: 'array', stripped: false }

/** The first that we know wins; a browser's header ends in one that takes all. */
export function acceptedForm(headers: IncomingHttpHeaders): Accepted {
  const accept = headers.accept
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return plain
  for (const part of accept.split(',')) {
    const [type = '', ...parameters] = part.split(';').map((p) => p.trim().toLowerCase())
    if (!Object.hasOwn(forms, type)) continue
    return {
      form: forms[type] as Form,
      stripped: type.startsWith('application/vnd.pgrst.') && parameters.includes('nulls=stripped'),
    }
  }
  throw new RestError(406, 'PGRST107', `None of these media types are available: ${accept}`, {
    hint: 'Ask for application/json, application/vnd.pgrst.object+json or text/csv.',
  })
}

export interface PageResult {
  status: number
  range: string
}

/** Content-Range and the status that goes with it. */
export function pageResult(window: Window, rows: number, total: number | null): PageResult {
  const { offset } = window
  if (total !== null && offset > total && rows === 0) {
    throw new RestError(416, 'PGRST103', 'Requested range not satisfiable', {
      details: `An offset of ${offset} was requested, but there are only ${total} rows.`,
      headers: { 'content-range': `*/${total}` },
    })
  }
  return {
    status: total !== null && rows < total ? 206 : 200,
    range: `${rows > 0 ? `${offset}-${offset + rows - 1}` : '*'}/${total ?? '*'}`,
  }
}

/** Rows of texts as RFC 4180; null is nothing, an empty text is "". */
export function csv(header: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const cell = (value: string | null): string => {
    if (value === null) return ''
    return value === '' || /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
  }
  return [header, ...rows].map((r) => r.map(cell).join(',')).join('\n')
}
