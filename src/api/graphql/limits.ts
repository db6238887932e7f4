// SPDX-License-Identifier: MIT
// What one request may ask for, and whether a document stays within it. Everything here is refused before it runs, with a 4xx and the
// reason; what depends on variables is in cost.ts. The figures' reasons are in docs/decisions/0027-limits.md.
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  Kind,
  type ObjectFieldNode,
  parse,
  Source,
  specifiedRules,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'postgraphile/graphql'
import { sizeProblem } from './size.ts'
import type { View } from './visible.ts'

export const limits = {
  /** Bytes of a request, by HTTP and as a message of a socket. */
  request: 100_000,
  tokens: 1000,
  page: 1000,
  defaultPage: 50,
  offset: 100_000,
  /** Rows of all pages together: a page within a page is multiplied. */
  rows: 10_000,
  /** What a count or an aggregate is taken for. */
  count: 100,
  depth: 10,
  introspectionDepth: 20,
  aliases: 15,
  /** Fields with those of a fragment counted wherever it is spread. */
  fields: 1000,
  rootFields: 20,
  /** How often one field may stand in one pair of braces: merging them is quadratic. */
  repeats: 10,
  calls: 10,
  operations: 10,
  fragments: 50,
  directives: 50,
  /** Levels of one value: some ten of and/or in a filter. */
  valueDepth: 24,
  /** Elements of one list, and values in all variables. */
  list: 1000,
  values: 2000,
  orderBy: 16,
  /** Documents remembered with the verdict, and the longest of them. */
  documents: 500,
  /** Of those that are refused to one who does not see everything. */
  refused: 100,
  longestKept: 20_000,
} as const

export interface Checked {
  document?: DocumentNode
  errors?: readonly GraphQLError[]
  /** Whether it asks for more of the schema than __typename. */
  introspects?: boolean
  /** Functions that not everybody may call, each with the roles that may. */
  calls?: ReadonlyMap<string, readonly string[]>
}

/**
 * Parses and validates; answers are kept by document, as clients send the same few over and over. Who may not look at the schema is not
 * told similar names either.
 */
export interface DocumentChecker {
  (query: string, hideSuggestions: boolean): Checked
  /** The same for who may not know all of the schema. */
  as(view: View, query: string, hideSuggestions: boolean): Checked
  /**
   * Resolves when this document's turn has come: at once if it is known. New ones are looked at one a turn of the event loop, so that
   * who sends nothing but new ones does not hold up those who do not.
   */
  turn(query: unknown, hideSuggestions: boolean): Promise<void>
}

export function documentChecker(schema: GraphQLSchema): DocumentChecker {
  const known = [new Map<string, Checked>(), new Map<string, Checked>()] as const
  const look = (query: string, hideSuggestions: boolean): Checked => {
    const mine = known[hideSuggestions ? 0 : 1]
    const before = mine.get(query)
    if (before) {
      mine.delete(query)
      mine.set(query, before)
      return before
    }
    const answer = check(schema, query, hideSuggestions)
    if (query.length > limits.longestKept) return answer
    mine.set(query, answer)
    if (mine.size > limits.documents)
      for (const oldest of mine.keys()) {
        mine.delete(oldest)
        break
      }
    return answer
  }
  /** What is refused to one view; what is taken is taken for all. */
  const refused = new WeakMap<View, Map<string, Checked>>()
  let last: Promise<void> = Promise.resolve()
  return Object.assign(look, {
    as(view: View, query: string, hideSuggestions: boolean) {
      const checked = look(query, hideSuggestions)
      if (checked.document && !view.names(checked.document)) return checked
      let mine = refused.get(view)
      if (!mine) refused.set(view, (mine = new Map()))
      const key = `${hideSuggestions} ${query}`
      const before = mine.get(key)
      if (before) return before
      const answer = checkAs(schema, view, query, hideSuggestions, checked)
      if (mine.size >= limits.refused) mine.clear()
      if (query.length <= limits.longestKept) mine.set(key, answer)
      return answer
    },
    async turn(query: unknown, hideSuggestions: boolean) {
      if (typeof query !== 'string' || known[hideSuggestions ? 0 : 1].has(query)) return
      const mine = last.then(() => new Promise<void>((resolve) => void setImmediate(resolve)))
      last = mine
      await mine
    },
  })
}

