// SPDX-License-Identifier: MIT
// Making accounts, for the API and for the command line: the hash is made here, the account by SQL, as whoever asks.
import { hashPassword, randomPassword } from '../base/password.ts'
import { checkPassword } from '../base/password-rules.ts'

export type Ask = <T extends object>(sql: string, values: unknown[]) => Promise<T[]>

export interface NewAccount {
  login: string
  role: string
  email?: string | undefined
  displayName?: string | undefined
  /** Absent: one is made up, which only serves to choose another. */
  password?: string | undefined
}

export interface MadeAccount {
  login: string
  role: string
  /** What was made up; shown once. */
  password?: string
  /** Its first token, shown once. */
  token?: string
}

export async function createAccount(ask: Ask, { login, role, email, displayName, password }: NewAccount): Promise<MadeAccount> {
  if (password !== undefined) checkPassword(password, [login, email])
  const made = password ?? randomPassword()
  const token = await ask<{ token: string | null }>('select tmidb.open_account($1, $2, $3, $4, $5, $6) as token', [
    login,
    await hashPassword(made),
    role,
    email ?? null,
    displayName ?? null,
    password === undefined,
  ])
  return {
    login,
    role,
    ...(password === undefined ? { password: made } : {}),
    ...(token[0]?.token ? { token: token[0].token } : {}),
  }
}

/** An administrator's: whoever has the account chooses another at the next login. Gives what was made up. */
export async function resetPassword(ask: Ask, login: string, password?: string): Promise<string | undefined> {
  if (password !== undefined) checkPassword(password, [login])
  const made = password ?? randomPassword()
  await ask('select tmidb.set_password_hash($1, $2, true)', [login, await hashPassword(made)])
  return password === undefined ? made : undefined
}
