// SPDX-License-Identifier: MIT
// What the API promises at one moment, as an administrator's connection sees it: the GraphQL schema, and OpenAPI for each role. Read on
// one given connection, so that it also says what the API becomes if the transaction that is open there commits.
import type { GraphQLSchema } from 'postgraphile/graphql'
import type { Pool, RequestRole } from '../db/pool.ts'
import { rateLimits } from '../db/rate-limits.ts'
import type { Client } from '../db/superuser.ts'
import { openapi } from './docs/openapi.ts'
import type { Schema } from './docs/openapi-parts.ts'
import { seenBy } from './docs/seen.ts'
import { type Built, buildSchema } from './graphql/build.ts'
import { loadCatalog } from './rest/catalog.ts'

export interface Contract {
  graphql: GraphQLSchema
  /** What GraphQL cannot show, each with why. */
  leftOut: ReadonlyMap<string, string>
  openapi: ReadonlyMap<RequestRole, Schema>
  built?: Built
}

const roles: RequestRole[] = ['tmidb_listener', 'tmidb_member', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin']

export async function readContract(client: Client, before?: Contract): Promise<Contract> {
  const pool = poolOf(client)
  const nobody = () => Promise.reject(new Error('This schema serves nobody.'))
  const options = {
    pool,
    access: { identify: nobody, limits: rateLimits(pool) },
    hub: { subscribe: () => ({}) as never },
    plugins: [AsTheApiPlugin],
  }
  const built = await buildSchema(options, before?.built)
  const catalog = await loadCatalog(pool)
  const visible = new Map([...catalog.categories.keys()].map((category) => [category, null]))
  const documentOf = (role: RequestRole) =>
    openapi({
      seen: seenBy(catalog, role, visible),
      functions: catalog.functions.values(),
      examples: new Map(),
      baseUrl: '/',
      listener: null,
      major: null,
      waysIn: false,
    })
  return { graphql: built.schema, leftOut: built.leftOut, openapi: new Map(roles.map((role) => [role, documentOf(role)])), built }
}

/** Everybody who asks for a connection gets this one; whoever would end its transaction is refused. */
function poolOf(client: Client): Pool {
  const query = (...args: unknown[]) => {
    const text = typeof args[0] === 'string' ? args[0] : (args[0] as { text: string }).text
    if (/^\s*(begin|commit|rollback|end)\b/i.test(text)) throw new Error(`Not inside somebody's transaction: ${text}`)
    return (client.query as (...a: unknown[]) => unknown).apply(client, args)
  }
  const own: Record<PropertyKey, unknown> = { query, release() {} }
  const lent = new Proxy(client, {
    get(of, name) {
      if (name in own) return own[name]
      const value = Reflect.get(of, name)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
  return { query, connect: () => Promise.resolve(lent), on() {}, removeListener() {}, end: () => Promise.resolve() } as never
}

/** PostGraphile shows what the role that asks may use; here that is not the one that will serve it. */
const AsTheApiPlugin: GraphileConfig.Plugin = {
  name: 'TmidbAsTheApiPlugin',
  version: '0.0.0',
  gather: {
    hooks: {
      pgIntrospection_introspection(_info, { introspection }) {
        const api = introspection.roles.find((r) => r.rolname === 'tmidb_api')
        introspection.getCurrentUser = () => api
      },
    },
  },
}
