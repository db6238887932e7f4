// SPDX-License-Identifier: MIT
// The GraphQL API: PostGraphile over the schema "api", whose views already say who may see what.

import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import { PgManyToManyRelationInflectionPlugin, PgManyToManyRelationPlugin } from '@graphile-contrib/pg-many-to-many'
import type {} from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import type {} from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { PostGraphileConnectionFilterPreset } from 'postgraphile-plugin-connection-filter'
import type { Access, Identity } from '../../db/access.ts'
import { BehaviourMemoPlugin } from './behaviour-memo.ts'
import { ConnectionArgumentsPlugin } from './connection-arguments.ts'
import { shownError } from './errors.ts'
import { FunctionsPlugin } from './functions.ts'
import { httpPlugin, identifyReader } from './http.ts'
import { defaultBehavior, NamingPlugin, withoutNodes } from './naming.ts'
import { RelationsPlugin } from './relations.ts'
import { type LiveSource, SubscriptionsPlugin } from './subscriptions.ts'

export interface PresetOptions {
  pool: Pool
  access: Pick<Access, 'identify'>
  hub: LiveSource
  /** Off only to compare the schema with and without it. */
  memo?: boolean
  plugins?: GraphileConfig.Plugin[]
}
export type Pool = NonNullable<Parameters<typeof makePgService>[0]['pool']>

export const graphqlPath = '/graphql'

export function makePreset({ pool, access, hub, memo = true, plugins = [] }: PresetOptions): GraphileConfig.Preset {
  return {
    extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset, PostGraphileConnectionFilterPreset],
    plugins: [
      NamingPlugin,
      PgManyToManyRelationInflectionPlugin,
      PgManyToManyRelationPlugin,
      RelationsPlugin,
      ConnectionArgumentsPlugin,
      FunctionsPlugin,
      SubscriptionsPlugin,
      httpPlugin(access, graphqlPath),
      ...(memo ? [BehaviourMemoPlugin] : []),
      ...plugins,
    ],
    disablePlugins: withoutNodes,
    pgServices: [makePgService({ pool, schemas: ['api'], pubsub: false })],
    schema: {
      defaultBehavior,
      // Amber would drop what it cannot build and go on: subscriptions vanished that way.
      dontSwallowErrors: true,
    },
    grafast: {
      explain: false,
      context: async (request) => {
        const authorization = request.http?.getHeader('authorization') ?? socketAuthorization(request.ws)
        const identity = request.tmidbIdentity ?? (await identifyReader(access, authorization))
        return { identity, authorization, hub, pgSettings: settingsOf(identity) }
      },
    },
    grafserv: {
      graphqlPath,
      graphiqlPath: '/ruru',
      graphiqlOnGraphQLGET: false,
      websockets: true,
      outputDataAsString: true,
      maskError: shownError,
    },
  }
}

function settingsOf({ claims }: Identity): Record<string, string> {
  return { role: claims.role, 'tmidb.claims': JSON.stringify(claims), statement_timeout: '3000', TimeZone: 'UTC' }
}

/** A browser cannot set a header on a socket, so the token travels in the first message; others may use the header. */
export function socketAuthorization(ws: Grafast.RequestContext['ws'] | undefined): string | undefined {
  const said = ws?.normalizedConnectionParams?.authorization
  return typeof said === 'string' ? said : ws?.request?.headers.authorization
}
