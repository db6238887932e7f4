// SPDX-License-Identifier: MIT
// The body of a request as bytes, not more than a megabyte of them; and that of a call, one JSON object or nothing.
import type { IncomingMessage } from 'node:http'
import { RestError } from './error.ts'
import { parseJson, textOf } from './payload.ts'

const mostBytes = 1_000_000

export interface Body {
  /** Media type without its parameters; JSON where none is said. */
  type: string
  bytes: Buffer
}

export async function readBody(req: IncomingMessage): Promise<Body> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of whole(req)) {
    bytes += part.length
    if (bytes > mostBytes) {
      throw new RestError(413, 'PGRST102', `The body is larger than ${mostBytes} bytes.`, { headers: { connection: 'close' } })
    }
    parts.push(part)
  }
  const type = req.headers['content-type']?.split(';')[0]?.trim().toLowerCase() || 'application/json'
  return { type, bytes: Buffer.concat(parts) }
}

async function* whole(req: IncomingMessage): AsyncIterable<Buffer> {
  try {
    yield* req
  } catch (e) {
    throw new RestError(400, 'PGRST102', 'The body did not arrive whole.', { cause: e })
  }
}

export function objectOf({ type, bytes }: Body): Record<string, unknown> {
  if (bytes.length === 0) return {}
  if (type === 'application/x-www-form-urlencoded') return formOf(bytes)
  if (type !== 'application/json') {
    throw new RestError(415, 'PGRST102', `Content-Type not acceptable: ${type}`, {
      hint: 'Send the arguments as application/json.',
    })
  }
  const value = parseJson(textOf(bytes))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RestError(400, 'PGRST102', 'The body is not an object.', { hint: 'Name the arguments: {"target": "truck-17"}.' })
  }
  return value as Record<string, unknown>
}

/** A name that is given more than once is a list. */
function formOf(bytes: Buffer): Record<string, unknown> {
  const given = new URLSearchParams(textOf(bytes))
  return Object.fromEntries(
    [...new Set(given.keys())].map((name) => {
      const values = given.getAll(name)
      return [name, values.length === 1 ? values[0] : values]
    }),
  )
}
