// SPDX-License-Identifier: MIT
// The body of a request as bytes, whichever way in it is for: at most 10 MB, also after unpacking.
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate, zstdDecompress } from 'node:zlib'
import { TmiError } from '../base/errors.ts'

export const mostBytes = 10 * 1024 * 1024
/** How long the rest of a refused body is read. */
const lingerMs = 5000

type Unpack = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const encodings = new Map<string, Unpack>([
  ['gzip', promisify(gunzip) as Unpack],
  ['x-gzip', promisify(gunzip) as Unpack],
  ['deflate', promisify(inflate) as Unpack],
  ['zstd', promisify(zstdDecompress) as Unpack],
])

/** The whole body, unpacked. */
export async function readBody(req: IncomingMessage): Promise<Buffer> {
  const encoding = req.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding === 'identity' || encoding === '') return await collect(req)
  const unpack = encodings.get(encoding)
  if (unpack === undefined) {
    throw new TmiError('TM219', `The content encoding ${encoding.slice(0, 40)} is not understood; gzip, deflate and zstd are.`)
  }
  const body = await collect(req)
  try {
    return await unpack(body, { maxOutputLength: mostBytes })
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw new TmiError('TM212', undefined, { cause })
    throw new TmiError('TM303', `The body is not ${encoding}.`, { cause })
  }
}

function collect(req: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const announced = Number(req.headers['content-length'] ?? 0)
    if (announced > mostBytes) return reject(new TmiError('TM212'))
    let first: Buffer | null = null
    let more: Buffer[] | null = null
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > mostBytes) {
        req.removeAllListeners('data')
        reject(new TmiError('TM212'))
      } else if (first === null) first = chunk
      else {
        more ??= [first]
        more.push(chunk)
      }
    })
    req.on('end', () => resolve(more === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(more, bytes)))
    req.on('error', () => reject(new TmiError('TM303', 'The request ended midway.')))
  })
}

/**
 * Before a refusal is sent: the sender may still be writing, and closing now would reset the connection before it has read the
 * answer. What it sends is thrown away for a while.
 */
export function readAway(req: IncomingMessage): void {
  if (req.complete) return
  req.resume()
  const patience = setTimeout(() => req.destroy(), lingerMs)
  req.once('close', () => clearTimeout(patience))
}
