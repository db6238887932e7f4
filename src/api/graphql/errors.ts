// SPDX-License-Identifier: MIT
// What of an error the caller sees: our own codes and complaints about the caller's values with their words, the rest only as TM500
// with a request id that finds it in the log.
import { randomUUID } from 'node:crypto'
import { isSafeError } from 'postgraphile/grafast'
import { GraphQLError, type GraphQLFormattedError } from 'postgraphile/graphql'
import { fromPg, TmiError } from '../../base/errors.ts'
import { observe } from '../../base/observe.ts'
import { limits } from './limits.ts'

type Located = Pick<GraphQLError, 'message' | 'nodes' | 'source' | 'positions' | 'path'> & {
  originalError?: Error | null | undefined
}

export function shownError(error: GraphQLError): GraphQLError {
  let cause: unknown = error.originalError
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError
  if (cause === null || cause === undefined || cause instanceof GraphQLError) {
    // Without a path it is about the request; graphql-js has no codes.
    return error.path || error.extensions.code ? error : located(error, error.message, { code: 'TM303', ...error.extensions })
  }
  if (cause instanceof Error && isSafeError(cause)) return located(error, cause.message, { ...cause.extensions })
  const { message, extensions } = told(cause)
  return located(error, message, extensions)
}

/** For answers that never came to a GraphQL execution. */
export function errorBody(e: unknown): { status: number; body: { errors: GraphQLFormattedError[] } } {
  if (e instanceof Error && isSafeError(e)) {
    const { statusCode = 400, ...more } = (e.extensions ?? {}) as { statusCode?: number; [key: string]: unknown }
    if (statusCode === 413) {
      const { code, message } = new TmiError('TM212')
      return {
        status: 413,
        body: { errors: [{ message, extensions: { code, hint: `At most ${limits.request / 1000} kB a request.` } }] },
      }
    }
    return { status: statusCode, body: { errors: [{ message: e.message, extensions: { code: 'TM303', ...more } }] } }
  }
  const { status, message, extensions } = told(e)
  return { status, body: { errors: [{ message, extensions }] } }
}

function told(cause: unknown): { status: number; message: string; extensions: Record<string, unknown> } {
  const sqlState = (cause as { code?: unknown } | null)?.code
  if (typeof sqlState === 'string' && !(cause instanceof TmiError)) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const status = callersFault(sqlState)
    // What a user's function raises has a hint of its own.
    const { hint } = cause as { hint?: unknown }
    const said = /^P/.test(sqlState) && typeof hint === 'string' ? { hint } : {}
    if (status) return { status, message, extensions: { code: sqlState, ...said } }
    if (sqlState === '57014') {
      return {
        status: 504,
        message: 'This took longer than this role has for a request, and was stopped.',
        extensions: { code: sqlState, hint: 'Ask for less: a target, a time range, fewer rows.' },
      }
    }
    if (sqlState === '42501') return told(new TmiError('TM102', undefined, { cause }))
  }
  // The filter's complaints are plain errors.
  if (
    cause instanceof Error &&
    !(cause instanceof TmiError) &&
    /^(Empty objects|Null literals) are forbidden in filter/.test(cause.message)
  ) {
    return told(new TmiError('TM303', cause.message, { cause }))
  }
  if (cause instanceof Error && /^No values were (deleted|updated) in collection/.test(cause.message)) {
    return told(new TmiError('TM107', 'There is no such row, or it may not be changed.', { cause }))
  }
  const e = fromPg(cause)
  const extensions: Record<string, unknown> = { code: e.code, hint: e.hint }
  if (e.status >= 500) {
    const requestId = randomUUID()
    const from = cause instanceof Error ? cause : e
    observe({
      kind: 'error',
      level: 'error',
      code: e.code,
      message: from.message,
      requestId,
      ...(from.stack ? { stack: from.stack } : {}),
    })
    extensions.requestId = requestId
  }
  return { status: e.status, message: e.message, extensions }
}

/** Values that do not fit (22), constraints (23), columns that are generated (428C9) and what a user's own function raises (P0; PT402 is 402). */
function callersFault(sqlState: string): number | null {
  const asked = /^PT([45]\d\d)$/.exec(sqlState)?.[1]
  if (asked) return Number(asked)
  if (sqlState === '23505' || sqlState === '23503') return 409
  return /^(22|23|428C9|P0)/.test(sqlState) ? 400 : null
}

function located(at: Located, message: string, extensions: Record<string, unknown>): GraphQLError {
  const { nodes, source, positions, path, originalError } = at
  return new GraphQLError(message, { nodes, source, positions, path, originalError, extensions })
}
