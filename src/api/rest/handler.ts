// SPDX-License-Identifier: MIT
// GET /api/v{major}/{category} and its kin, from request to response. It is asked before any framework: a read of the latest
// rows spends more time in PostgreSQL than in all of this.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TmiError } from '../../base/errors.ts'
import { observe } from '../../base/observe.ts'
import type { Access, Identity } from '../../db/access.ts'
import { type Claims, type Pool, readAs } from '../../db/pool.ts'
import { preparing } from '../../db/preparing.ts'
import { listenerIndex } from '../listener.ts'
import { openapi } from '../openapi.ts'
import { readObject } from './body.ts'
import { categoryView, type LiveCatalog, type Relation } from './catalog.ts'
import { RestError, toRestError, unknownRelation } from './error.ts'
import { acceptedForm, csv, type Form, formTypes, pageResult, pageWindow, preference, type Window } from './page.ts'
import { parseQuery } from './parse.ts'
import { argumentError, callSql, functionPage, readCall, unknownFunction } from './rpc.ts'
import type { ApiFunction } from './rpc-catalog.ts'
import { type Answer, checkSize, type Statement, selectSql } from './sql.ts'
import { listenerClaims, visibleCategories } from './visible.ts'

export interface RestOptions {
  pool: Pool
  catalog: LiveCatalog
  access: Access
}

export type RestHandler = (req: IncomingMessage, res: ServerResponse) => Promise<boolean>

type Route =
  | { kind: 'rows'; major: number; category: string }
  | { kind: 'relation'; name: string }
  | { kind: 'newest'; listener: string; category: string }
  | { kind: 'index'; listener: string }
  | { kind: 'openapi'; listener: string | null }
  | { kind: 'call'; name: string }

