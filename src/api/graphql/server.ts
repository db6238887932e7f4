// SPDX-License-Identifier: MIT
// GraphQL as one part of the api process: over HTTP and over sockets, on a schema that follows the database.
import './environment.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { grafserv, type NodeGrafserv } from 'postgraphile/grafserv/node'
import type { GraphQLSchema } from 'postgraphile/graphql'
import type { Access } from '../../db/access.ts'
import type { Pool } from '../../db/pool.ts'
import { coalesced } from '../coalesced.ts'
import type { LiveCatalog } from '../rest/catalog.ts'
import { type Built, buildSchema } from './build.ts'
import { handoverOf } from './handover.ts'
import { graphqlPath, makePreset } from './preset.ts'
import { type GraphqlSockets, openSockets } from './socket.ts'
import type { LiveSource } from './subscriptions.ts'
import { openViews } from './visible.ts'

export interface GraphqlOptions {
  /** Connections of the login tmidb_api. */
  pool: Pool
  access: Pick<Access, 'identify' | 'limits' | 'onChange'>
  hub: LiveSource
  catalog: Pick<LiveCatalog, 'current'>
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
  serv: NodeGrafserv
  /** Takes what is asked of /graphql and of Ruru, without a framework before it; false leaves the request untouched. */
  handle(req: IncomingMessage, res: ServerResponse, next: () => void): boolean
  handleUpgrade: GraphqlSockets['handleUpgrade']
  /** Resolved when a build that began after the call has ended; rejected when it failed, and the schema before it is still served. */
  rebuild(): Promise<void>
  schema(): GraphQLSchema
  status(): GraphqlStatus
}

export async function createGraphql(options: GraphqlOptions): Promise<Graphql> {
  let built: Built = await buildSchema(options)
  let builtAt = new Date()
  let builds = 1
  let lastError: string | null = null
  const views = openViews(options.pool, options.catalog)
  options.access.onChange(views.forget)
  const serv = grafserv({ preset: makePreset({ ...options, viewOf: views.of }), schema: built.schema })
  await serv.ready()
  // Sockets are ours (socket.ts), so of grafserv only this is wanted.
  const handler = serv.createHandler()
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
      builds++
      await handoverOf(serv).moveAll()
    } catch (e) {
      lastError = e instanceof Error ? e.message : String(e)
      throw e
    }
  })

  return {
    serv,
    handle(req, res, next) {
      const url = req.url ?? ''
      const path = url.split('?', 1)[0] ?? ''
      if (!isOurs(path)) return false
      // The editor's files have ETags and are the same for everybody.
      if (path.startsWith(staticPath)) res.setHeader('Cache-Control', 'no-cache')
      void handler(req, res, next)
      return true
    },
    handleUpgrade: sockets.handleUpgrade,
    rebuild: builder.run,
    schema: () => built.schema,
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

const staticPath = '/ruru-static/'

function isOurs(path: string): boolean {
  return path === graphqlPath || path === '/ruru' || path.startsWith(staticPath)
}
