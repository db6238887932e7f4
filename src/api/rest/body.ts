// SPDX-License-Identifier: MIT
// The body of a call: one JSON object, or nothing.
import type { IncomingMessage } from 'node:http'
import { RestError } from './error.ts'

const mostBytes = 1_000_000
/** What is deeper would end the recursion of whoever writes it again. */
const mostLevels = 100

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
  const text = Buffer.concat(parts).toString('utf8')
  if (isDeep(text)) throw new RestError(400, 'PGRST102', `The body is nested deeper than ${mostLevels} levels.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (e) {
    throw new RestError(400, 'PGRST102', 'Empty or invalid json', { cause: e })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RestError(400, 'PGRST102', 'The body is not an object.', { hint: 'Name the arguments: {"target": "truck-17"}.' })
  }
  return value as Record<string, unknown>
}

function isDeep(text: string): boolean {
  let depth = 0
  let inText = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (inText) {
      if (c === '\\') i++
      else if (c === '"') inText = false
    } else if (c === '"') inText = true
    else if (c === '[' || c === '{') {
      if (++depth > mostLevels) return true
    } else if (c === ']' || c === '}') depth--
  }
  return false
}
