// SPDX-License-Identifier: MIT
// Around grafserv: who asks is known before anything is parsed, what is refused is a 4xx whatever the Accept header says, and every
// answer is a GraphQL answer.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type {} from 'postgraphile'
import { execute, SafeError, subscribe } from 'postgraphile/grafast'
import type { GrafservBase, RequestDigest, Result } from 'postgraphile/grafserv'
import {
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'postgraphile/graphql'
import { type Caller, callerOf } from '../../base/caller.ts'
import { TmiError } from '../../base/errors.ts'
import type { Access, Identity } from '../../db/access.ts'
import { type Admitting, admit } from '../../db/admit.ts'
import { type Claims, viewedOnly } from '../../db/pool.ts'
import { costProblems } from './cost.ts'
import { errorBody } from './errors.ts'
import { handoverOf } from './handover.ts'
import { type Checked, type DocumentChecker, documentChecker, operationProblem, refusal } from './limits.ts'
import { type LookUp, openDocuments } from './registered-documents.ts'
import { callInVariables, operationOf, type View } from './visible.ts'

declare global {
  namespace Grafast {
    interface RequestContext {
      tmidbIdentity?: Identity
    }
  }
}

/** Nobody reads anything without a token. */
export async function identifyReader(access: Pick<Access, 'identify'>, caller: Caller): Promise<Identity> {
  return mayRead(await access.identify(caller))
}

export function mayRead(identity: Identity): Identity {
  if (identity.kind === 'anonymous') throw new TmiError('TM100')
  return identity
}

/** A browser cannot set a header on a socket, so the token travels in the first message; others may use the header. */
export function socketCaller(ws: Grafast.RequestContext['ws'] | undefined): Caller {
  if (!ws?.request) return {}
  let caller = callers.get(ws.request)
  if (caller) return caller
  caller = callerOf(ws.request)
  const said = ws.normalizedConnectionParams?.authorization
  if (typeof said === 'string') caller.authorization = said
  const view = ws.normalizedConnectionParams?.['tmidb-view-as']
  if (typeof view === 'string' && view !== '') caller.viewAs = view.slice(0, 300)
  callers.set(ws.request, caller)
  return caller
}

/** One of a socket, whatever it asks: it is one use of its token. */
const callers = new WeakMap<IncomingMessage, Caller>()

export function digestCaller({ requestContext }: { requestContext: Partial<Grafast.RequestContext> }): Caller {
  return callerOf((requestContext.node as { req: IncomingMessage }).req)
}

/** What of the schema a caller may know; unless told otherwise, all. */
export type ViewOf = (schema: GraphQLSchema, claims: Claims) => Promise<View | null>

export interface HttpOptions {
  viewOf: ViewOf
  access: Admitting & Partial<Pick<Access, 'onChange'>>
  graphqlPath: string
  documentText: LookUp
}

/** The status of requests that were refused, by their digests. */
type Refused = WeakMap<object, number>

export function httpPlugin({ access, graphqlPath, documentText, viewOf }: HttpOptions): GraphileConfig.Plugin {
  const refused: Refused = new WeakMap()
  const documents = openDocuments(documentText)
  const checkers = new WeakMap<GraphQLSchema, DocumentChecker>()
  const checkerOf = (schema: GraphQLSchema): DocumentChecker => {
    let check = checkers.get(schema)
    if (!check) checkers.set(schema, (check = documentChecker(schema)))
    return check
  }
  let serv: GrafservBase | undefined
  access.onChange?.(documents.forget)

  async function answer(next: () => PromiseLike<Result | null> | Result | null, digest: RequestDigest): Promise<Result | null> {
    try {
      if (digest.method !== 'OPTIONS') {
        const { res } = digest.requestContext.node as { res: ServerResponse }
        digest.requestContext.tmidbIdentity = mayRead(await admit(access, digestCaller(digest), 'read', res))
      }
      const result = await next()
      if (result?.type === 'error') return json(errorBody(result.error))
      if (result?.type !== 'buffer') return result
      const status = refused.get(digest)
      if (status === undefined) return result.statusCode < 400 ? result : inOurWords(result)
      result.statusCode = status
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
        processRequest(next, { requestDigest, instance }) {
          serv ??= instance
          return requestDigest.path === graphqlPath ? (answer(next, requestDigest) as never) : next()
        },
        async processGraphQLRequestBody(next, event) {
          const { body, request, graphqlWsContext } = event
          const identity =
            request?.requestContext.tmidbIdentity ?? (await identifyReader(access, wsCaller(graphqlWsContext as never)))
          await documents.resolve(body, identity)
          const schema = serv?.getSchema() as GraphQLSchema | undefined
          if (schema) await checkerOf(schema).turn(body.query, identity.mayIntrospect !== true)
          return next()
        },
        setPreset(next, event) {
          event.getExecutionConfig = executionConfig(access, refused, checkerOf, viewOf) as typeof event.getExecutionConfig
          return next()
        },
      },
    },
  }
}

