// SPDX-License-Identifier: MIT
// Sessions as the doors begin and renew them; what a person does with their own goes by the rights of their claims, as everything else.
import { createHash } from 'node:crypto'
import { type Caller, viaOf } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'
import type { Pool } from './pool.ts'
import type { SignedIn } from './sign-in.ts'

export interface Secrets {
  session_id: string
  secret: string
  /** Null for a browser. */
  refresh_secret: string | null
  expires_at: Date
  ends_at: Date
}

/** TM109 if the account or its password changed in the meantime. What is shown with the request ends: a session begins anew. */
export async function beginSession(
  pool: Pool,
  who: SignedIn,
  isProgram: boolean,
  caller: Caller,
  shown?: string,
): Promise<Secrets> {
  const { rows } = await pool.query<Secrets>('select * from tmidb.begin_session($1, $2, $3, $4, $5)', [
    who.accountId,
    who.passwordHash,
    isProgram,
    JSON.stringify(viaOf(caller)),
    shown === undefined ? null : hashOf(shown),
  ])
  if (!rows[0]) throw new TmiError('TM109')
  return rows[0]
}

/** TM110 if the session is over, or is over now because its secret was used twice. */
export async function refreshSession(pool: Pool, refreshSecret: string, caller: Caller): Promise<Secrets> {
  const { rows } = await pool.query<Secrets>('select * from tmidb.refresh_session($1, $2)', [
    hashOf(refreshSecret),
    JSON.stringify(viaOf(caller)),
  ])
  if (!rows[0]) throw new TmiError('TM110')
  return rows[0]
}

/** All sessions of the account end. */
export async function changePassword(pool: Pool, who: SignedIn, newHash: string, caller: Caller): Promise<void> {
  const { rows } = await pool.query<{ done: boolean }>('select tmidb.change_password($1, $2, $3, $4) as done', [
    who.accountId,
    who.passwordHash,
    newHash,
    JSON.stringify(viaOf(caller)),
  ])
  if (!rows[0]?.done) throw new TmiError('TM109')
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
