// SPDX-License-Identifier: MIT
// The documents of the API: openapi.json, asyncapi.json, schema.graphql and the changelog, under /api, /api/v{major} and
// /api/{listener}. Each tells what its caller may see, and no name beside it.
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GraphQLSchema } from 'postgraphile/graphql'
import { callerOf } from '../../base/caller.ts'
import { TmiError } from '../../base/errors.ts'
import type { Access, Identity } from '../../db/access.ts'
import { admit } from '../../db/admit.ts'
import { type Claims, isBound, type Pool } from '../../db/pool.ts'
import { sendError } from '../rest/answer.ts'
import type { LiveCatalog } from '../rest/catalog.ts'
import { unsupported } from '../rest/methods.ts'
import { decoded } from '../rest/route.ts'
import { listenerClaims, rulesDigest, tellStranger, visibleCategories } from '../rest/visible.ts'
import { asyncapi } from './asyncapi.ts'
import { asMarkdown, changelog } from './changelog.ts'
import { exampleRows } from './examples.ts'
import { openapi } from './openapi.ts'
import { visibleSdl } from './sdl.ts'
import { allSeen, type Seen, seenBy } from './seen.ts'

export interface DocumentOptions {
  pool: Pool
  catalog: LiveCatalog
  access: Access
  graphqlSchema: () => GraphQLSchema
  mqttPort: number | null
}

type Name = 'openapi.json' | 'asyncapi.json' | 'schema.graphql' | 'changelog.json' | 'changelog.md'

interface Asked {
  name: Name
  listener: string | null
  major: number | null
}

const address = /^\/api\/(?:([^/]+)\/)?(openapi\.json|asyncapi\.json|schema\.graphql|changelog\.json|changelog\.md)$/
const types: Record<string, string> = {
  json: 'application/json; charset=utf-8',
  graphql: 'text/plain; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
}

/** Examples in a document are at most so old. */
const freshMs = 60_000
const mostKept = 200

/** True if the address is one of a document. */
export function documentHandler({ pool, catalog, access, graphqlSchema, mqttPort }: DocumentOptions) {
  const kept = new WeakMap<object, Map<string, { text: Promise<string>; until: number }>>()

  return (req: IncomingMessage, res: ServerResponse): boolean => {
    const asked = askedFor((req.url ?? '').split('?', 1)[0] ?? '')
    if (asked === null) return false
    void send(asked, req, res)
    return true
  }

  async function send(asked: Asked, req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        throw unsupported(req.method, 'GET, HEAD')
      }
      const identity = await admit(access, callerOf(req), 'read', res)
      const text = await document(asked, identity, req)
      const etag = `"${createHash('sha1').update(text).digest('base64url')}"`
      const headers = {
        etag,
        'cache-control': 'private, no-cache',
        // Beside what cors() said.
        vary: [res.getHeader('vary'), 'authorization, cookie'].filter(Boolean).join(', '),
        'content-type': types[asked.name.split('.')[1] ?? ''] ?? '',
      }
      if (req.headers['if-none-match'] === etag) {
        res.writeHead(304, headers).end()
        return
      }
      const body = Buffer.from(text)
      res.writeHead(200, { ...headers, 'content-length': String(body.length) })
      res.end(req.method === 'HEAD' ? undefined : body)
    } catch (e) {
      sendError(req, res, e)
    }
  }

  async function document({ name, listener, major }: Asked, identity: Identity, req: IncomingMessage): Promise<string> {
    const isNobody = identity.kind === 'anonymous'
    if (isNobody && (listener !== null || (name !== 'openapi.json' && name !== 'asyncapi.json'))) throw new TmiError('TM100')
    if (listener !== null) tellStranger(access, identity, listener, callerOf(req))
    const claims = listener === null ? identity.claims : await listenerClaims(pool, identity, listener)
    if (name === 'changelog.json') return JSON.stringify(await changelog(pool, claims))
    if (name === 'changelog.md') return asMarkdown(await changelog(pool, claims))
    const visible = isNobody ? new Map() : await visibleCategories(pool, claims)
    // Examples are rows: a target that was taken away is gone from them at once.
    const rules = isNobody ? '' : await rulesDigest(pool, claims)
    // A speaker that makes nothing new, or writes one target, has its categories from whoever set it up.
    const namesCategories = claims.role !== 'tmidb_speaker' || (identity.mayCreate && identity.target === null)
    const host = req.headers.host ?? 'localhost'
    const isSecure = 'encrypted' in req.socket
    const key = JSON.stringify([
      name,
      listener,
      major,
      // Whichever token or session it is that asks.
      [claims.role, claims.name, claims.listener_id, claims.account_id, claims.speaker_id],
      rules,
      namesCategories,
      host,
      isSecure,
      [...visible].map(([c, f]) => [c, f && [...f]]),
    ])
    const { current } = catalog
    const schema = graphqlSchema()
    // What was made stands as long as what it was made of.
    return await keep(name === 'schema.graphql' ? schema : current, key, async () => {
      const seen = isNobody ? nobody : seenBy(current, claims.role, visible, { major, namesCategories })
      const own = listener ?? (identity.kind === 'listener' ? identity.name : null)
      const onlyReads = isBound(claims.role) && claims.speaker_id === undefined
      const waysIn = !onlyReads && major === null
      if (name === 'schema.graphql') return visibleSdl(schema, current, seen)
      if (name === 'asyncapi.json') {
        return JSON.stringify(asyncapi({ seen, host, isSecure, mqttPort, listener: own, waysIn }))
      }
      if (major !== null && seen.categories.size === 0)
        throw new TmiError('TM107', `There is no version ${major} of any category here.`)
      const examples = isNobody ? new Map() : await examplesOf(claims, seen)
      const functions = current.functions.values()
      return JSON.stringify(
        openapi({ seen, functions, examples, baseUrl: '/', listener: major === null ? own : null, major, waysIn }),
      )
    })
  }

  async function examplesOf(claims: Claims, seen: Seen) {
    return await exampleRows(
      pool,
      claims,
      allSeen(seen).filter((s) => s.verbs.has('select')),
    )
  }

  /** One and the same document is made once for all that ask at a time, and again when what it is made of is another. */
  async function keep(of: object, key: string, make: () => Promise<string> | string): Promise<string> {
    let documents = kept.get(of)
    if (!documents) kept.set(of, (documents = new Map()))
    const known = documents.get(key)
    if (known && known.until > Date.now()) return await known.text
    if (documents.size >= mostKept) documents.clear()
    const text = (async () => await make())()
    documents.set(key, { text, until: Date.now() + freshMs })
    text.catch(() => documents.delete(key))
    return await text
  }
}

const nobody: Seen = { role: 'tmidb_anonymous', categories: new Map(), others: [] }

function askedFor(path: string): Asked | null {
  const [, of, name] = address.exec(path) ?? []
  if (name === undefined) return null
  const major = of === undefined ? null : /^v(\d{1,5})$/.exec(of)
  if (major && name !== 'openapi.json') return null
  return { name: name as Name, listener: of === undefined || major ? null : decoded(of), major: major ? Number(major[1]) : null }
}
