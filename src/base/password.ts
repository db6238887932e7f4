// SPDX-License-Identifier: MIT
// People's passwords: argon2id with OWASP's parameters, kept as a PHC string. Some 30 ms of work and 19 MiB each, off the event loop, and
// two at once at most: who guesses in crowds waits in line, and the line is short.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { TmiError } from './errors.ts'

const memory = 19_456
const passes = 2
const parallelism = 1

const mostAtOnce = 2
/** About half a second of waiting. */
const mostWaiting = 32

const hash = promisify(argon2)
let running = 0
const waiting: (() => void)[] = []

const derive: typeof hash = async (...args) => {
  if (running < mostAtOnce) running++
  else if (waiting.length < mostWaiting) await new Promise<void>((turn) => waiting.push(turn))
  else throw new TmiError('TM403', 'Too many passwords are being looked at.', { headers: { 'Retry-After': '1' } })
  try {
    return await hash(...args)
  } finally {
    // Whoever is next takes the place over.
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

const base64 = (b: Buffer) => b.toString('base64').replaceAll('=', '')

export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16)
  const tag = await derive('argon2id', { message: password.normalize('NFKC'), nonce, parallelism, tagLength: 32, memory, passes })
  return phcOf(nonce, tag)
}

function phcOf(nonce: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(nonce)}$${base64(tag)}`
}

/** No password's, and as much work as anybody's: what is compared for a name that nobody has. */
export const nobodysHash = phcOf(randomBytes(16), randomBytes(32))

/** A password that nobody guesses: 24 letters, digits, - and _. */
export function randomPassword(): string {
  return randomBytes(18).toString('base64url')
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
