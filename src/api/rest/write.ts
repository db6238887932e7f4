// SPDX-License-Identifier: MIT
// POST, PUT, PATCH and DELETE on a relation: what the request says becomes one statement, and what it wrote becomes PostgREST's answer.
import type { IncomingHttpHeaders } from 'node:http'
import type { WriteOptions } from '../../db/pool.ts'
import type { Body } from './body.ts'
import type { Column, Relation, Verb } from './catalog.ts'
import { RestError } from './error.ts'
import type { LinkContext } from './link.ts'
import { type Accepted, acceptedForm, type Form } from './page.ts'
import { parseQuery } from './parse.ts'
import { type Payload, readPayload } from './payload.ts'
import { applied, type Preference, type Preferences, preferences } from './prefer.ts'
import type { Condition, Query } from './query.ts'
import { Reader } from './reader.ts'
import type { ApiFunction } from './rpc-catalog.ts'
import { checkSize, type Statement } from './sql.ts'
import { type Change, deleteSql, insertSql, type Upsert, updateSql, type Written, writeSql } from './write-sql.ts'

export type WriteMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const needs: Record<WriteMethod, readonly Verb[]> = {
  POST: ['insert'],
  PUT: ['insert', 'update'],
  PATCH: ['update'],
  DELETE: ['delete'],
}

export function isWrite(method: string | undefined): method is WriteMethod {
  return method !== undefined && Object.hasOwn(needs, method)
}

export interface WriteRequest {
  method: WriteMethod
  /** The address without its query, for Location. */
  path: string
  search: string
  headers: IncomingHttpHeaders
  body: Body | null
}

export interface Write {
  statement: Statement
  options: WriteOptions<Written>
  response(written: Written): WriteResponse
}

export interface WriteResponse {
  status: number
  headers: Record<string, string>
  /** null: none may be sent; "": it is empty. */
  body: string | null
  accepted: Accepted
}

/** What is sent back of changed rows; who changes more asks for their number. */
const mostReturned = 10_000

/** Which methods the relation can take, whoever asks. */
export function allowedMethods(relation: Relation): string {
  const can = (verb: Verb) => relation.takes.has(verb)
  const methods = (Object.keys(needs) as WriteMethod[]).filter(
    (m) => needs[m].every(can) && (m !== 'PUT' || relation.key.length > 0),
  )
  return ['GET', 'HEAD', ...methods, 'OPTIONS'].join(', ')
}

export function planWrite(context: LinkContext, relation: Relation, request: WriteRequest): Write {
  const { method, headers } = request
  const allow = allowedMethods(relation)
  if (!allow.split(', ').includes(method) && !(method === 'PUT' && needs.PUT.every((v) => relation.takes.has(v))))
    throw new RestError(405, 'PGRST117', `Unsupported HTTP method: ${method}`, { headers: { allow } })
  const accepted = acceptedForm(headers)
  const { form, stripped } = accepted
  const prefer = preferences(headers.prefer)
  const query = parseQuery(request.search)
  checkSize(query)
  const upsert = method === 'POST' ? upsertOf(relation, prefer, request.search) : null
  const change = changeOf(relation, request, query, prefer, upsert)
  const shows =
    prefer.return === 'representation'
      ? ({ kind: 'rows', shape: form === 'csv' ? 'texts' : stripped ? 'stripped' : 'objects', limit: mostReturned + 1 } as const)
      : prefer.return === 'headers-only' && method === 'POST'
        ? ({ kind: 'key' } as const)
        : ({ kind: 'number' } as const)
  return {
    statement: writeSql(context, relation, change, query, shows),
    options: { rollback: prefer.tx === 'rollback', check: checkOf(method, form, prefer, change.rows ?? 0) },
    response: (written) => ({ ...respond(method, relation, request, prefer, upsert, written), accepted }),
  }
}

