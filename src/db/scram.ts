// SPDX-License-Identifier: MIT
// Passwords of PostgreSQL logins reach the server as SCRAM verifiers, so that no statement log ever holds one.
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

const iterations = 4096

export function scramVerifier(password: string, salt: Buffer = randomBytes(16), rounds = iterations): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, rounds, 32, 'sha256')
  const key = (name: string) => createHmac('sha256', salted).update(name).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${rounds}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`
}

export function scramMatches(password: string, verifier: string): boolean {
  const parts = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier)
  if (!parts) return false
  const again = scramVerifier(password, Buffer.from(parts[2] ?? '', 'base64'), Number(parts[1]))
  return again.length === verifier.length && timingSafeEqual(Buffer.from(again), Buffer.from(verifier))
}
