// SPDX-License-Identifier: MIT
// One request of /api/auth: JSON in, JSON or nothing out, problem+json for what is refused. Nothing of it is kept by a cache.
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express'
import { callerOf, requestIdOf } from '../../base/caller.ts'
import { fromPg, problem, TmiError } from '../../base/errors.ts'
import { observe } from '../../base/observe.ts'

/** Of a JSON object nothing but these texts. */
export function textsOf<K extends string>(
  req: Request,
  needed: readonly K[],
  possible: readonly string[] = [],
): Record<K, string> {
  const body: unknown = req.body ?? (needed.length === 0 ? {} : undefined)
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new TmiError('TM303', 'The body is not a JSON object.')
  const texts = body as Record<string, unknown>
  for (const [name, value] of Object.entries(texts)) {
    if (!(needed as readonly string[]).includes(name) && !possible.includes(name))
      throw new TmiError('TM303', `"${name.slice(0, 80)}" is not understood here.`, {
        hint: `Known are ${[...needed, ...possible].join(', ')}.`,
      })
    if (typeof value !== 'string') throw new TmiError('TM303', `"${name}" is not a text.`)
    checkText(name, value)
  }
  for (const name of needed) if (texts[name] === undefined) throw new TmiError('TM303', `"${name}" is missing.`)
  return texts as Record<K, string>
}

/** TM208 or TM209 for what no text column can keep. */
export function checkText(name: string, value: string): string {
  if (value.includes('\0')) throw new TmiError('TM208', `"${name}" holds the character U+0000.`)
  if (!value.isWellFormed()) throw new TmiError('TM209', `"${name}" holds half of a character.`)
  return value
}

/** What a handler gives is the answer; nothing is 204. */
export function answering(handler: (req: Request, res: Response) => Promise<object | undefined>): RequestHandler {
  return async (req, res) => {
    const body = await handler(req, res)
    if (body === undefined) res.status(204).end()
    else res.json(body)
  }
}

export const readJson: RequestHandler[] = [
  (req, res, next) => {
    res.setHeader('Cache-Control', 'no-store')
    const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0
    next(hasBody && !req.is('application/json') ? new TmiError('TM219', 'Only application/json is taken here.') : undefined)
  },
  express.json({ limit: '16kb' }),
]

export const refusing: ErrorRequestHandler = (thrown: unknown, req, res, _next) => {
  const requestId = requestIdOf(req)
  const e = refusalOf(thrown, callerOf(req).viewAs !== undefined)
  if (e.status >= 500) {
    const { stack } = (e.cause ?? e) as Error
    observe({ kind: 'error', level: 'error', code: e.code, message: e.message, requestId, ...(stack ? { stack } : {}) })
  }
  // The browser's own window for login and password would be in the way of a page's.
  if (e.status === 401) res.setHeader('WWW-Authenticate', 'Bearer')
  res
    .status(e.status)
    .set(e.headers)
    .type('application/problem+json')
    .send(JSON.stringify(problem(e, requestId)))
}

function refusalOf(thrown: unknown, isViewed: boolean): TmiError {
  const { type, code } = thrown as { type?: string; code?: string }
  if (type === 'entity.too.large') return new TmiError('TM212', undefined, { hint: 'At most 16 kB here.' })
  if (type?.startsWith('entity.') || type?.startsWith('encoding.') || type === 'request.aborted' || type?.startsWith('request.'))
    return new TmiError('TM201', undefined, { hint: 'Send one JSON object.' })
  if (type?.startsWith('charset.')) return new TmiError('TM219', 'Only UTF-8 is taken here.')
  if (code === '42501' && isViewed)
    return new TmiError('TM102', 'Who is viewed as may not do that.', {
      hint: 'Leave the header Tmidb-View-As out.',
      cause: thrown,
    })
  if (code === '42501') return new TmiError('TM102', 'Only an administrator may do that.', { cause: thrown })
  return fromPg(thrown)
}