function changeOf(relation: Relation, request: WriteRequest, query: Query, prefer: Preferences, upsert: Upsert | null): Change {
  const { method, search } = request
  if (method === 'DELETE') return deleteSql(relation, filtered(method, query))
  const { type, bytes } = request.body as Body
  const payload = readPayload(type, bytes, method === 'PUT' ? null : namesIn(search, 'columns'))
  const defaults = prefer.missing === 'default'
  if (method === 'POST') return insertSql(relation, payload, { defaults, upsert, only: [] })
  if (method === 'PUT') return putSql(relation, payload, query)
  if (payload.rows > 1) throw new RestError(400, 'PGRST102', 'The body of PATCH is one object.')
  const sets = payload.rows > 0 && payload.columns.size > 0
  return updateSql(relation, payload, sets ? filtered(method, query) : [], defaults)
}

/** A filter that was forgotten must not empty a table; who means all rows says so with one that holds for all. */
function filtered(method: 'PATCH' | 'DELETE', { where }: Query): readonly Condition[] {
  if (where.length > 0) return where
  throw new RestError(400, '21000', `${method === 'PATCH' ? 'UPDATE' : 'DELETE'} requires a WHERE clause`, {
    hint: 'Filter the rows, for example id=eq.1; a filter that holds for all rows, for example id=not.is.null, means all of them.',
  })
}

/** A reading that is sent again is the same reading anyway: its view has nothing to resolve. */
function upsertOf(relation: Relation, { resolution }: Preferences, search: string): Upsert | null {
  if (relation.category !== null) return null
  const on = namesIn(search, 'on_conflict') ?? relation.key
  return resolution !== undefined && on.length > 0 ? { on, resolution } : null
}

/** The row that the address names: its key there and in the body agree, and are all of the key. */
function putSql(relation: Relation, payload: Payload, query: Query): Change {
  if (query.limit !== null || query.offset !== null)
    throw new RestError(400, 'PGRST114', 'limit/offset querystring parameters are not allowed for PUT')
  const only = query.where.map((c) => ({ column: keyColumn(relation, c), value: c.kind === 'compare' ? c.value : '' }))
  if (relation.key.length === 0 || new Set(only.map((o) => o.column)).size !== relation.key.length) throw wrongFilters()
  if (payload.rows !== 1 || relation.key.some((name) => !payload.columns.has(name))) throw keysDisagree()
  return insertSql(relation, payload, { defaults: false, upsert: { on: relation.key, resolution: 'merge-duplicates' }, only })
}

function keyColumn(relation: Relation, c: Condition): Column {
  const isKey =
    c.kind === 'compare' && c.op === 'eq' && !c.not && c.field.path.length === 0 && relation.key.includes(c.field.name)
  if (!isKey) throw wrongFilters()
  return relation.columns.get(c.field.name) as Column
}

function wrongFilters(): RestError {
  return new RestError(405, 'PGRST105', "Filters must include all and only primary key columns with 'eq' operators")
}

function keysDisagree(): RestError {
  return new RestError(400, 'PGRST115', 'Payload values do not match URL in primary key column(s)')
}

/** columns=a,"b c" */
function namesIn(search: string, parameter: 'columns' | 'on_conflict'): string[] | null {
  const text = new URLSearchParams(search).get(parameter)
  if (text === null || text.trim() === '') return null
  const r = new Reader(`${parameter} parameter`, text)
  const names: string[] = []
  do {
    r.blank()
    names.push(r.name())
    r.blank()
  } while (r.take(','))
  r.end()
  return names
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

/** What only the answer can tell, and what must not stay then. */
function checkOf(method: WriteMethod, form: Form, prefer: Preferences, rows: number): WriteOptions<Written>['check'] {
  const most = prefer.handling === 'strict' && (method === 'PATCH' || method === 'DELETE') ? prefer['max-affected'] : undefined
  const many = prefer.return === 'representation' && (method === 'PATCH' || method === 'DELETE' || rows > mostReturned)
  if (method !== 'PUT' && form !== 'object' && most === undefined && !many) return undefined
  return (rows) => {
    const n = rows[0]?.n ?? 0
    if (method === 'PUT' && n !== 1) throw keysDisagree()
    expectRows(n, form === 'object', most)
    if (many && n > mostReturned) {
      throw new RestError(413, 'PGRST103', `The answer would hold more than ${mostReturned} rows; nothing was written.`, {
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

function respond(
  method: WriteMethod,
  relation: Relation,
  { path }: WriteRequest,
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
