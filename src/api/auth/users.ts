// SPDX-License-Identifier: MIT
// /api/auth/users: accounts, for administrators. What needs no password hash is a function of the schema api too.
import type { Request, Router } from 'express'
import { createAccount, resetPassword } from '../../db/accounts.ts'
import type { Statement } from '../../db/pool.ts'
import { answering, checkText, textsOf } from './exchange.ts'

type Run = <T extends object>(req: Request, statement: Statement) => Promise<T[]>

export function userRoutes(router: Router, { change, ask }: { change: Run; ask: Run }): void {
  router.get(
    '/users',
    answering(async (req) => ({ users: await ask(req, { text: 'select * from tmidb.accounts()' }) })),
  )
  router.post(
    '/users',
    answering(async (req, res) => {
      const given = textsOf(req, ['login', 'role'], ['email', 'display_name', 'password'])
      const { email, display_name: displayName, password } = given as Record<string, string>
      // Who may not is told before a hash is made.
      await ask(req, { text: 'select from tmidb.accounts($1)', values: [given.login] })
      const run = async <T extends object>(text: string, values: unknown[]) => await change<T>(req, { text, values })
      const made = await createAccount(run, { ...given, email, displayName, password })
      res.status(201)
      return made
    }),
  )
  router.post(
    '/users/:login/password',
    answering(async (req) => {
      const login = checkText('login', String(req.params.login))
      const { password } = textsOf(req, [], ['password']) as { password?: string }
      await ask(req, { text: 'select from tmidb.accounts($1)', values: [login] })
      const run = async <T extends object>(text: string, values: unknown[]) => await change<T>(req, { text, values })
      const made = await resetPassword(run, login, password)
      return made === undefined ? undefined : { login, password: made }
    }),
  )
}
