// SPDX-License-Identifier: MIT
// Login and password, on whichever way they come. A name that nobody has costs the same and is answered the same; SQL counts the tries
// of all processes and says who has to wait.
import { type Caller, viaOf } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'
import { nobodysHash, verifyPassword } from '../base/password.ts'
import type { Access } from './access.ts'
import type { Claims, Pool } from './pool.ts'

export interface SignedIn {
  accountId: string
  /** What the password was compared with: who goes on with it is refused if it was replaced since. */
  passwordHash: string
  claims: Claims
}

/** TM109 for what opens nothing, TM403 for who tried too often, TM102 for a password that only serves to choose another. */
export type SignIn = (name: string, password: string, address: string | undefined, toChange?: boolean) => Promise<SignedIn>

interface Taken {
  account_id: string | null
  login: string | null
  password_hash: string | null
  tried_at: string
  retry_after_s: number | null
}

/** Whose password it was, for nobody but the audit. */
interface Cause {
  resource: string | undefined
}

/** Writes down who was refused. What was typed as a name may be a password, and is not written. */
export async function tellRefused(access: Pick<Access, 'audit'>, e: unknown, caller: Caller): Promise<void> {
  if (!(e instanceof TmiError) || (e.code !== 'TM109' && e.code !== 'TM403')) return
  const { resource } = (e.cause ?? {}) as Partial<Cause>
  await access.audit(e.code === 'TM109' ? 'login.failed' : 'login.throttled', null, {}, { ...viaOf(caller), resource })
}

export function openSignIn(pool: Pool, verify: typeof verifyPassword = verifyPassword): SignIn {
  return async (name, password, address, toChange = false) => {
    // No name and no password is longer; PostgreSQL's text cannot hold U+0000.
    if (name.length > 300 || password.length > 1000 || name.includes('\0')) throw new TmiError('TM109')
    const taken = await pool.query<Taken>({
      name: 'take_sign_in',
      text: 'select account_id, login, password_hash, tried_at::text, retry_after_s from tmidb.take_sign_in($1, $2)',
      values: [name, address ?? null],
    })
    const { account_id: id, login, password_hash: hash, tried_at: at, retry_after_s: wait } = taken.rows[0] as Taken
    const cause = { resource: login === null ? undefined : `user:${login}` } satisfies Cause
    if (wait !== null) throw tooOften(wait, cause)
    const isRight = await verify(password, hash ?? nobodysHash)
    if (!isRight || id === null || hash === null) throw new TmiError('TM109', undefined, { cause })
    const accepted = await pool.query<{ claims: (Claims & { must_change_password?: true }) | null }>({
      name: 'accept_sign_in',
      text: 'select tmidb.accept_sign_in($1, $2, $3, $4, $5, $6) as claims',
      values: [id, hash, name, address ?? null, at, toChange],
    })
    const claims = accepted.rows[0]?.claims
    if (!claims) throw new TmiError('TM109')
    if (claims.must_change_password)
      throw new TmiError('TM102', 'This password only serves to choose one of your own.', {
        hint: 'POST /api/auth/password {"login", "password", "new_password"}',
      })
    return { accountId: id, passwordHash: hash, claims }
  }
}

function tooOften(seconds: number, cause: Cause): TmiError {
  return new TmiError('TM403', 'Too many passwords were tried.', {
    hint: `Wait ${seconds} s, or use a token: those and open sessions go on.`,
    headers: { 'Retry-After': String(seconds) },
    cause,
  })
}