/** A document that names something hidden, or is wrong anyway, judged by the schema as the caller may know it. */
function checkAs(schema: GraphQLSchema, view: View, query: string, hideSuggestions: boolean, whole: Checked): Checked {
  const document = whole.document ?? parsed(query).document
  if (!document) return whole
  const { lens } = view
  const size = sizeProblem(document, schema, (name) => !lens.hides('Query', name))
  if (typeof size === 'string') return { errors: [refusal(size)] }
  const visible = lens.schema()
  const words = operationProblem(document, visible)
  if (words) return { errors: [refusal(words, 'TM303')], introspects: size.introspects }
  const errors = validate(visible, document, specifiedRules, { maxErrors: 5, hideSuggestions })
  if (errors.length > 0) return { errors: errors.map(inOurWords), introspects: size.introspects }
  return whole.errors ? whole : { errors: [refusal('This is not answered.', 'TM303')] }
}

function parsed(query: string): Checked {
  try {
    return { document: parse(new Source(query, 'GraphQL request'), { maxTokens: limits.tokens }) }
  } catch (e) {
    const { message, source, positions } = e as GraphQLError
    const isLong = message.includes('tokens')
    return {
      errors: [
        isLong
          ? refusal(`The document has more than ${limits.tokens} tokens.`)
          : new GraphQLError(message, { source, positions, extensions: { code: 'TM303' } }),
      ],
    }
  }
}

/** Kinds of operations that there are not: graphql-js would look at none of their fields. */
export function operationProblem(document: DocumentNode, schema: GraphQLSchema): string | null {
  const kinds = document.definitions.flatMap((d) => (d.kind === Kind.OPERATION_DEFINITION ? [d.operation] : []))
  if (kinds.some((k) => k === 'mutation') && !schema.getMutationType())
    return 'There are no mutations here: readings come in at /api/in.'
  if (kinds.some((k) => k === 'subscription') && !schema.getSubscriptionType()) return 'There is nothing to subscribe to yet.'
  return kinds.some((k) => k === 'query') && !schema.getQueryType() ? 'There is nothing to ask for yet.' : null
}

function inOurWords({ message, nodes }: GraphQLError): GraphQLError {
  return new GraphQLError(message, { nodes: nodes ?? null, extensions: { code: 'TM303' } })
}

function check(schema: GraphQLSchema, query: string, hideSuggestions: boolean): Checked {
  const { document, errors: unread } = parsed(query)
  if (!document) return { errors: unread ?? [] }
  // Ours first and alone: the standard rules take long on exactly the documents that these refuse.
  const size = sizeProblem(document, schema)
  if (typeof size === 'string') return { errors: [refusal(size)] }
  // Each complaint is looked up against all names of the schema, so a few of them are enough.
  const errors = validate(schema, document, specifiedRules, { maxErrors: 5, hideSuggestions })
  if (errors.length === 0) return { document, introspects: size.introspects, calls: callsOf(schema, document) }
  return { errors: errors.map(inOurWords), introspects: size.introspects }
}

/** See functions.ts. */
function callsOf(schema: GraphQLSchema, document: DocumentNode): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  const types = new TypeInfo(schema)
  const note = (field: { extensions: object } | undefined) => {
    const { tmidbFunction, tmidbRoles } = (field?.extensions ?? {}) as { tmidbFunction?: string; tmidbRoles?: string[] }
    if (tmidbFunction !== undefined && tmidbRoles !== undefined) found.set(tmidbFunction, tmidbRoles)
  }
  const Field = () => note(types.getFieldDef() ?? undefined)
  const ObjectField = (node: ObjectFieldNode) => {
    const type = getNamedType(types.getParentInputType())
    if (isInputObjectType(type)) note(type.getFields()[node.name.value])
  }
  visit(document, visitWithTypeInfo(types, { Field, ObjectField }))
  return found
}

export function refusal(message: string, code = 'TM308', statusCode = 400): GraphQLError {
  return new GraphQLError(message, { extensions: { code, statusCode } })
}