/** Answers what is his and says true; false leaves the request untouched to whoever comes next. */
export function restHandler({ pool, catalog, access }: RestOptions): RestHandler {
  const plans = planCache()
  const prepare = preparing()
  return async (req, res) => {
    const url = req.url ?? ''
    if (!url.startsWith('/api/')) return false
    const mark = url.indexOf('?')
    const route = routeOf(mark < 0 ? url : url.slice(0, mark), catalog)
    if (route === null) return false
    const search = mark < 0 ? '' : url.slice(mark + 1)
    try {
      if (req.method === 'OPTIONS') {
        res.writeHead(200, { allow: allowed(route), 'content-length': 0 }).end()
        return true
      }
      if (
        !allowed(route)
          .split(', ')
          .includes(req.method ?? '')
      ) {
        throw new RestError(405, 'PGRST117', `Unsupported HTTP method: ${req.method}`, { headers: { allow: allowed(route) } })
      }
      const identity = await access.identify(req.headers.authorization)
      if (route.kind === 'openapi') await sendOpenapi(req, res, identity, route.listener)
      else if (identity.kind === 'anonymous') throw new TmiError('TM100')
      else if (route.kind === 'call') {
        const { functions } = catalog.current
        const fn = functions.get(route.name)
        if (!fn) throw unknownFunction(route.name, functions.keys())
        await sendCall(req, res, identity.claims, fn, search)
      } else if (route.kind === 'index') {
        const claims = await listenerClaims(pool, identity, route.listener)
        sendJson(req, res, 200, await listenerIndex(pool, catalog.current, claims, route.listener))
      } else {
        const claims = route.kind === 'newest' ? await listenerClaims(pool, identity, route.listener) : identity.claims
        await sendRows(req, res, claims, relationOf(route, catalog), search)
      }
    } catch (e) {
      sendError(req, res, e)
    }
    return true
  }

  async function sendRows(req: IncomingMessage, res: ServerResponse, claims: Claims, relation: Relation, search: string) {
    const form = acceptedForm(req.headers)
    const prefer = preference(req.headers.prefer)
    const head = req.method === 'HEAD'
    const key = `${head ? 'head' : form} ${prefer.count} ${req.headers.range ?? ''} ${search}`
    const plan = plans(relation, key, () => {
      const query = parseQuery(search)
      checkSize(query.where)
      const window = pageWindow(query, req.headers.range)
      const shape = head ? 'none' : form === 'csv' ? 'texts' : 'objects'
      return { window, statement: selectSql(relation, query, { ...window, count: prefer.count, shape }) }
    })
    const { text, values, name, header } = plan.statement
    const { rows } = await readAs<Answer>(pool, claims, { text, values, ...(prepare(name) ? { name } : {}) })
    const { applied } = prefer
    sendAnswer(req, res, { form, answer: rows[0] as Answer, window: plan.window, header, applied, more: deprecation(relation) })
  }

  interface Sent {
    form: Form
    answer: Answer
    window: Window
    header: readonly string[]
    applied: string | null
    type?: string
    more?: Record<string, string>
  }

  function sendAnswer(
    req: IncomingMessage,
    res: ServerResponse,
    { form, answer, window, header, applied, type, more }: Sent,
  ): void {
    const head = req.method === 'HEAD'
    // An estimate stops counting early, but never before what is on the page.
    const total = answer.total === null ? null : Math.max(Number(answer.total), answer.n > 0 ? window.offset + answer.n : 0)
    const { status, range } = pageResult(window, answer.n, total)
    if (form === 'object' && answer.n !== 1 && !head) {
      throw new RestError(406, 'PGRST116', 'Cannot coerce the result to a single JSON object', {
        details: `The result contains ${answer.n} rows`,
      })
    }
    const headers: Record<string, string> = { 'content-type': type ?? formTypes[form], 'content-range': range, ...more }
    if (applied) headers['preference-applied'] = applied
    if (head) {
      res.writeHead(status, headers).end()
      return
    }
    const body = Buffer.from(bodyOf(form, answer.body, header))
    headers['content-length'] = String(body.length)
    res.writeHead(status, headers).end(body)
  }

  async function sendCall(req: IncomingMessage, res: ServerResponse, claims: Claims, fn: ApiFunction, search: string) {
    const form = acceptedForm(req.headers)
    const prefer = preference(req.headers.prefer)
    const head = req.method === 'HEAD'
    if (!fn.roles.has(claims.role)) throw new TmiError('TM102', `This token may not call ${fn.name}.`)
    const call = readCall(fn, search, req.method === 'POST' ? await readObject(req) : undefined)
    const window = pageWindow(call.query, req.headers.range, functionPage)
    const count = fn.isSet && fn.hasColumns ? prefer.count : null
    const statement = callSql(fn, call, window, { count, shape: head ? 'none' : form === 'csv' ? 'texts' : 'objects' })
    const { text, values, name } = statement
    const { rows } = await readAs<Answer>(pool, claims, { text, values, ...(prepare(name) ? { name } : {}) }).catch((e) => {
      throw argumentError(fn, statement, e)
    })
    sendAnswer(req, res, {
      // One row is an object, as PostgREST has it; one value is itself, however it is asked for.
      form: form === 'array' && !fn.isSet && fn.hasColumns ? 'object' : form === 'object' && !fn.hasColumns ? 'array' : form,
      answer: rows[0] as Answer,
      window: fn.isSet ? window : { limit: 1, offset: 0 },
      header: statement.header,
      applied: count === null ? null : prefer.applied,
      ...(form === 'array' ? { type: formTypes.array } : {}),
    })
  }

  function deprecation(relation: Relation): Record<string, string> {
    if (relation.deprecated === null || relation.category === null) return {}
    const newest = catalog.current.categories.get(relation.category)?.[0]
    return {
      deprecation: 'true',
      ...(newest ? { link: `</api/v${newest.major}/${newest.category}>; rel="successor-version"` } : {}),
    }
  }

  async function sendOpenapi(req: IncomingMessage, res: ServerResponse, identity: Identity, listener: string | null) {
    if (listener !== null && identity.kind === 'anonymous') throw new TmiError('TM100')
    const claims = listener === null ? identity.claims : await listenerClaims(pool, identity, listener)
    const visible = await visibleCategories(pool, claims)
    const name = listener ?? (identity.kind === 'listener' ? identity.name : null)
    const writes = listener === null && identity.kind !== 'listener'
    sendJson(req, res, 200, openapi(catalog.current, { visible, baseUrl: '/', listener: name, role: claims.role, writes }))
  }
}

