// SPDX-License-Identifier: MIT
// What every answer of the HTTP port tells a browser, whoever wrote it: do not guess the type, do not keep it, do not frame it, load nothing
// for it. Who writes a page or a file that may be kept says otherwise by setting the same header. It is done where the head is written, in
// one pass over the few headers there are: on top of what was set before, writeHead would take its slow way (1.1 against 2.4 µs an answer, of the 500 and more that a read takes).
import { type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** For our own pages and scripts: only what is ours, in no frame. Styles are written by Swagger UI and the editor as they go. */
export const pagePolicy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; " +
  "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"

const all: Record<string, string> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-security-policy': dataPolicy,
}
const script: Record<string, string> = { 'content-security-policy': pagePolicy }
/** A page of another origin that opened ours keeps no hold of its window. */
const page: Record<string, string> = { ...script, 'cross-origin-opener-policy': 'same-origin' }

const written = ServerResponse.prototype.writeHead as (...given: unknown[]) => ServerResponse

type Given = OutgoingHttpHeaders | OutgoingHttpHeader[] | string | undefined

/**
 * A year of HTTPS only, for the host and those below it. Not where only this machine can reach us: a browser would hold it against
 * every other program on localhost.
 */
const onlyTls = { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }

/** The class of the responses of a server that speaks TLS to others, or not. */
export function safeResponse(forcesTls: boolean): typeof ServerResponse {
  const base: Record<string, string> = forcesTls ? { ...all, ...onlyTls } : all
  function writeHead(this: ServerResponse, status: number, said?: Given, more?: Given): ServerResponse {
    const given = typeof said === 'object' ? said : more
    if (typeof said !== 'string' && !Array.isArray(given) && this.getHeaderNames().length === 0) {
      const head: OutgoingHttpHeaders = { ...base }
      for (const name in given as OutgoingHttpHeaders) head[name.toLowerCase()] = (given as OutgoingHttpHeaders)[name]
      const forType = special(head['content-type'])
      for (const name in forType) if (head[name] === base[name]) head[name] = forType[name]
      return written.call(this, status, head)
    }
    // What express and grafserv set one by one, and what they hand over now, stays: writeHead puts the latter over the former.
    const forType = special(this.getHeader('content-type') ?? typeIn(given))
    for (const [name, value] of Object.entries({ ...base, ...forType })) if (!this.hasHeader(name)) this.setHeader(name, value)
    return written.call(this, status, said as string, more as OutgoingHttpHeaders)
  }
  // On each response itself: express gives it another prototype.
  return class SafeResponse<R extends IncomingMessage> extends ServerResponse<R> {
    override writeHead = writeHead as never
  } as typeof ServerResponse
}

function special(type: OutgoingHttpHeader | undefined): Record<string, string> | undefined {
  if (typeof type !== 'string') return undefined
  if (type.startsWith('text/html')) return page
  return type.startsWith('text/javascript') || type.startsWith('application/javascript') || type.startsWith('text/css')
    ? script
    : undefined
}

function typeIn(given: Given): OutgoingHttpHeader | undefined {
  if (typeof given !== 'object' || Array.isArray(given)) return undefined
  return given['content-type'] ?? given['Content-Type']
}
