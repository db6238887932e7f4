// SPDX-License-Identifier: MIT
// One error class. What can be said is one table (db/functions/tmidb/error_code.sql); this is its reader in TypeScript.
import { type ErrorCode, errorTable } from './error-codes.ts'

export { type ErrorCode, errorTable } from './error-codes.ts'

export interface TmiErrorOptions {
  cause?: unknown
  hint?: string
  details?: unknown
  /** What an answer by HTTP says beside it. */
  headers?: Record<string, string>
}

export class TmiError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly hint: string
  readonly details?: unknown
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, message?: string, options: TmiErrorOptions = {}) {
    const known = errorTable[code]
    super(message ?? known.sentence, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TmiError'
    this.code = code
    this.status = known.status
    this.hint = options.hint ?? known.hint
    this.headers = options.headers ?? {}
    if (options.details !== undefined) this.details = options.details
  }
}

/** Connection failures of node-postgres and of sockets: the store is away, nothing is wrong with the request. */
const awayCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', '57P01', '57P02', '57P03', '53300'])

/** A PostgreSQL error as ours: a TM SQLSTATE keeps its meaning; the rest is not for the caller's eyes, only for the log. */
export function fromPg(e: unknown): TmiError {
  if (e instanceof TmiError) return e
  const pg = e as { code?: unknown; message?: unknown; hint?: unknown; detail?: unknown } | null | undefined
  const code = typeof pg?.code === 'string' ? pg.code : ''
  if (isErrorCode(code)) {
    return new TmiError(code, typeof pg?.message === 'string' ? pg.message : undefined, {
      cause: e,
      ...(typeof pg?.hint === 'string' ? { hint: pg.hint } : {}),
      ...(typeof pg?.detail === 'string' ? { details: pg.detail } : {}),
    })
  }
  // The pool's own refusal carries no code.
  const waited = code === '' && e instanceof Error && e.message.startsWith('timeout exceeded when trying to connect')
  if (waited || awayCodes.has(code) || code.startsWith('08')) return new TmiError('TM401', undefined, { cause: e })
  return new TmiError('TM500', undefined, { cause: e })
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code)
}

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  hint: string
  requestId: string
  details?: unknown
}

/** RFC 9457 problem+json. */
export function problem(e: TmiError, requestId: string): Problem {
  return {
    type: `/docs/errors#${e.code}`,
    title: errorTable[e.code].sentence,
    status: e.status,
    detail: e.message,
    code: e.code,
    hint: e.hint,
    requestId,
    ...(e.details === undefined ? {} : { details: e.details }),
  }
}