function allowed(route: Route): string {
  return route.kind === 'call' ? 'GET, HEAD, POST, OPTIONS' : 'GET, HEAD, OPTIONS'
}

/** First path segments that belong to others. */
const reserved = new Set(['in', ''])

function routeOf(path: string, catalog: LiveCatalog): Route | null {
  const parts = path.slice('/api/'.length).split('/')
  if (parts.length > 1 && parts.at(-1) === '') parts.pop()
  const [first = '', second, ...more] = parts.map(decoded)
  // PostgREST's clients, which have one base address, look for functions beside the relations.
  if (/^v\d+$/.test(first) && second === 'rpc' && more.length === 1) return { kind: 'call', name: more[0] ?? '' }
  if (reserved.has(first) || more.length > 0) return null
  if (first === 'rpc') return second === undefined ? null : { kind: 'call', name: second }
  if (second === undefined) {
    if (first === 'openapi.json') return { kind: 'openapi', listener: null }
    if (/^v\d+$/.test(first)) return null
    const relation = catalog.current.relations.get(first)
    return relation && relation.category === null ? { kind: 'relation', name: first } : { kind: 'index', listener: first }
  }
  const major = /^v(\d{1,5})$/.exec(first)
  if (major) return { kind: 'rows', major: Number(major[1]), category: second }
  if (second === 'openapi.json') return { kind: 'openapi', listener: first }
  return { kind: 'newest', listener: first, category: second }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function relationOf(route: Route & { kind: 'rows' | 'relation' | 'newest' }, catalog: LiveCatalog): Relation {
  const { relations, categories } = catalog.current
  if (route.kind === 'relation') return relations.get(route.name) as Relation
  const found =
    route.kind === 'newest' ? categories.get(route.category)?.[0] : categoryView(catalog.current, route.category, route.major)
  if (found) return found
  const newest = categories.get(route.category)?.[0]
  throw unknownRelation(
    route.kind === 'rows' ? `api.${route.category}_v${route.major}` : `api.${route.category}`,
    newest ? `api.${newest.name}` : null,
  )
}

interface Plan {
  window: Window
  statement: Statement
}

const plansPerRelation = 2000
const longestKey = 1000

/** Dashboards ask the same thing again and again: an address is read once. A relation's plans go when the catalog is replaced. */
function planCache(): (relation: Relation, key: string, make: () => Plan) => Plan {
  const byRelation = new WeakMap<Relation, Map<string, Plan>>()
  return (relation, key, make) => {
    let plans = byRelation.get(relation)
    if (!plans) byRelation.set(relation, (plans = new Map()))
    let plan = plans.get(key)
    if (!plan) {
      plan = make()
      if (plans.size >= plansPerRelation) plans.clear()
      if (key.length <= longestKey) plans.set(key, plan)
    }
    return plan
  }
}

function bodyOf(form: Form, json: string, header: readonly string[]): string {
  if (form === 'array') return json
  if (form === 'object') return json.slice(1, -1)
  return csv(header, JSON.parse(json) as (string | null)[][])
}

function sendJson(req: IncomingMessage, res: ServerResponse, status: number, value: unknown, headers = {}): void {
  const body = Buffer.from(JSON.stringify(value))
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.length), ...headers })
  res.end(req.method === 'HEAD' ? undefined : body)
}

function sendError(req: IncomingMessage, res: ServerResponse, e: unknown): void {
  const error = toRestError(e)
  if (error.status >= 500) {
    const cause = error.cause ?? error
    const { message, stack } = cause as Error
    observe({ kind: 'error', level: 'error', code: error.code, message: message ?? String(cause), stack })
  }
  if (res.headersSent) res.destroy()
  else sendJson(req, res, error.status, error.body(), error.headers)
}
