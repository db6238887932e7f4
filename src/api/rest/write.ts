// SPDX-License-Identifier: MIT
// POST, PUT, PATCH and DELETE on a relation: what the request says becomes one statement, and what it wrote becomes PostgREST's answer.

import type { IncomingHttpHeaders } from 'node:http'
import type { RequestRole, WriteOptions } from '../../db/pool.ts'
import type { Body } from './body.ts'
import { type Column, may, type Relation, type Verb } from './catalog.ts'
import { RestError } from './error.ts'
import { checkQuery } from './limits.ts'
import type { LinkContext } from './link.ts'
import { acceptedForm } from './page.ts'
import { parseQuery } from './parse.ts'
import { type Payload, readPayload } from './payload.ts'
import { type Preferences, preferences } from './prefer.ts'
import type { Condition, Query } from './query.ts'
import { Reader } from './reader.ts'
import type { Statement } from './sql.ts'
import { checkOf, isLong, keysDisagree, mostReturned, respond, type WriteMethod, type WriteResponse } from './write-answer.ts'
import { type Change, deleteSql, insertSql, type Upsert, updateSql, type Written, writeSql } from './write-sql.ts'

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

/** Which methods the relation can take, whoever asks or from this role. */
export function allowedMethods(relation: Relation, role?: RequestRole): string {
  const can = (verb: Verb) => (role === undefined ? relation.takes.has(verb) : may(relation, role, verb))
  const methods = (Object.keys(needs) as WriteMethod[]).filter(
    (m) => needs[m].every(can) && (m !== 'PUT' || relation.key.length > 0),
  )
  const reads = role === undefined || may(relation, role, 'select') ? ['GET', 'HEAD'] : []
  return [...reads, ...methods, 'OPTIONS'].join(', ')
}

export function planWrite(context: LinkContext, relation: Relation, request: WriteRequest): Write {
  const { method, headers } = request
  const allow = allowedMethods(relation)
  if (!allow.split(', ').includes(method) && !(method === 'PUT' && needs.PUT.every((v) => relation.takes.has(v))))
    throw new RestError(405, 'PGRST117', `Unsupported HTTP method: ${method}`, { headers: { allow } })
  const missing = needs[method].find((verb) => !may(relation, context.role, verb))
  // Before anything is read of it: who may not do it is told that, not how it would be said.
  if (missing) throw new RestError(403, '42501', `permission denied for ${relation.kind} ${relation.name}`)
  const accepted = acceptedForm(headers)
  const { form, stripped } = accepted
  const prefer = preferences(headers.prefer)
  const query = parseQuery(request.search)
  checkQuery(query)
  const upsert = method === 'POST' ? upsertOf(relation, prefer, request.search) : null
  const change = changeOf(relation, request, query, prefer, upsert)
  const mayBeLong = isLong(method, prefer, change.rows ?? 0, query)
  const shows =
    prefer.return === 'representation'
      ? ({
          kind: 'rows',
          shape: form === 'csv' ? 'texts' : stripped ? 'stripped' : 'objects',
          limit: mostReturned + 1,
          mayBeLong,
        } as const)
      : prefer.return === 'headers-only' && method === 'POST'
        ? ({ kind: 'key' } as const)
        : ({ kind: 'number' } as const)
  return {
    statement: writeSql(context, relation, change, query, shows),
    options: { rollback: prefer.tx === 'rollback', check: checkOf(method, form, prefer, mayBeLong) },
    response: (written) => ({ ...respond(method, relation, request.path, prefer, upsert, written), accepted }),
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
  if (relation.key.length === 0 || new Set(only.map((o) => o.column)).size !== relation.key.length) throw wrongFilters(relation)
  if (payload.rows !== 1 || relation.key.some((name) => !payload.columns.has(name))) throw keysDisagree()
  return insertSql(relation, payload, { defaults: false, upsert: { on: relation.key, resolution: 'merge-duplicates' }, only })
}

function keyColumn(relation: Relation, c: Condition): Column {
  const isKey =
    c.kind === 'compare' && c.op === 'eq' && !c.not && c.field.path.length === 0 && relation.key.includes(c.field.name)
  if (!isKey) throw wrongFilters(relation)
  return relation.columns.get(c.field.name) as Column
}

function wrongFilters(relation: Relation): RestError {
  return new RestError(405, 'PGRST105', "Filters must include all and only primary key columns with 'eq' operators", {
    headers: { allow: allowedMethods(relation) },
  })
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
