// SPDX-License-Identifier: MIT
// GraphQL as one part of the api process: over HTTP and over sockets, on a schema that follows the database.
import './environment.ts'
import type { Server } from 'node:http'
import type { Express, NextFunction, Request, Response } from 'express'
import { type ExpressGrafserv, grafserv } from 'postgraphile/grafserv/express/v4'
import { type GraphQLSchema, printSchema } from 'postgraphile/graphql'
import { observe } from '../../base/observe.ts'
import { sleep } from '../../base/retry.ts'
import type { Access } from '../../db/access.ts'
import type { Pool } from '../../db/pool.ts'
import { type Built, buildSchema } from './build.ts'
import { graphqlPath, makePreset } from './preset.ts'
import { type GraphqlSockets, openSockets } from './socket.ts'
import type { LiveSource } from './subscriptions.ts'

export interface GraphqlOptions {
  /** Connections of the login tmidb_api. */
  pool: Pool
  access: Pick<Access, 'identify' | 'onChange'>
  hub: LiveSource
  /** Changes when the API's views do; a rebuild that finds it unchanged has nothing to do. */
  catalogVersion?: () => Promise<string>
}

export interface GraphqlStatus {
  builtAt: string
  buildMs: number
  builds: number
  /** Views that could not be built, each with why. */
  leftOut: Record<string, string>
  /** Why the last rebuild failed; the schema before it is still served. */
  lastError: string | null
  sockets: number
}

export interface Graphql extends AsyncDisposable {
  serv: ExpressGrafserv
  attach(app: Express, server: Server): Promise<void>
  handleUpgrade: GraphqlSockets['handleUpgrade']
  /** Soon and once, however often it is asked for; resolved when a build that began after the call has ended. */
  rebuild(): Promise<void>
  schema(): GraphQLSchema
  sdl(): string
  status(): GraphqlStatus
}

/** Several notifications of one change come within a few milliseconds. */
const settleMs = 20

type Handler = (req: Request, res: Response, next: NextFunction) => unknown

export async function createGraphql(options: GraphqlOptions): Promise<Graphql> {
  let version = await options.catalogVersion?.()
  let built: Built = await buildSchema(options)
  let builtAt = new Date()
  let builds = 1
  let lastError: string | null = null
  let text: string | null = null
  const serv = grafserv({ preset: makePreset(options), schema: built.schema })
  await serv.ready()
  const sockets = openSockets(serv, options.access)

  async function build(): Promise<void> {
    try {
      const now = await options.catalogVersion?.()
      if (now !== undefined && now === version && lastError === null) return
      const next = await buildSchema(options, built.leftOut)
      // In-flight requests and open subscriptions keep the schema they began with.
      serv.setSchema(next.schema)
      built = next
      version = now
      builtAt = new Date()
      text = null
      lastError = null
      builds++
    } catch (e) {
      lastError = e instanceof Error ? e.message : String(e)
      observe({
        kind: 'log',
        level: 'error',
        message: `GraphQL keeps its last schema, the new one cannot be built: ${lastError}`,
      })
    }
  }

  let running: Promise<void> = Promise.resolve()
  let wanted: Promise<void> | null = null
  async function soon(): Promise<void> {
    await sleep(settleMs)
    await running
    wanted = null
    running = build()
    await running
  }

  return {
    serv,
    async attach(app, server) {
      // grafserv looks at every request; here only at its own, as REST has no time to lose.
      const only = (handler: Handler) => app.use((req, res, next) => (isOurs(req.path) ? handler(req, res, next) : next()))
      await serv.addTo({ use: only } as never, server, false)
    },
    handleUpgrade: sockets.handleUpgrade,
    rebuild: () => (wanted ??= soon()),
    schema: () => built.schema,
    sdl: () => (text ??= printSchema(built.schema)),
    status: () => ({
      builtAt: builtAt.toISOString(),
      buildMs: built.ms,
      builds,
      leftOut: Object.fromEntries(built.leftOut),
      lastError,
      sockets: sockets.count(),
    }),
    async [Symbol.asyncDispose]() {
      await wanted
      await running
      await sockets[Symbol.asyncDispose]()
      await serv.release()
    },
  }
}

function isOurs(path: string): boolean {
  return path === graphqlPath || path === '/ruru' || path.startsWith('/ruru-static/')
}
