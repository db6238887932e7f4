// SPDX-License-Identifier: MIT
// A GraphQL API on a real database and a real port, for the tests beside this file.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { type Client, createClient } from 'graphql-ws'
import type { PoolClient } from 'pg'
import { printSchema } from 'postgraphile/graphql'
import WebSocket from 'ws'
import { createGraphql, type Graphql, type GraphqlOptions } from '../../src/api/graphql/server.ts'
import type { LiveRow, LiveSource, LiveTopic } from '../../src/api/graphql/subscriptions.ts'
import { openCatalog } from '../../src/api/rest/catalog.ts'
import { viewing } from '../../src/api/view-as.ts'
import { TmiError } from '../../src/base/errors.ts'
import { hashPassword } from '../../src/base/password.ts'
import { type Access, openAccess } from '../../src/db/access.ts'
import type { Part } from '../../src/db/one-trip.ts'
import { openPool, type Pool } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

/** The admin's hand: ingest, publish_views and the like, one statement after the other. */
export async function admin(db: TestDatabase, ...statements: string[]): Promise<string> {
  const pool = openPool(db.url('admin'), { max: 1, application: 'test' })
  try {
    let last = ''
    for (const text of statements) last = String(Object.values((await pool.query(text)).rows[0] ?? {})[0])
    return last
  } finally {
    await pool.end()
  }
}

/** Accounts of these names and roles; what they authorize themselves with. */
export async function accounts<R extends string>(db: TestDatabase, ...roles: R[]): Promise<Record<R, string>> {
  const hash = await hashPassword('secret')
  const all = {} as Record<R, string>
  for (const role of roles) {
    await db.query('select tmidb.create_account($1, $2, $1)', [role, hash])
    all[role] = `Basic ${Buffer.from(`${role}:secret`).toString('base64')}`
  }
  return all
}

export interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of many shapes
  data: any
  errors?: { message: string; extensions?: Record<string, unknown> }[]
}

export interface Served extends AsyncDisposable {
  db: TestDatabase
  pool: Pool
  access: Access
  hub: TestHub
  graphql: Graphql
  /** The schema that is served now, in the schema language. */
  sdl(): string
  url: string
  ask(query: string, options?: { token?: string | null; variables?: object; accept?: string; viewAs?: string }): Promise<Answer>
  /** A graphql-transport-ws client; closed with the rest. */
  socket(token: string | null, closed?: (code: number, reason: string) => void): Client
}

/** `prepare` runs before the first build; what it returns is the token of `ask`. */
export async function serve(
  prepare: (db: TestDatabase) => Promise<string>,
  options: Partial<GraphqlOptions> = {},
): Promise<Served> {
  const stack = new AsyncDisposableStack()
  const db = stack.use(await testDatabase())
  const token = await prepare(db)
  const pool = stack.adopt(openPool(db.url('tmidb_api'), { max: 4, application: 'test' }), (p) => p.end())
  const access = stack.use(viewing(await openAccess(db.url('tmidb_api')), pool))
  const hub = new TestHub()
  const catalog = await openCatalog(pool)
  const built = stack.use(await createGraphql({ pool, access, hub, catalog, ...options }))
  const graphql: Graphql = {
    ...built,
    async rebuild() {
      await catalog.reload()
      await built.rebuild()
    },
  }
  const app = express()
  const server = createServer((req, res) => {
    if (!graphql.handle(req, res, () => app(req, res))) app(req, res)
  })
  server.on('upgrade', (req, socket, head) => {
    if (!graphql.handleUpgrade(req, socket, head)) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  const clients: Client[] = []
  stack.defer(async () => {
    for (const client of clients) await client.dispose()
  })
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    db,
    pool,
    access,
    hub,
    graphql,
    sdl: () => printSchema(graphql.schema()),
    url: `http://${at}`,
    async ask(query, { token: other, variables, accept, viewAs } = {}) {
      const authorization = other === undefined ? token : other
      const res = await fetch(`http://${at}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(accept ? { accept } : {}),
          ...(viewAs ? { 'tmidb-view-as': viewAs } : {}),
          ...(authorization === null
            ? {}
            : { authorization: authorization.includes(' ') ? authorization : `Bearer ${authorization}` }),
        },
        body: JSON.stringify({ query, variables }),
      })
      return { status: res.status, ...((await res.json()) as Omit<Answer, 'status'>) }
    },
    socket(other, closed) {
      const client = createClient({
        url: `ws://${at}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        lazy: closed === undefined,
        onNonLazyError: () => {},
        ...(other === null ? {} : { connectionParams: { authorization: `Bearer ${other}` } }),
        on: {
          closed: (e) => {
            const c = e as { code: number; reason: unknown }
            closed?.(c.code, String(c.reason))
          },
        },
      })
      clients.push(client)
      return client
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

export interface Statement {
  text: string
  values: unknown[]
}

/** What a query asked of the views of readings, as PostgreSQL got it. */
export async function statementsOf(api: Served, query: string): Promise<Statement[]> {
  const seen: Statement[] = []
  const connect = api.pool.connect
  const listening = (client: PoolClient) =>
    new Proxy(client, {
      get(target, name) {
        if (name !== 'query') return Reflect.get(target, name, target) as unknown
        return (q: { asked: Part }) => {
          const { text, values = [] } = q.asked
          if (/_v[0-9]/.test(text)) seen.push({ text, values: [...values] })
          return target.query(q as never)
        }
      },
    })
  api.pool.connect = (async () => listening(await (connect as () => Promise<PoolClient>).call(api.pool))) as never
  try {
    const { errors } = await api.ask(query)
    assert.equal(errors, undefined)
  } finally {
    api.pool.connect = connect
  }
  return seen
}

/** The live hub's shape, without its rules: what is emitted goes to every subscription of the category. */
export class TestHub implements LiveSource {
  readonly open = new Map<object, { topic: LiveTopic; push(row: LiveRow): void }>()

  subscribe(topic: LiveTopic): AsyncIterableIterator<LiveRow> {
    if (topic.since === 'bad') throw new TmiError('TM304')
    const rows: LiveRow[] = []
    let wake: (() => void) | null = null
    let over = false
    const open = this.open
    const iterator: AsyncIterableIterator<LiveRow> = {
      [Symbol.asyncIterator]: () => iterator,
      async next() {
        while (rows.length === 0 && !over)
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        const value = rows.shift()
        return value === undefined ? { done: true, value } : { done: false, value }
      },
      async return() {
        over = true
        open.delete(iterator)
        wake?.()
        return { done: true, value: undefined }
      },
    }
    open.set(iterator, {
      topic,
      push(row) {
        rows.push(row)
        wake?.()
      },
    })
    return iterator
  }

  emit(row: LiveRow): void {
    for (const { topic, push } of this.open.values())
      if (topic.category === row.category && (topic.passes?.(row) ?? true)) push(row)
  }

  async opened(count: number): Promise<void> {
    for (let n = 0; this.open.size < count; n++) {
      if (n > 500) throw new Error(`${this.open.size} subscriptions are open, not ${count}.`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
