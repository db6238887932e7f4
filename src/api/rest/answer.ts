// SPDX-License-Identifier: MIT
// What came from PostgreSQL as a response: status, headers and body; and a refusal in PostgREST's shape.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestIdOf } from '../../base/caller.ts'
import { TmiError } from '../../base/errors.ts'
import { observe } from '../../base/observe.ts'
import { csv } from './csv.ts'
import { RestError, toRestError } from './error.ts'
import { type Accepted, contentType, type Form, pageResult, type Window } from './page.ts'
import type { Answer } from './sql.ts'
import type { WriteResponse } from './write-answer.ts'

export interface Sent {
  accepted: Accepted
  answer: Answer
  window: Window
  header: readonly string[]
  applied: string | null
  type?: string
  more?: Record<string, string>
}

export function sendAnswer(
  req: IncomingMessage,
  res: ServerResponse,
  { accepted, answer, window, header, applied, type, more }: Sent,
): void {
  const head = req.method === 'HEAD'
  const { form } = accepted
  // An estimate stops counting early, but never before what is on the page.
  const total = answer.total === null ? null : Math.max(Number(answer.total), answer.n > 0 ? window.offset + answer.n : 0)
  const { status, range } = pageResult(window, answer.n, total)
  if (form === 'object' && answer.n !== 1 && !head) {
    throw new RestError(406, 'PGRST116', 'Cannot coerce the result to a single JSON object', {
      details: `The result contains ${answer.n} rows`,
    })
  }
  const headers: Record<string, string> = { 'content-type': type ?? contentType(accepted), 'content-range': range, ...more }
  if (applied) headers['preference-applied'] = applied
  if (head) {
    res.writeHead(status, headers).end()
    return
  }
  if (answer.body === null) {
    throw new TmiError('TM308', 'The answer is longer than 16 MB.', { hint: 'Give what is embedded a limit: site.limit=10.' })
  }
  const body = Buffer.from(bodyOf(form, answer.body, header))
  headers['content-length'] = String(body.length)
  res.writeHead(status, headers).end(body)
}

export function sendWritten(
  res: ServerResponse,
  { status, headers, body, accepted }: WriteResponse,
  header: readonly string[],
): void {
  if (body === null) {
    res.writeHead(status, headers).end()
    return
  }
  const bytes = Buffer.from(body === '' ? '' : bodyOf(accepted.form, body, header))
  const type = body === '' ? {} : { 'content-type': contentType(accepted) }
  res.writeHead(status, { ...headers, ...type, 'content-length': String(bytes.length) }).end(bytes)
}

function bodyOf(form: Form, json: string, header: readonly string[]): string {
  if (form === 'array') return json
  if (form === 'object') return json.slice(1, -1)
  return csv(header, JSON.parse(json) as (string | null)[][])
}

export function sendJson(req: IncomingMessage, res: ServerResponse, status: number, value: unknown, headers = {}): void {
  const body = Buffer.from(JSON.stringify(value))
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.length), ...headers })
  res.end(req.method === 'HEAD' ? undefined : body)
}

export function sendError(req: IncomingMessage, res: ServerResponse, e: unknown, mayIntrospect = true): void {
  const error = toRestError(e, mayIntrospect)
  if (error.status >= 500) {
    const cause = error.cause ?? error
    const { message, stack } = cause as Error
    observe({
      kind: 'error',
      level: 'error',
      code: error.code,
      message: message ?? String(cause),
      requestId: requestIdOf(req),
      stack,
    })
  }
  if (res.headersSent) res.destroy()
  else sendJson(req, res, error.status, error.body(), error.headers)
}
