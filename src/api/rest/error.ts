// SPDX-License-Identifier: MIT
// Everything REST can refuse with, in PostgREST's shape and codes, so that its clients understand us.
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

/** SQLSTATE (or its class) to HTTP, as PostgREST has it. A timeout is 504 there too when a proxy says it: the request is at fault. */
const statusOf: [string, number][] = [
  ['42501', 403],
  ['42883', 404],
  ['42P01', 404],
  ['42P17', 500],
  ['42', 400],
  ['57014', 504],
  ['54', 413],
  ['22', 400],
  ['21', 400],
  ['0A', 400],
  ['25006', 405],
  ['P0001', 400],
]

/** Whatever went wrong, as something that can be sent. What the caller cannot help is not described to it, only logged. */
export function toRestError(e: unknown): RestError {
  if (e instanceof RestError) return e
  const pg = (e instanceof TmiError && isSqlError(e.cause) ? e.cause : e) as SqlError
  const code = typeof pg?.code === 'string' ? pg.code : ''
  if (e instanceof TmiError && (!isSqlError(pg) || isErrorCode(code))) return fromTmi(e)
  const status = isErrorCode(code) ? undefined : statusOf.find(([prefix]) => code.startsWith(prefix))?.[1]
  if (status === undefined || status === 500) return fromTmi(fromPg(e))
  const hint = code === '57014' ? 'Ask for less: a narrower time, a target, a smaller page.' : pg.hint
  return new RestError(status, code, String(pg.message), {
    cause: e,
    ...(typeof pg.detail === 'string' ? { details: pg.detail } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  })
}

interface SqlError {
  code?: string
  message?: string
  detail?: string
  hint?: string
}

/** SQLSTATEs are five characters; those of sockets (ECONNRESET) are not. */
function isSqlError(e: unknown): e is SqlError {
  return typeof (e as SqlError | undefined)?.code === 'string' && /^[0-9A-Z]{5}$/.test((e as { code: string }).code)
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
