// SPDX-License-Identifier: MIT
// GET /api/v{major}/{category} and its kin, from request to response. It is asked before any framework: a read of the latest
// rows spends more time in PostgreSQL than in all of this.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { callerOf, requestIdOf, viaOf } from '../../base/caller.ts'
import { TmiError } from '../../base/errors.ts'
import type { Access, Identity } from '../../db/access.ts'
import { admit } from '../../db/admit.ts'
import { type Claims, isBound, type Pool, readAs, writeAs } from '../../db/pool.ts'
import { preparing } from '../../db/preparing.ts'
import { listenerIndex } from '../listener.ts'
import { sendAnswer, sendError, sendJson, sendWritten } from './answer.ts'
import { readBody } from './body.ts'
import type { LiveCatalog, Relation } from './catalog.ts'
import { RestError, unknownRelation } from './error.ts'
import { nextCursor } from './keyset.ts'
import { checkQuery } from './limits.ts'
import { embeddedCategories, type LinkContext, link } from './link.ts'
import { allowed, allowedTo, onlyRead, unsupported } from './methods.ts'
import { type Accepted, acceptedForm, contentType, pageWindow, preference, type Window } from './page.ts'
import { parseQuery } from './parse.ts'
import { planCache } from './plans.ts'
import { applied } from './prefer.ts'
import { type Recent, recentOf } from './recent.ts'
import {
  type CallRoute,
  checkProfile,
  findRelation,
  functionOf,
  notThere,
  profileOf,
  type Route,
  type RowsRoute,
  readingsAddress,
  relationOf,
  routeOf,
} from './route.ts'
import { argumentError, callSql, functionPage, readCall } from './rpc.ts'
import { type Answer, type Page, type Statement, selectSql } from './sql.ts'
import { listenerClaims, tellStranger, visibleCategories } from './visible.ts'
import { isWrite, planWrite } from './write.ts'
import { callOptions, type WriteMethod } from './write-answer.ts'
import type { Written } from './write-sql.ts'

export interface RestOptions {
  pool: Pool
  catalog: LiveCatalog
  access: Access
}

export type RestHandler = (req: IncomingMessage, res: ServerResponse) => Promise<boolean>

interface Plan {
  window: Window
  statement: Statement
  recent: Recent | null
  after: string | null
  /** Embedded ones; whether they may be known is asked for each who asks. */
  categories: readonly string[]
}

