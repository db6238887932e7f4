// SPDX-License-Identifier: MIT
// Everything REST can refuse with, in PostgREST's shape and codes, so that its clients understand us.
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { errorTable, fromPg, isErrorCode, TmiError } from '../../base/errors.ts'

export interface RestErrorBody {
  code: string
  message: string
  /** A list where PostgREST gives one: the relationships of PGRST201. */
  details: string | null | readonly object[]
  hint: string | null
}

export class RestError extends Error {
  readonly status: number
  readonly code: string
  readonly details: RestErrorBody['details']
  readonly hint: string | null
  readonly headers: Record<string, string>

  constructor(
    status: number,
    code: string,
    message: string,
    more: { details?: string | readonly object[]; hint?: string; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'RestError'
    this.status = status
    this.code = code
    this.details = more.details ?? null
    this.hint = more.hint ?? null
    this.headers = more.headers ?? {}
  }

  body(): RestErrorBody {
    return { code: this.code, message: this.message, details: this.details, hint: this.hint }
  }
}

/** The grammar was not followed; the position is that of the parameter's value. */
export function parseError(parameter: string, text: string, at: number, expected: string): RestError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text
  return new RestError(400, 'PGRST100', `"failed to parse ${parameter} (${shown})" (line 1, column ${at + 1})`, {
    details: `expected ${expected}`,
  })
}

export function unknownColumn(relation: string, column: string): RestError {
  return new RestError(400, '42703', `column ${relation}.${column} does not exist`)
}

export function unknownRelation(name: string, near: string | null): RestError {
  return new RestError(404, 'PGRST205', `Could not find the table '${name}' in the schema cache`, {
    ...(near === null ? {} : { hint: `Perhaps you meant the table '${near}'` }),
  })
}

export function notEmbedded(name: string, aliased: { name: string; alias: string } | null): RestError {
  const message = `'${name.slice(0, 80)}' is not an embedded resource in this request`
  return aliased
    ? new RestError(400, 'PGRST108', message, {
        details: 'Target names are not allowed in filters if they have an alias',
        hint: `Change '${aliased.name}' to '${aliased.alias}' in filters, orders or limits.`,
      })
    : new RestError(400, 'PGRST108', message, {
        hint: `Verify that '${name.slice(0, 80)}' is included in the 'select' query parameter.`,
      })
}

/**
 * SQLSTATE (or its class) to HTTP, as PostgREST has it; what is not listed is 400. 500 says that the caller cannot help it. A timeout
 * is 504 there too when a proxy says it: the request is at fault.
 */
const statusOf: [string, number][] = [
  ['42501', 403],
  ['42883', 404],
  ['42P01', 404],
  ['42P17', 500],
  ['23503', 409],
  ['23505', 409],
  ['25006', 405],
  ['57014', 504],
  ['55P03', 504],
  ['P0001', 400],
  ['54', 413],
  ['0L', 403],
  ['0P', 403],
  ['28', 403],
  ...['08', '09', '25', '26', '2D', '38', '39', '3B', '40', '53', '55', '57', '58', 'F0', 'HV', 'P0', 'XX'].map(
    (c): [string, number] => [c, 500],
  ),
]

/** raise sqlstate 'PT402' is an answer with the status 402. */
function sqlStatus(code: string): number {
  const asked = /^PT([45]\d\d)$/.exec(code)?.[1]
  if (asked) return Number(asked)
  return statusOf.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 400
}

/**
 * Whatever went wrong, as something that can be sent. What the caller cannot help is not described to it, only logged; similar names are
 * for those who may see what there is.
 */
export function toRestError(e: unknown, mayIntrospect = true): RestError {
  const suggests = (hint: unknown) => !mayIntrospect && typeof hint === 'string' && hint.startsWith('Perhaps you meant')
  if (e instanceof RestError) {
    if (!suggests(e.hint)) return e
    return new RestError(e.status, e.code, e.message, {
      ...(e.details ? { details: e.details } : {}),
      headers: e.headers,
      cause: e,
    })
  }
  const pg = (e instanceof TmiError && isSqlError(e.cause) ? e.cause : e) as SqlError
  const code = typeof pg?.code === 'string' ? pg.code : ''
  if (e instanceof TmiError && (!isSqlError(pg) || isErrorCode(code))) return fromTmi(e)
  const status = isErrorCode(code) || !isSqlError(pg) ? 500 : sqlStatus(code)
  if (code === 'PGRST' && isSqlError(pg)) return raised(pg)
  if (status === 500) return fromTmi(fromPg(e))
  const own = code === '57014' ? 'Ask for less: a narrower time, a target, a smaller page.' : pg.hint
  const hint = suggests(own) ? undefined : own
  return new RestError(status, code, String(pg.message), {
    cause: e,
    ...(typeof pg.detail === 'string' ? { details: pg.detail } : {}),
    // What writes when it is read is a function that is called by GET.
    ...(code === '25006' ? { headers: { allow: 'POST, OPTIONS' } } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  })
}

/** raise sqlstate 'PGRST': a function says the whole answer, its message the body and its detail the status and headers, as JSON. */
function raised(e: SqlError): RestError {
  try {
    const said = JSON.parse(e.message ?? '') as Record<string, unknown>
    const { status, headers = {} } = JSON.parse(e.detail ?? '') as { status: unknown; headers?: Record<string, string> }
    if (typeof said.code !== 'string' || typeof said.message !== 'string') throw new Error('code and message are needed')
    if (!Number.isInteger(status) || Number(status) < 200 || Number(status) > 599) throw new Error('status is no status')
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
    const text = (key: string) => (typeof said[key] === 'string' ? { [key]: said[key] as string } : {})
    return new RestError(Number(status), said.code, said.message, { ...text('details'), ...text('hint'), headers, cause: e })
  } catch (cause) {
    return new RestError(500, 'PGRST121', `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`, {
      cause,
      hint: `MESSAGE is {"code", "message", "details", "hint"}, DETAIL is {"status", "headers"}.`,
    })
  }
}

interface SqlError {
  code?: string
  message?: string
  detail?: string
  hint?: string
}

/** PostgreSQL says how severe it is; errors of sockets, of which EPIPE looks like a SQLSTATE, do not. */
function isSqlError(e: unknown): e is SqlError {
  const { code, severity } = (e ?? {}) as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof severity === 'string'
}

function fromTmi(e: TmiError): RestError {
  return new RestError(e.status, e.code, e.message, {
    cause: e,
    hint: e.hint || errorTable[e.code].hint,
    ...(typeof e.details === 'string' ? { details: e.details } : {}),
    ...(e.status === 401 ? { headers: { 'www-authenticate': 'Bearer realm="tmiDB"' } } : {}),
    ...(e.status === 503 ? { headers: { 'retry-after': '1' } } : {}),
  })
}
