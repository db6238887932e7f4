// SPDX-License-Identifier: MIT
// Around grafserv: who asks is known before anything is parsed, what is refused is a 4xx whatever the Accept header says, and every
// answer is a GraphQL answer.
import type {} from 'postgraphile'
import { execute, subscribe } from 'postgraphile/grafast'
import type { GrafservBase, NormalizedRequestDigest, RequestDigest, Result } from 'postgraphile/grafserv'
import { type DocumentNode, type ExecutionArgs, type GraphQLSchema, Kind } from 'postgraphile/graphql'
import { TmiError } from '../../base/errors.ts'
import type { Access, Identity } from '../../db/access.ts'
import { errorBody } from './errors.ts'
import { handoverOf } from './handover.ts'
import { documentChecker, pageProblems, refusal } from './limits.ts'

declare global {
  namespace Grafast {
    interface RequestContext {
      tmidbIdentity?: Identity
    }
  }
}

/** Nobody reads anything without a token. */
export async function identifyReader(access: Pick<Access, 'identify'>, authorization: string | undefined): Promise<Identity> {
  const identity = await access.identify(authorization)
  if (identity.kind === 'anonymous') throw new TmiError('TM100')
  return identity
}

export function httpPlugin(access: Pick<Access, 'identify'>, graphqlPath: string): GraphileConfig.Plugin {
  const refused = new WeakSet<object>()

  async function answer(next: () => PromiseLike<Result | null> | Result | null, digest: RequestDigest): Promise<Result | null> {
    try {
      if (digest.method !== 'OPTIONS') {
        digest.requestContext.tmidbIdentity = await identifyReader(access, digest.headers.authorization)
      }
      const result = await next()
      if (result?.type === 'error') return json(errorBody(result.error))
      if (result?.type === 'buffer' && refused.has(digest) && result.statusCode < 400) result.statusCode = 400
      return result
    } catch (e) {
      return json(errorBody(e))
    }
  }

  return {
    name: 'TmidbHttpPlugin',
    version: '0.0.0',
    grafserv: {
      middleware: {
        processRequest(next, { requestDigest }) {
          return requestDigest.path === graphqlPath ? (answer(next, requestDigest) as never) : next()
        },
        setPreset(next, event) {
          event.getExecutionConfig = executionConfig(refused) as typeof event.getExecutionConfig
          return next()
        },
      },
    },
  }
}

/** How grafserv gets from a text to an answer; ours for the limits, which its own parser call has no option for. */
function executionConfig(refused: WeakSet<object>) {
  const checkers = new WeakMap<GraphQLSchema, ReturnType<typeof documentChecker>>()
  return function getExecutionConfig(this: GrafservBase, context: { http?: NormalizedRequestDigest }) {
    const schema = this.getSchema() as GraphQLSchema
    let check = checkers.get(schema)
    if (!check) checkers.set(schema, (check = documentChecker(schema)))
    const parseAndValidate = (query: string) => {
      const checked = check(query)
      const problem = checked.document && operationProblem(checked.document, schema, context.http !== undefined)
      const answer = problem ? { errors: [refusal(problem)] } : checked
      if (answer.errors && context.http) refused.add(context.http)
      return answer
    }
    const guarded =
      <R>(run: (args: ExecutionArgs) => R) =>
      (args: ExecutionArgs) => {
        const errors = pageProblems(args.document, args.variableValues as Record<string, unknown> | undefined)
        if (errors.length === 0) return run(args)
        if (context.http) refused.add(context.http)
        return { errors }
      }
    return {
      schema,
      parseAndValidate,
      resolvedPreset: this.getPreset(),
      execute: guarded(execute),
      subscribe: guarded((args) => handoverOf(this).subscribe(args, subscribe)),
      contextValue: Object.create(null) as Record<string, unknown>,
    }
  }
}

/** What the standard rules let through and nobody here could answer. */
function operationProblem(document: DocumentNode, schema: GraphQLSchema, overHttp: boolean): string | null {
  const kinds = document.definitions.flatMap((d) => (d.kind === Kind.OPERATION_DEFINITION ? [d.operation] : []))
  if (kinds.some((k) => k === 'mutation') && !schema.getMutationType())
    return 'There are no mutations here: readings come in at /api/in.'
  if (kinds.some((k) => k === 'subscription') && !schema.getSubscriptionType()) return 'There is nothing to subscribe to yet.'
  if (overHttp && kinds.every((k) => k === 'subscription'))
    return 'A subscription needs a WebSocket: the same address, graphql-transport-ws.'
  return null
}

function json({ status, body }: { status: number; body: object }): Result {
  const buffer = Buffer.from(JSON.stringify(body))
  const headers: Record<string, string> = {
    'content-type': 'application/graphql-response+json; charset=utf-8',
    'content-length': String(buffer.length),
  }
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="tmiDB"'
  return { type: 'buffer', statusCode: status, headers, buffer }
}
