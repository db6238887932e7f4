// SPDX-License-Identifier: MIT
// Which web pages may talk to us. A browser says in "Origin" whose page is asking; devices and command lines say nothing and are told
// apart by their token alone. Pages of our own address always may; others when TMIDB_ALLOWED_ORIGINS names them. A session's cookie is
// sent by the browser whoever asks, so a change that shows nothing else must come from a page of our own address, whatever is allowed.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { cookieAlone, requestIdOf } from './caller.ts'
import { problem, TmiError } from './errors.ts'

/** Headers of ours and of PostgREST's clients that a page may read. */
const exposed =
  'Content-Range, Content-Location, Location, Preference-Applied, Link, Next-Cursor, Deprecation, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, ETag'
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

export interface Origins {
  /** TM309 for a page that may not open a socket here. */
  mayOpen(req: IncomingMessage): void
  /** Says to the browser that the page may read the answer. True: it was the browser's question beforehand, and is answered. */
  cors(req: IncomingMessage, res: ServerResponse): boolean
}

export function allowOrigins(allowed: readonly string[]): Origins {
  const known = new Set(allowed)
  const all = known.has('*')
  return {
    mayOpen(req) {
      const { origin } = req.headers
      if (cookieAlone(req)) fromOwnPage(req)
      if (origin === undefined || all || known.has(origin) || isOwn(origin, req)) return
      throw new TmiError('TM309', `Pages of ${origin.slice(0, 100)} may not open a socket here.`)
    },
    cors(req, res) {
      const { origin } = req.headers
      if (origin === undefined || !(all || known.has(origin))) return false
      res.setHeader('Access-Control-Allow-Origin', all ? '*' : origin)
      res.setHeader('Vary', 'Origin')
      res.setHeader('Access-Control-Expose-Headers', exposed)
      if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return false
      res.setHeader('Access-Control-Allow-Methods', methods)
      // "*" would leave out Authorization, so what was asked for is said back.
      const asked = req.headers['access-control-request-headers']
      if (typeof asked === 'string') res.setHeader('Access-Control-Allow-Headers', asked)
      res.setHeader('Access-Control-Max-Age', '600')
      res.writeHead(204).end()
      return true
    },
  }
}

/**
 * Whether the page is of this address. A page of https may stand behind a proxy that speaks http to us; one of http is not ours once
 * anybody says that we are reached by https.
 */
function isOwn(origin: string, { headers, socket }: IncomingMessage): boolean {
  const said = /^(https?):\/\/([^/]+)$/.exec(origin.toLowerCase())
  if (said === null || said[2] !== headers.host?.toLowerCase()) return false
  return said[1] === 'https' || !('encrypted' in socket || headers['x-forwarded-proto'] === 'https')
}

/** TM113 unless the browser says that a page of this address asks. */
function fromOwnPage(req: IncomingMessage): void {
  const { origin, 'sec-fetch-site': site } = req.headers
  if (site !== undefined && site !== 'same-origin') throw new TmiError('TM113')
  if (origin === undefined ? site === undefined : !isOwn(origin, req)) throw new TmiError('TM113')
}

/** Answers TM113 or TM219 to a change that shows only a cookie and does not come from our own page as JSON; true: it did. */
export function refusesCookie(req: IncomingMessage, res: ServerResponse): boolean {
  const { method } = req
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || !cookieAlone(req)) return false
  try {
    mayChange(req)
    return false
  } catch (e) {
    const refusal = e as TmiError
    res.writeHead(refusal.status, { 'content-type': 'application/problem+json', connection: 'close' })
    res.end(JSON.stringify(problem(refusal, requestIdOf(req))))
    return true
  }
}

function mayChange(req: IncomingMessage): void {
  const { headers } = req
  fromOwnPage(req)
  const type = headers['content-type']
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  if (type === undefined ? hasBody : !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type))
    throw new TmiError('TM219', 'With a session’s cookie only JSON is taken.')
}

/** "*" or addresses like https://app.example.com, as a browser writes them. */
export function readOrigins(text: string | undefined): string[] {
  return (text ?? '')
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((said) => {
      if (said === '*') return said
      const origin = URL.canParse(said) ? new URL(said).origin : 'null'
      if (origin === 'null' || !/^https?:\/\/[^/*@]+\/?$/.test(said)) {
        throw new TmiError('TM501', `TMIDB_ALLOWED_ORIGINS: "${said.slice(0, 100)}" is not an origin.`, {
          hint: 'Write https://app.example.com, with the port if it is not the usual one, or * for every page; a comma between them.',
        })
      }
      return origin
    })
}
