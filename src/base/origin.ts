// SPDX-License-Identifier: MIT
// Which web pages may talk to us. A browser says in "Origin" whose page is asking; devices and command lines say nothing and are told
// apart by their token alone. Pages of our own address always may; others when TMIDB_ALLOWED_ORIGINS names them.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TmiError } from './errors.ts'

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
  const isOwn = (origin: string, host: string | undefined): boolean => {
    const mark = origin.indexOf('://')
    return host !== undefined && mark > 0 && origin.slice(mark + 3).toLowerCase() === host.toLowerCase()
  }
  return {
    mayOpen({ headers: { origin, host } }) {
      if (origin === undefined || all || known.has(origin) || isOwn(origin, host)) return
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
