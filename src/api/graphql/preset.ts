// SPDX-License-Identifier: MIT
// The GraphQL API: PostGraphile over the schema "api", whose views already say who may see what.

import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import { PgManyToManyRelationInflectionPlugin, PgManyToManyRelationPlugin } from '@graphile-contrib/pg-many-to-many'
import type {} from 'postgraphile'
import type {} from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { PostGraphileConnectionFilterPreset } from 'postgraphile-plugin-connection-filter'
import type { Access } from '../../db/access.ts'
import type { Pool } from '../../db/pool.ts'
import { BehaviourMemoPlugin } from './behaviour-memo.ts'
import { ConnectionArgumentsPlugin } from './connection-arguments.ts'
import { shownError } from './errors.ts'
import { FunctionsPlugin } from './functions.ts'
import { httpPlugin, identifyReader } from './http.ts'
import { defaultBehavior, NamingPlugin, withoutNodes } from './naming.ts'
import { pgService, settingsOf } from './pg-client.ts'
import { RelationTagsPlugin } from './relation-tags.ts'
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
      RelationTagsPlugin,
      httpPlugin(access, graphqlPath),
      ...(memo ? [BehaviourMemoPlugin] : []),
      ...plugins,
    ],
    disablePlugins: withoutNodes,
    pgServices: [pgService(pool, ['api'])],
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
        const { claims } = identity
        return {
          identity,
          authorization,
          hub,
          pgSettings: settingsOf({ role: claims.role, claims: JSON.stringify(claims), timeoutMs: 3000 }),
        }
      },
    },
    ruru: {
      htmlParts: {
        styleTags: (tags) => `${tags}<link rel="stylesheet" href="/docs/bar.css">`,
        bodyContent: (content) => `${content}<script src="/docs/bar.js"></script>`,
        // Whoever signed in on the bar asks with that token, over sockets too.
        bodyScripts: (scripts) => `<script>
          { const known = sessionStorage.getItem(tmidbKey); if (known) RURU_CONFIG.initialHeaders = JSON.stringify({ authorization: known }, null, 2) }
          </script>${scripts}`,
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

/** A browser cannot set a header on a socket, so the token travels in the first message; others may use the header. */
export function socketAuthorization(ws: Grafast.RequestContext['ws'] | undefined): string | undefined {
  const said = ws?.normalizedConnectionParams?.authorization
  return typeof said === 'string' ? said : ws?.request?.headers.authorization
}