/** Answers what is his and says true; false leaves the request untouched to whoever comes next. */
export function restHandler({ pool, catalog, access }: RestOptions): RestHandler {
  const plans = planCache<Plan>()
  const prepare = preparing()
  return async (req, res) => {
    const url = req.url ?? ''
    if (!url.startsWith('/api/')) return false
    const mark = url.indexOf('?')
    const profile = profileOf(req.method, req.headers)
    const route = routeOf(mark < 0 ? url : url.slice(0, mark), catalog.current, profile)
    if (route === null) return false
    const search = mark < 0 ? '' : url.slice(mark + 1)
    let identity: Identity | null = null
    try {
      if (req.method === 'OPTIONS') {
        identity = await admit(access, callerOf(req), 'read', res)
        res.writeHead(200, { allow: await options(route, identity), 'content-length': 0 }).end()
        return true
      }
      if (
        !allowed(route)
          .split(', ')
          .includes(req.method ?? '')
      ) {
        const headers = { allow: allowed(route) }
        if (route.kind === 'call') throw new RestError(405, 'PGRST101', `Cannot use the ${req.method} method on RPC`, { headers })
        throw unsupported(req.method, headers.allow)
      }
      const isRead = req.method === 'GET' || req.method === 'HEAD'
      identity = await admit(access, callerOf(req), isRead ? 'read' : 'write', res)
      if (identity.kind === 'anonymous') throw new TmiError('TM100')
      checkProfile(catalog.current, profile)
      if (route.kind === 'index' || route.kind === 'newest') tellStranger(access, identity, route.listener, callerOf(req))
      if (route.kind === 'call') {
        await sendCall(req, res, identity.claims, route, search)
      } else if (route.kind === 'rows' && isWrite(req.method)) {
        await sendWrite(req, res, identity.claims, route, req.method, search)
      } else if (route.kind === 'index') {
        const claims = await listenerClaims(pool, identity, route.listener).catch((e: unknown) => {
          if (!isWrite(req.method)) asked(req)
          return isNobody(`api.${route.listener}`)(e)
        })
        // What is no relation may be a listener, which can only be read.
        if (isWrite(req.method)) throw unsupported(req.method, onlyRead)
        sendJson(req, res, 200, await listenerIndex(pool, catalog.current, claims, route.listener))
      } else {
        const claims =
          route.kind === 'newest'
            ? await listenerClaims(pool, identity, route.listener).catch(isNobody(`api.${route.category}`))
            : identity.claims
        await sendRows(req, res, claims, route, search)
      }
    } catch (e) {
      sendError(req, res, e, identity?.mayIntrospect === true)
    }
    return true
  }

  /** Of what is hidden from the caller or not there, what could be. */
  async function options(route: Route, { kind, name, claims }: Identity): Promise<string> {
    if (kind === 'anonymous') return allowed(route)
    if (route.kind === 'index' && name !== route.listener && claims.role !== 'tmidb_admin') return allowed(route)
    const relation = route.kind === 'rows' ? findRelation(route, catalog.current) : undefined
    if (relation && (await isHidden(claims, relation))) return allowed(route)
    return allowedTo(claims.role, route, relation, catalog.current)
  }

  async function sendRows(req: IncomingMessage, res: ServerResponse, claims: Claims, route: RowsRoute, search: string) {
    const { accepted, prefer } = asked(req)
    const relation = relationOf(route, catalog.current, claims.role)
    const { plan, answer } = await read().catch(async (e) => {
      if (await isHidden(claims, relation)) throw notThere(route)
      throw e
    })
    if (answer.n === 0 && (await isHidden(claims, relation))) throw notThere(route)
    const more = linksOf(req.url ?? '', relation, plan, answer)
    const { header } = plan.statement
    sendAnswer(req, res, { accepted, answer, window: plan.window, header, applied: prefer.applied, more })

    async function read() {
      const shape = shapeOf(req, accepted)
      const major = 'major' in route ? route.major : null
      // What is bound by rules does not see every relation and column.
      const key = `${isBound(claims.role) ? claims.role : ''} ${shape} ${accepted.form} ${prefer.count} ${major} ${req.headers.range ?? ''} ${search}`
      const make = (isKnown: LinkContext['isKnown']): Plan => {
        const query = parseQuery(search)
        checkQuery(query)
        const window = pageWindow(query, req.headers.range)
        const linked = link({ catalog: catalog.current, major, role: claims.role, isKnown }, relation, query)
        const page = { ...window, count: prefer.count, shape }
        const statement = selectSql(linked, page)
        return { window, statement, recent: recentOf(linked, page), after: query.after, categories: embeddedCategories(linked) }
      }
      const plan = await planFor(claims, () => plans(relation, key, () => make(() => true)), make)
      const recent = plan.recent?.next(Date.now())
      if (recent) {
        const answer = await ask(recent)
        const isFull = answer.n === plan.window.limit
        plan.recent?.filled(isFull)
        if (isFull) return { plan, answer }
      }
      return { plan, answer: await ask(plan.statement) }
    }

    async function ask({ text, values, name, onlyOurs }: Statement): Promise<Answer> {
      const { rows } = await readAs<Answer>(pool, claims, { text, values, onlyOurs, ...(prepare(name) ? { name } : {}) })
      return rows[0] as Answer
    }
  }

  async function sendWrite(
    req: IncomingMessage,
    res: ServerResponse,
    claims: Claims,
    route: RowsRoute,
    method: WriteMethod,
    search: string,
  ) {
    const relation = relationOf(route, catalog.current, claims.role)
    if (await isHidden(claims, relation)) throw notThere(route)
    const body = method === 'DELETE' ? null : await readBody(req)
    const path = (req.url ?? '').split('?', 1)[0] ?? ''
    const major = 'major' in route ? route.major : null
    const write = await knowing(claims, (isKnown) => {
      const context = { catalog: catalog.current, major, role: claims.role, isKnown }
      return planWrite(context, relation, { method, path, search, headers: req.headers, body })
    })
    const { text, values, name, header, onlyOurs } = write.statement
    const named = { text, values, onlyOurs, ...(prepare(name) ? { name } : {}) }
    const { rows } = await writeAs<Written>(pool, claims, named, { ...write.options, via: viaOf(callerOf(req)) })
    res.setHeader('x-request-id', requestIdOf(req))
    sendWritten(res, write.response(rows[0] as Written), header)
  }

  /** What a listener may embed is asked of the database only where a category could be meant. */
  async function knowing<T>(claims: Claims, make: (isKnown: LinkContext['isKnown']) => T): Promise<T> {
    if (!isBound(claims.role)) return make(() => true)
    let asked = false
    try {
      const made = make(() => (asked = true))
      if (!asked) return made
    } catch (e) {
      if (!asked) throw e
    }
    const visible = await visibleCategories(pool, claims)
    return make((c) => visible.has(c))
  }

  /** What a listener embeds, or fails to, is looked at again knowing only the categories that it may see. */
  async function planFor(claims: Claims, open: () => Plan, make: (isKnown: LinkContext['isKnown']) => Plan): Promise<Plan> {
    if (!isBound(claims.role)) return open()
    let plan: Plan | null = null
    try {
      plan = open()
      if (plan.categories.length === 0) return plan
    } catch (e) {
      if (!(e instanceof RestError)) throw e
    }
    const visible = await visibleCategories(pool, claims)
    return plan?.categories.every((c) => visible.has(c)) ? plan : make((c) => visible.has(c))
  }

  /**
   * A category that the listener may read nothing of, or a table that it has no right on, is as if it were not there; asked only where
   * nothing was found, so that who sees rows does not pay for it.
   */
  async function isHidden(claims: Claims, relation: Relation): Promise<boolean> {
    if (!isBound(claims.role)) return false
    if (relation.category === null) return (relation.rights.get(claims.role)?.size ?? 0) === 0
    return !(await visibleCategories(pool, claims)).has(relation.category)
  }

  async function sendCall(req: IncomingMessage, res: ServerResponse, claims: Claims, route: CallRoute, search: string) {
    const fn = functionOf(route, catalog.current, claims.role)
    const accepted = acceptedForm(req.headers)
    const { form } = accepted
    const prefer = preference(req.headers.prefer)
    if (!fn.roles.has(claims.role)) throw new TmiError('TM102', `This token may not call ${fn.name}.`)
    const call = readCall(fn, search, req.method === 'POST' ? await readBody(req) : null)
    const window = pageWindow(call.query, req.headers.range, functionPage)
    const count = fn.isSet && fn.hasColumns ? prefer.count : null
    const statement = await knowing(claims, (isKnown) => {
      const context = { catalog: catalog.current, major: null, role: claims.role, isKnown }
      return callSql(context, fn, call, window, { count, shape: shapeOf(req, accepted) })
    })
    const { text, values, name } = statement
    const named = { text, values, ...(prepare(name) ? { name } : {}) }
    const writes = fn.isVolatile && req.method === 'POST'
    const called = writes
      ? writeAs<Answer>(pool, claims, named, { ...callOptions(fn, form, prefer.all), via: viaOf(callerOf(req)) })
      : readAs<Answer>(pool, claims, named)
    const { rows } = await called.catch((e) => {
      throw argumentError(fn, statement, e)
    })
    if (writes) res.setHeader('x-request-id', requestIdOf(req))
    if (fn.isVoid) {
      res.writeHead(204, applied(prefer.all, writes ? ['tx', 'handling'] : ['handling'])).end()
      return
    }
    // One row is an object, as PostgREST has it; one value is itself, however it is asked for.
    const sent = form === 'array' && !fn.isSet && fn.hasColumns ? 'object' : form === 'object' && !fn.hasColumns ? 'array' : form
    sendAnswer(req, res, {
      accepted: { ...accepted, form: sent },
      answer: rows[0] as Answer,
      window: fn.isSet ? window : { limit: 1, offset: 0 },
      header: statement.header,
      applied:
        applied(prefer.all, [
          ...(count === null ? [] : ['count' as const]),
          ...(writes ? ['tx' as const, 'max-affected' as const] : []),
          'handling',
        ])['preference-applied'] ?? null,
      ...(form === 'array' ? { type: contentType(accepted) } : {}),
    })
  }

  /** Which address comes next, and which takes the place of an old version. */
  function linksOf(url: string, relation: Relation, plan: Plan, { n, last }: Answer): Record<string, string> {
    const links: string[] = []
    const headers: Record<string, string> = {}
    if (relation.deprecated !== null && relation.category !== null) {
      const newest = catalog.current.categories.get(relation.category)?.[0]
      headers.deprecation = deprecatedSince(relation.deprecated)
      if (newest) links.push(`<${readingsAddress(catalog.current, newest)}>; rel="successor-version"`)
    }
    const cursor = last ? nextCursor(relation, plan.statement.items, last) : plan.after
    if (cursor) headers['next-cursor'] = cursor
    if (last && cursor && n === plan.window.limit) links.push(`<${withCursor(url, cursor)}>; rel="next"`)
    if (links.length > 0) headers.link = links.join(', ')
    return headers
  }
}

