// SPDX-License-Identifier: MIT
// GraphQL as one part of the api process: over HTTP and over sockets, on a schema that follows the database.
import './environment.ts'
import type { Server } from 'node:http'
import type { Express, NextFunction, Request, Response } from 'express'
import { type ExpressGrafserv, grafserv } from 'postgraphile/grafserv/express/v4'
import { type GraphQLSchema, printSchema } from 'postgraphile/graphql'
import type { Access } from '../../db/access.ts'
import type { Pool } from '../../db/pool.ts'
import { coalesced } from '../coalesced.ts'
import { type Built, buildSchema } from './build.ts'
import { handoverOf } from './handover.ts'
import { graphqlPath, makePreset } from './preset.ts'
import { type GraphqlSockets, openSockets } from './socket.ts'
import type { LiveSource } from './subscriptions.ts'

export interface GraphqlOptions {
  /** Connections of the login tmidb_api. */
  pool: Pool
  access: Pick<Access, 'identify' | 'onChange'>
  hub: LiveSource
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
  /** Resolved when a build that began after the call has ended; rejected when it failed, and the schema before it is still served. */
  rebuild(): Promise<void>
  schema(): GraphQLSchema
  sdl(): string
  status(): GraphqlStatus
}

type Handler = (req: Request, res: Response, next: NextFunction) => unknown

export async function createGraphql(options: GraphqlOptions): Promise<Graphql> {
  let built: Built = await buildSchema(options)
  let builtAt = new Date()
  let builds = 1
  let lastError: string | null = null
  let text: string | null = null
  const serv = grafserv({ preset: makePreset(options), schema: built.schema })
  await serv.ready()
  const sockets = openSockets(serv, options.access)

  const builder = coalesced(async () => {
    try {
      const next = await buildSchema(options, built)
      lastError = null
      if (next === built) return
      // Requests that are under way end on the schema they began with; subscriptions move.
      serv.setSchema(next.schema)
      built = next
      builtAt = new Date()
      text = null
      builds++
      await handoverOf(serv).moveAll()
    } catch (e) {
      lastError = e instanceof Error ? e.message : String(e)
      throw e
    }
  })

  return {
    serv,
    async attach(app, server) {
      // grafserv looks at every request; here only at its own, as REST has no time to lose.
      const only = (handler: Handler) => app.use((req, res, next) => (isOurs(req.path) ? handler(req, res, next) : next()))
      await serv.addTo({ use: only } as never, server, false)
    },
    handleUpgrade: sockets.handleUpgrade,
    rebuild: builder.run,
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
      await builder.settled()
      await sockets[Symbol.asyncDispose]()
      await serv.release()
    },
  }
}

function isOurs(path: string): boolean {
  return path === graphqlPath || path === '/ruru' || path.startsWith('/ruru-static/')
}
