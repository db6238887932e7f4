// SPDX-License-Identifier: MIT
// People's passwords: argon2id with OWASP's parameters, kept as a PHC string. Some 30 ms of work each, off the event loop.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const memory = 19_456
const passes = 2
const parallelism = 1

const derive = promisify(argon2)
const base64 = (b: Buffer) => b.toString('base64').replaceAll('=', '')

export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16)
  const tag = await derive('argon2id', { message: password.normalize('NFKC'), nonce, parallelism, tagLength: 32, memory, passes })
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(nonce)}$${base64(tag)}`
}

const phc = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** False for a wrong password and for a hash that cannot be read. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parts = phc.exec(hash)
  if (!parts) return false
  const [m = 0, t = 0, p = 0] = parts.slice(1, 4).map(Number)
  const tag = Buffer.from(parts[5] ?? '', 'base64')
  const again = await derive('argon2id', {
    message: password.normalize('NFKC'),
    nonce: Buffer.from(parts[4] ?? '', 'base64'),
    parallelism: p,
    tagLength: tag.length,
    memory: m,
    passes: t,
  })
  return timingSafeEqual(again, tag)
}
