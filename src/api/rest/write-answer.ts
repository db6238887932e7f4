// SPDX-License-Identifier: MIT
// What a write or a call that writes is answered with, and what of an answer makes it a refusal, so that nothing of it stays.
import { TmiError } from '../../base/errors.ts'
import type { WriteOptions } from '../../db/pool.ts'
import type { Relation } from './catalog.ts'
import { RestError } from './error.ts'
import type { Accepted, Form } from './page.ts'
import { applied, type Preference, type Preferences } from './prefer.ts'
import { embedsOf, type Query } from './query.ts'
import type { ApiFunction } from './rpc-catalog.ts'
import type { Upsert, Written } from './write-sql.ts'

export type WriteMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface WriteResponse {
  status: number
  headers: Record<string, string>
  /** null: none may be sent; "": it is empty. */
  body: string | null
  accepted: Accepted
}

/** What is sent back of changed rows; who changes more asks for their number. */
export const mostReturned = 10_000

export function keysDisagree(): RestError {
  return new RestError(400, 'PGRST115', 'Payload values do not match URL in primary key column(s)')
}

/** How a function that writes is called: what the answer refuses must not stay. */
export function callOptions(fn: ApiFunction, form: Form, prefer: Preferences): WriteOptions<{ n: number }> {
  const most = prefer.handling === 'strict' ? prefer['max-affected'] : undefined
  if (most !== undefined && !fn.isSet) {
    const message = 'Function must return SETOF or TABLE when max-affected preference is used with handling=strict'
    throw new RestError(400, 'PGRST128', message)
  }
  const one = form === 'object' && fn.isSet && fn.hasColumns
  const check = (rows: { n: number }[]) => expectRows(rows[0]?.n ?? 0, one, most)
  return { rollback: prefer.tx === 'rollback', check: one || most !== undefined ? check : undefined }
}

function expectRows(n: number, one: boolean, most: number | undefined): void {
  if (one && n !== 1) {
    throw new RestError(406, 'PGRST116', 'Cannot coerce the result to a single JSON object', {
      details: `The result contains ${n} rows`,
    })
  }
  if (most !== undefined && n > most) {
    throw new RestError(400, 'PGRST124', 'Query result exceeds max-affected preference constraint', {
      details: `The query affects ${n} rows`,
    })
  }
}

/** Whether the rows that come back may be more than what was sent. */
export function isLong(method: WriteMethod, prefer: Preferences, rows: number, query: Query): boolean {
  const isSmall = (method === 'POST' || method === 'PUT') && rows <= mostReturned && embedsOf(query).length === 0
  return prefer.return === 'representation' && !isSmall
}

/** What only the answer can tell, and what must not stay then. */
export function checkOf(
  method: WriteMethod,
  form: Form,
  prefer: Preferences,
  mayBeLong: boolean,
): WriteOptions<Written>['check'] {
  const most = prefer.handling === 'strict' && (method === 'PATCH' || method === 'DELETE') ? prefer['max-affected'] : undefined
  if (method !== 'PUT' && form !== 'object' && most === undefined && !mayBeLong) return undefined
  return (rows) => {
    const n = rows[0]?.n ?? 0
    if (method === 'PUT' && n !== 1) throw keysDisagree()
    expectRows(n, form === 'object', most)
    if (mayBeLong && (n > mostReturned || rows[0]?.body === null)) {
      throw new TmiError('TM308', `The answer would be more than ${mostReturned} rows or 16 MB; nothing was written.`, {
        hint: 'Ask for Prefer: return=minimal, or change fewer rows at once.',
      })
    }
  }
}

const follows: Record<WriteMethod, readonly Preference[]> = {
  POST: ['resolution', 'missing', 'return', 'count', 'tx', 'handling'],
  PUT: ['return', 'count', 'tx', 'handling'],
  PATCH: ['missing', 'return', 'count', 'tx', 'handling', 'max-affected'],
  DELETE: ['return', 'count', 'tx', 'handling', 'max-affected'],
}

export function respond(
  method: WriteMethod,
  relation: Relation,
  path: string,
  prefer: Preferences,
  upsert: Upsert | null,
  written: Written,
): Omit<WriteResponse, 'accepted'> {
  const { n, location } = written
  const total = prefer.count === 'exact' || prefer.count === 'estimated' ? n : '*'
  const range = method === 'PATCH' && n > 0 ? `0-${n - 1}` : '*'
  const followed = follows[method].filter((p) => p !== 'resolution' || upsert !== null)
  const headers: Record<string, string> = applied(prefer, followed)
  if (method !== 'PUT') headers['content-range'] = `${range}/${total}`
  if (location !== null && location !== undefined) headers.location = `${path}?${keyFilter(relation, location)}`
  const isFull = prefer.return === 'representation'
  const merged = upsert?.resolution === 'merge-duplicates'
  if (method === 'POST') {
    return { status: merged && written.inserted <= 0 ? 200 : 201, headers, body: isFull ? written.body : '' }
  }
  if (!isFull) return { status: 204, headers, body: null }
  return { status: method === 'PUT' && written.inserted > 0 ? 201 : 200, headers, body: written.body }
}

function keyFilter(relation: Relation, location: string): string {
  const values = JSON.parse(location) as (string | null)[]
  return relation.key
    .map((name, i) => [name, values[i] ?? null] as const)
    .map(([name, v]) => `${encodeURIComponent(name)}=${v === null ? 'is.null' : `eq.${encodeURIComponent(v)}`}`)
    .join('&')
}
