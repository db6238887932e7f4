// SPDX-License-Identifier: MIT
// /api/auth: signing in and out, for a browser (cookie) and for programs (two secrets), and what people do with their own sessions and
// password. Who may do what is said by SQL, as the one who asks.
import { type Request, type Response, Router } from 'express'
import { callerOf, credentialOf, viaOf } from '../../base/caller.ts'
import { TmiError } from '../../base/errors.ts'
import { hashPassword } from '../../base/password.ts'
import { checkPassword } from '../../base/password-rules.ts'
import type { Access, Identity } from '../../db/access.ts'
import { admit } from '../../db/admit.ts'
import { type Pool, readAs, type Statement, writeAs } from '../../db/pool.ts'
import { beginSession, changePassword, refreshSession, type Secrets } from '../../db/sessions.ts'
import { openSignIn, type SignedIn, tellRefused } from '../../db/sign-in.ts'
import { clearSession, setSession } from './cookie.ts'
import { answering, readJson, refusing, textsOf } from './exchange.ts'
import { userRoutes } from './users.ts'

export interface AuthOptions {
  /** Connections of the login tmidb_api. */
  pool: Pool
  access: Pick<Access, 'identify' | 'audit' | 'limits'>
}

export function authRoutes({ pool, access }: AuthOptions): Router {
  const signIn = openSignIn(pool)
  const router = Router({ caseSensitive: true })
  router.use(readJson)

  /** Whoever asks; TM100 if nobody. */
  const who = async (req: Request): Promise<Identity> => {
    const isRead = req.method === 'GET' || req.method === 'HEAD'
    const identity = await admit(access, callerOf(req), isRead ? 'read' : 'write', req.res)
    if (identity.kind === 'anonymous') throw new TmiError('TM100')
    return identity
  }
  const ask = async <T extends object>(req: Request, statement: Statement): Promise<T[]> =>
    (await readAs<T>(pool, (await who(req)).claims, { ...statement, onlyOurs: true })).rows
  const change = async <T extends object>(req: Request, statement: Statement): Promise<T[]> =>
    (await writeAs<T>(pool, (await who(req)).claims, { ...statement, onlyOurs: true }, { via: viaOf(callerOf(req)) })).rows

  const signedIn = async (req: Request, login: string, password: string, toChange = false): Promise<SignedIn> => {
    const caller = callerOf(req)
    await access.limits.count('login', { address: caller.address })
    try {
      return await signIn(login, password, caller.address, toChange)
    } catch (e) {
      await tellRefused(access, e, caller)
      throw e
    }
  }

  /** A new session of the form that is asked for; what the browser showed before ends. */
  const open = async (req: Request, res: Response, person: SignedIn, isProgram: boolean): Promise<object> => {
    const caller = callerOf(req)
    const shown = credentialOf({ cookie: caller.cookie })?.slice('Bearer '.length)
    const made = await beginSession(pool, person, isProgram, caller, shown)
    if (isProgram) return secretsOf(made)
    setSession(res, made.secret, made.ends_at)
    const { name, role } = person.claims
    return { name, request_role: role, session_id: made.session_id, ends_at: made.ends_at.toISOString() }
  }

  for (const [path, isProgram] of [
    ['/login', false],
    ['/token', true],
  ] as const) {
    router.post(
      path,
      answering(async (req, res) => {
        const { login, password } = textsOf(req, ['login', 'password'])
        return await open(req, res, await signedIn(req, login, password), isProgram)
      }),
    )
  }

  router.post(
    '/refresh',
    answering(async (req) => {
      const { refresh_token } = textsOf(req, ['refresh_token'])
      const caller = callerOf(req)
      await access.limits.count('login', { address: caller.address })
      return secretsOf(await refreshSession(pool, refresh_token, caller))
    }),
  )

  router.post(
    '/logout',
    answering(async (req, res) => {
      if (req.body !== undefined) textsOf(req, [])
      const caller = callerOf(req)
      clearSession(res)
      const identity = await access.identify(caller).catch((e: unknown) => {
        // A session that is over is signed out.
        if (e instanceof TmiError && e.code === 'TM110') return null
        throw e
      })
      const id = identity?.claims.session_id
      if (identity && id === undefined)
        throw new TmiError(identity.kind === 'anonymous' ? 'TM100' : 'TM102', 'This is no session.')
      if (identity && id !== undefined)
        await writeAs(
          pool,
          identity.claims,
          { text: 'select tmidb.end_session($1)', values: [id], onlyOurs: true },
          { via: viaOf(caller) },
        )
      return undefined
    }),
  )

  router.get(
    '/me',
    answering(async (req) => (await ask<{ me: object }>(req, { text: 'select tmidb.me() as me' }))[0]?.me),
  )

  router.get(
    '/sessions',
    answering(async (req) => ({ sessions: await ask(req, { text: 'select * from tmidb.sessions()' }) })),
  )

  router.delete(
    '/sessions',
    answering(async (req) => (await change(req, { text: 'select tmidb.end_sessions() as ended' }))[0]),
  )

  router.delete(
    '/sessions/:id',
    answering(async (req) => {
      const { id } = req.params
      if (!/^\d{1,18}$/.test(String(id))) throw new TmiError('TM107', 'There is no such session.')
      await change(req, { text: 'select tmidb.end_session($1)', values: [id] })
      return undefined
    }),
  )

  router.post(
    '/password',
    answering(async (req, res) => {
      const given = textsOf(req, ['password', 'new_password'], ['login'])
      const { password, new_password: chosen } = given
      // Without a login it is the password of the one who is signed in.
      const said = (given as { login?: string }).login
      const session = said === undefined ? await who(req) : null
      if (session && session.kind !== 'account') throw new TmiError('TM102', 'Only a person has a password.')
      const login = said ?? session?.claims.name ?? ''
      const person = await signedIn(req, login, password, true)
      if (chosen === password) throw new TmiError('TM112', 'This is the password that you have.', { hint: 'Choose another one.' })
      const { rows } = await readAs<{ email: string | null }>(pool, person.claims, {
        text: `select tmidb.me()->>'email' as email`,
      })
      checkPassword(chosen, [login, person.claims.name, rows[0]?.email])
      const passwordHash = await hashPassword(chosen)
      await changePassword(pool, person, passwordHash, callerOf(req))
      const isProgram = session !== null && callerOf(req).authorization !== undefined
      return await open(req, res, { ...person, passwordHash }, isProgram)
    }),
  )

  userRoutes(router, { change, ask })
  router.use((req, res, next) => {
    const allowed = methodsOf(req.path, router)
    if (allowed === '') return next(new TmiError('TM301', 'There is nothing at this address.'))
    res.setHeader('Allow', allowed)
    if (req.method === 'OPTIONS') res.status(200).end()
    else next(new TmiError('TM302', `${req.method} is not taken here.`))
  })
  router.use(refusing)
  return router
}

/** What an address takes; '' where there is none. */
function methodsOf(path: string, { stack }: Router): string {
  const methods = stack.flatMap(({ route }) =>
    route && new RegExp(`^${route.path.replace(/:\w+/g, '[^/]+')}$`).test(path)
      ? route.stack.map(({ method }) => method.toUpperCase())
      : [],
  )
  if (methods.length === 0) return ''
  return [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'])].join(', ')
}

/** In the words of OAuth 2. */
function secretsOf({ session_id, secret, refresh_secret, expires_at, ends_at }: Secrets): object {
  const inSeconds = (at: Date) => Math.max(0, Math.round((at.getTime() - Date.now()) / 1000))
  return {
    token_type: 'Bearer',
    access_token: secret,
    expires_in: inSeconds(expires_at),
    refresh_token: refresh_secret,
    refresh_expires_in: inSeconds(ends_at),
    session_id,
  }
}