interface WsContext {
  connectionParams?: Readonly<Record<string, unknown>>
  extra: { request: IncomingMessage }
}

function wsCaller({ connectionParams, extra }: WsContext): Caller {
  return socketCaller({
    request: extra.request,
    normalizedConnectionParams: Object.fromEntries(Object.entries(connectionParams ?? {}).map(([k, v]) => [k.toLowerCase(), v])),
  } as never)
}

/** How grafserv gets from a text to an answer; ours for the limits, which its own parser call has no option for. */
function executionConfig(
  access: Pick<Access, 'identify'>,
  refused: Refused,
  checkerOf: (schema: GraphQLSchema) => DocumentChecker,
  viewOf: ViewOf,
) {
  return async function getExecutionConfig(this: GrafservBase, context: Grafast.RequestContext) {
    const schema = this.getSchema() as GraphQLSchema
    const resolvedPreset = this.getPreset()
    context.tmidbIdentity ??= await identifyReader(access, socketCaller(context.ws))
    const mayIntrospect = context.tmidbIdentity.mayIntrospect === true
    const { claims } = context.tmidbIdentity
    const check = checkerOf(schema)
    const view = await viewOf(schema, claims)
    const refuse = <A extends { errors: readonly GraphQLError[] }>(answer: A, status = 400): A => {
      if (context.http) refused.set(context.http, status)
      return answer
    }
    const parseAndValidate = (query: string) => {
      const checked = view ? check.as(view, query, !mayIntrospect) : check(query, !mayIntrospect)
      const problem = problemOf(checked, schema, mayIntrospect, claims, context.http !== undefined, view !== null)
      if (problem) return refuse({ errors: [problem] }, Number(problem.extensions.statusCode))
      return checked.errors ? refuse({ errors: checked.errors }) : checked
    }
    /** By HTTP grafserv takes data as a text. */
    const told = <R extends { data?: unknown }>(result: R): R =>
      context.http && result.data !== undefined ? { ...result, data: JSON.stringify(result.data) } : result
    const guarded =
      <R>(run: (args: ExecutionArgs) => R) =>
      async (args: ExecutionArgs) => {
        const { document, operationName, variableValues } = args
        const errors = costProblems(schema, document, operationName, variableValues)
        if (errors.length > 0) return refuse({ errors })
        const unknown = view?.variableProblems(document, operationName, variableValues) ?? []
        if (unknown.length > 0) return refuse({ errors: unknown.map((e) => ownWords(e, mayIntrospect)) })
        const operation = view && operationOf(document, operationName)
        if (!view) {
          const call = callInVariables(schema, document, operationName, variableValues, claims.role)
          if (call !== null) return refuse({ errors: [refusal(`This token may not call ${call}.`, 'TM102', 403)] }, 403)
        }
        const result =
          operation && asksForTheSchema(operation)
            ? told(view.introspect(document, operationName, variableValues))
            : await run(args)
        // Without data nothing ran: values of variables are looked at here, and graphql-js suggests names for them too.
        const { data, errors: wrong } = (result ?? {}) as { data?: unknown; errors?: readonly GraphQLError[] }
        return wrong && data === undefined ? refuse({ ...result, errors: wrong.map((e) => ownWords(e, mayIntrospect)) }) : result
      }
    return {
      schema,
      parseAndValidate,
      resolvedPreset,
      execute: guarded(execute),
      subscribe: guarded((args) => handoverOf(this).subscribe(args, subscribe)),
      contextValue: Object.create(null) as Record<string, unknown>,
    }
  }
}

