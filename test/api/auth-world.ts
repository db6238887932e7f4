// SPDX-License-Identifier: MIT
// An HTTP port with /api/auth, REST and live sockets behind the doors' own order, and people who sign in there.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import WebSocket from 'ws'
import { openApp } from '../../src/api/app.ts'
import { authRoutes } from '../../src/api/auth/routes.ts'
import { openCatalog } from '../../src/api/rest/catalog.ts'
import { restHandler } from '../../src/api/rest/handler.ts'
import { viewing } from '../../src/api/view-as.ts'
import type { TmiError } from '../../src/base/errors.ts'
import { allowOrigins, refusesCookie } from '../../src/base/origin.ts'
import { hashPassword } from '../../src/base/password.ts'
import { refuseUpgrade } from '../../src/base/upgrade.ts'
import { openAccess } from '../../src/db/access.ts'
import { openPool, type Pool } from '../../src/db/pool.ts'
import { openHub } from '../../src/live/hub.ts'
import { openLiveSockets } from '../../src/live/ws.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

export const password = 'blue horses walk slowly'

export interface Said {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of many shapes
  body: any
  headers: Headers
}

export interface AuthWorld extends AsyncDisposable {
  db: TestDatabase
  pool: Pool
  base: string
  port: number
  say(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Said>
  /** Signed in as a page of ours: what a browser would send. */
  browser(login: string, password?: string): Promise<Record<string, string>>
  /** As a program. */
  program(login: string): Promise<{ bearer: Record<string, string>; refresh_token: string; session_id: string }>
  /** A live socket with a subscription; its code of closing, or the HTTP status that refused it. */
  socket(headers: Record<string, string>): { opened: Promise<boolean>; closed: Promise<number>; end(): void }
}

export async function authWorld(...people: [login: string, role: string, email?: string][]): Promise<AuthWorld> {
  const stack = new AsyncDisposableStack()
  const db = stack.use(await testDatabase())
  const hash = await hashPassword(password)
  // Some hundred logins come from one address here.
  await db.query(`select tmidb.set_rate_limit('address', 'login', 0)`)
  await db.query(`select tmidb.ingest('sensor', 'truck-1', '{"temperature": 5}'), tmidb.publish_views()`)
  for (const [login, role, email = null] of people)
    await db.query('select tmidb.create_account($1, $2, $3, $4)', [login, hash, role, email])
  const url = db.url('tmidb_api')
  const pool = stack.adopt(openPool(url, { max: 4, application: 'auth-test' }), (p) => p.end())
  const access = viewing(stack.use(await openAccess(url)), pool)
  const hub = stack.use(await openHub(url, access))
  const sockets = stack.use(openLiveSockets({ hub, access }))
  const rest = restHandler({ pool, catalog: await openCatalog(pool), access })
  const app = openApp(() => pool.query('select 1'))
  app.use('/api/auth', authRoutes({ pool, access }))
  app.finish()
  const origins = allowOrigins([])
  const server = createServer((req, res) => {
    if (req.headers.origin !== undefined && origins.cors(req, res)) return
    if (req.headers.cookie !== undefined && refusesCookie(req, res)) return
    void rest(req, res).then((taken) => {
      if (!taken) app(req, res)
    })
  })
  server.on('upgrade', (req, socket, head) => {
    try {
      origins.mayOpen(req)
    } catch (e) {
      return refuseUpgrade(socket, e as TmiError)
    }
    if (!sockets.upgrade(req, socket, head)) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`

  const say: AuthWorld['say'] = async (method, path, body, headers = {}) => {
    const res = await fetch(`${base}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await res.text()
    return {
      status: res.status,
      body: /json/.test(res.headers.get('content-type') ?? '') ? JSON.parse(text) : text,
      headers: res.headers,
    }
  }
  return {
    db,
    pool,
    base,
    port,
    say,
    async browser(login, secret = password) {
      const { status, body, headers } = await say('POST', '/api/auth/login', { login, password: secret })
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
      return { cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '', origin: base }
    },
    async program(login) {
      const { status, body } = await say('POST', '/api/auth/token', { login, password })
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
      return { ...body, bearer: { authorization: `Bearer ${body.access_token}` } }
    },
    socket(headers) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/tmi/ws`, { headers })
      const opened = Promise.withResolvers<boolean>()
      const closed = Promise.withResolvers<number>()
      ws.on('open', () => ws.send(JSON.stringify({ type: 'subscribe', id: '1', category: 'sensor' })))
      ws.on('message', () => opened.resolve(true))
      ws.on('error', () => {})
      ws.on('close', (code) => {
        opened.resolve(false)
        closed.resolve(code)
      })
      ws.on('unexpected-response', (_req, res) => {
        opened.resolve(false)
        closed.resolve(res.statusCode ?? 0)
        ws.terminate()
      })
      stack.defer(() => ws.terminate())
      return { opened: opened.promise, closed: closed.promise, end: () => ws.terminate() }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