/** What is wrong with the headers is wrong with them for any relation, there or not. */
function asked({ headers }: IncomingMessage) {
  return { accepted: acceptedForm(headers), prefer: preference(headers.prefer) }
}

/** An address of a listener that is somebody else's, or nobody's, is no address: names of tables are looked for there too. */
function isNobody(name: string) {
  return (e: unknown): never => {
    throw e instanceof TmiError && (e.code === 'TM102' || e.code === 'TM107') ? unknownRelation(name, null) : e
  }
}

/** As RFC 9745 has it: the second since which a newer version is there. */
function deprecatedSince(reason: string): string {
  const day = /\bsince (\d{4}-\d\d-\d\d)\b/.exec(reason)?.[1]
  return day === undefined ? 'true' : `@${Date.parse(day) / 1000}`
}

function shapeOf(req: IncomingMessage, { form, stripped }: Accepted): Page['shape'] {
  if (req.method === 'HEAD') return 'none'
  return form === 'csv' ? 'texts' : stripped ? 'stripped' : 'objects'
}

function withCursor(url: string, cursor: string): string {
  const mark = url.indexOf('?')
  const said = url.slice(mark + 1).split('&')
  return `${url.slice(0, mark)}?${[...said.filter((p) => !/^after(?:=|$)/.test(p)), `after=${cursor}`].join('&')}`
}