/** What the standard rules let through and is not for this caller, or nobody here could answer. */
function problemOf(
  checked: Checked,
  schema: GraphQLSchema,
  mayIntrospect: boolean,
  { role, viewed_by }: Claims,
  overHttp: boolean,
  seesApart: boolean,
): GraphQLError | null {
  if (checked.introspects && !mayIntrospect) return refusal('This token may not look at the schema.', 'TM102', 403)
  for (const [name, roles] of checked.calls ?? [])
    if (!roles.includes(role)) return refusal(`This token may not call ${name}.`, 'TM102', 403)
  if (!checked.document) return null
  const words = operationProblem(checked.document, schema)
  if (words) return refusal(words, 'TM303')
  const operations = checked.document.definitions.filter((d) => d.kind === Kind.OPERATION_DEFINITION)
  if (seesApart && checked.introspects && !operations.every(asksForTheSchema))
    return refusal('Ask for the schema and for data in two documents, __schema or __type first.', 'TM303')
  const kinds = operations.map((d) => d.operation)
  if (viewed_by !== undefined && kinds.includes(OperationTypeNode.MUTATION)) {
    const { message, code, status } = viewedOnly()
    return refusal(message, code, status)
  }
  if (overHttp && kinds.every((k) => k === 'subscription'))
    return refusal('A subscription needs a WebSocket: the same address, graphql-transport-ws.', 'TM303')
  return null
}

/** Who does not see everything is told the schema that it sees, in answers that hold nothing else. */
function asksForTheSchema({ selectionSet: { selections } }: OperationDefinitionNode): boolean {
  const names = selections.map((s) => (s.kind === Kind.FIELD ? s.name.value : ''))
  return /^__(?:schema|type)$/.test(names[0] ?? '') && names.every((name) => name.startsWith('__'))
}

/** Without names for who may not look at the schema. */
function ownWords(e: GraphQLError, mayIntrospect: boolean): GraphQLError {
  const { nodes, source, positions, path, originalError } = e
  const message = mayIntrospect ? e.message : e.message.replace(/ Did you mean [^?]*\?/g, '')
  return new GraphQLError(message, {
    nodes,
    source,
    positions,
    path,
    originalError: originalError ?? null,
    extensions: e.extensions,
  })
}

/** What grafserv refuses by itself, such as a body that is too large, has a status and no code. */
function inOurWords(result: Extract<Result, { type: 'buffer' }>): Result {
  const { errors } = JSON.parse(result.buffer.toString()) as { errors?: { message: string; extensions?: { code?: string } }[] }
  const [first] = errors ?? []
  if (!first || first.extensions?.code) return result
  return json(errorBody(new SafeError(first.message, { statusCode: result.statusCode })))
}

function json({ status, body }: { status: number; body: object }): Result {
  const buffer = Buffer.from(JSON.stringify(body))
  const headers: Record<string, string> = {
    'content-type': 'application/graphql-response+json; charset=utf-8',
    'content-length': String(buffer.length),
  }
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="tmiDB"'
  // What is left of a body that is too large is not read.
  if (status === 413) headers.connection = 'close'
  return { type: 'buffer', statusCode: status, headers, buffer }
}
