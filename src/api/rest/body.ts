// SPDX-License-Identifier: MIT
// The body of a call: one JSON object, or nothing.
import type { IncomingMessage } from 'node:http'
import { RestError } from './error.ts'

const mostBytes = 1_000_000

export async function readObject(req: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of req as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > mostBytes) {
      throw new RestError(413, 'PGRST102', `The body is larger than ${mostBytes} bytes.`, { headers: { connection: 'close' } })
    }
    parts.push(part)
  }
  if (bytes === 0) return {}
  const type = req.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== undefined && type !== 'application/json') {
    throw new RestError(415, 'PGRST102', `Content-Type not acceptable: ${type}`, {
      hint: 'Send the arguments as application/json.',
    })
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (e) {
    throw new RestError(400, 'PGRST102', 'Empty or invalid json', { cause: e })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RestError(400, 'PGRST102', 'The body is not an object.', { hint: 'Name the arguments: {"target": "truck-17"}.' })
  }
  return value as Record<string, unknown>
}
