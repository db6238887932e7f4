// SPDX-License-Identifier: MIT
// The GraphQL API: PostGraphile over the schema "api", whose views already say who may see what.

import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import { PgManyToManyRelationInflectionPlugin, PgManyToManyRelationPlugin } from '@graphile-contrib/pg-many-to-many'
import type {} from 'postgraphile'
import type {} from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { PostGraphileConnectionFilterPreset } from 'postgraphile-plugin-connection-filter'
import { viaOf } from '../../base/caller.ts'
import type { Access } from '../../db/access.ts'
import type { Admitting } from '../../db/admit.ts'
import { asOf, type Pool } from '../../db/pool.ts'
import { aggregatePlugins } from './aggregates.ts'
import { BehaviourMemoPlugin } from './behaviour-memo.ts'
import { ConnectionArgumentsPlugin } from './connection-arguments.ts'
import { shownError } from './errors.ts'
import { FunctionsPlugin } from './functions.ts'
import { digestCaller, httpPlugin, identifyReader, socketCaller, type ViewOf } from './http.ts'
import { limits } from './limits.ts'
import { defaultBehavior, NamingPlugin, withoutNodes } from './naming.ts'
import { pgService, settingsOf } from './pg-client.ts'
import { RelationTagsPlugin } from './relation-tags.ts'
import { RelationsPlugin } from './relations.ts'
import { ruruPolicyPlugin } from './ruru-policy.ts'
import { type LiveSource, SubscriptionsPlugin } from './subscriptions.ts'

export interface PresetOptions {
  pool: Pool
  access: Admitting & Partial<Pick<Access, 'onChange'>>
  hub: LiveSource
  /** Whoever serves the schema says it; a schema that is only looked at is nobody's. */
  viewOf?: ViewOf
  /** Off only to compare the schema with and without it. */
  memo?: boolean
  plugins?: GraphileConfig.Plugin[]
}

export const graphqlPath = '/graphql'

export function makePreset({
  pool,
  access,
  hub,
  memo = true,
  plugins = [],
  viewOf = async () => null,
}: PresetOptions): GraphileConfig.Preset {
  return {
    extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset, PostGraphileConnectionFilterPreset],
    plugins: [
      NamingPlugin,
      PgManyToManyRelationInflectionPlugin,
      PgManyToManyRelationPlugin,
      RelationsPlugin,
      ConnectionArgumentsPlugin,
      ...aggregatePlugins,
      FunctionsPlugin,
      SubscriptionsPlugin,
      RelationTagsPlugin,
      httpPlugin({ access, graphqlPath, documentText: documentText(pool), viewOf }),
      ruruPolicyPlugin,
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
        const caller = request.http ? digestCaller(request.http) : socketCaller(request.ws)
        const identity = request.tmidbIdentity ?? (await identifyReader(access, caller))
        return { identity, caller, hub, pgSettings: settingsOf({ ...asOf(identity.claims), via: viaOf(caller) }) }
      },
    },
    ruru: {
      htmlParts: {
        styleTags: (tags) => `${tags}<link rel="stylesheet" href="/docs/bar.css">`,
        bodyContent: (content) => `${content}<script src="/docs/bar.js"></script>`,
        bodyScripts: (scripts) => `<script>${ruruSignedIn}</script>${scripts}`,
      },
    },
    grafserv: {
      graphqlPath,
      graphiqlPath: '/ruru',
      graphiqlOnGraphQLGET: false,
      websockets: true,
      maxRequestLength: limits.request,
      outputDataAsString: true,
      maskError: shownError,
    },
  }
}

/** Whoever signed in on the bar asks with that token: by HTTP, the schema's own first question among it, and over sockets. */
const ruruSignedIn = `{
  const known = sessionStorage.getItem(tmidbKey)
  if (known) {
    RURU_CONFIG.initialHeaders = JSON.stringify({ authorization: known }, null, 2)
    const send = window.fetch
    window.fetch = (to, options = {}) => {
      const headers = new Headers(options.headers)
      if (new URL(to, location.href).pathname === RURU_CONFIG.endpoint && !headers.has('authorization')) headers.set('authorization', known)
      return send(to, { ...options, headers })
    }
  }
}`

/** Of a registered document, by its hash. */
function documentText(pool: Pool) {
  return async (hash: Buffer): Promise<string | null> => {
    const { rows } = await pool.query<{ text: string | null }>({
      name: 'document_text',
      text: 'select tmidb.document_text($1) as text',
      values: [hash],
    })
    return rows[0]?.text ?? null
  }
}
