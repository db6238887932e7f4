// SPDX-License-Identifier: MIT
// What one document may ask for. Everything here is refused before it runs, with a 4xx and the reason.
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  Source,
  specifiedRules,
  type ValidationRule,
  validate,
  visit,
} from 'postgraphile/graphql'

export const limits = {
  page: 1000,
  defaultPage: 50,
  offset: 100_000,
  depth: 10,
  introspectionDepth: 20,
  aliases: 15,
  calls: 10,
  tokens: 1000,
  documents: 500,
} as const

export type Checked = { document: DocumentNode; errors?: never } | { errors: readonly GraphQLError[]; document?: never }

/** Parses and validates; answers are kept by document, as clients send the same few over and over. */
export function documentChecker(schema: GraphQLSchema): (query: string) => Checked {
  const known = new Map<string, Checked>()
  return (query) => {
    const before = known.get(query)
    if (before) {
      known.delete(query)
      known.set(query, before)
      return before
    }
    const answer = check(schema, query)
    known.set(query, answer)
    if (known.size > limits.documents)
      for (const oldest of known.keys()) {
        known.delete(oldest)
        break
      }
    return answer
  }
}

function check(schema: GraphQLSchema, query: string): Checked {
  let document: DocumentNode
  try {
    document = parse(new Source(query, 'GraphQL request'), { maxTokens: limits.tokens })
  } catch (e) {
    return { errors: [e as GraphQLError] }
  }
  // Ours first and alone: the standard rules take long on exactly the documents that these refuse.
  const ours = validate(schema, document, [sizeRule])
  const errors = ours.length > 0 ? ours : validate(schema, document, specifiedRules)
  return errors.length > 0 ? { errors } : { document }
}

interface Size {
  depth: number
  aliases: number
}

/** Depth and aliases with fragments counted as often as they are spread. */
export const sizeRule: ValidationRule = (context) => {
  const fragments = new Map<string, Size>()
  const none: Size = { depth: 0, aliases: 0 }

  function ofFragment(name: string): Size {
    const before = fragments.get(name)
    if (before) return before
    fragments.set(name, none) // a cycle is refused by the standard rules; here it only has to end
    const size = of(context.getFragment(name)?.selectionSet)
    fragments.set(name, size)
    return size
  }

  function of(set: SelectionSetNode | undefined): Size {
    let depth = 0
    let aliases = 0
    for (const s of set?.selections ?? []) {
      const inner = s.kind === Kind.FRAGMENT_SPREAD ? ofFragment(s.name.value) : of(s.selectionSet)
      aliases += inner.aliases + (s.kind === Kind.FIELD && s.alias ? 1 : 0)
      // Introspection nests deeper than data ever does, and reads nothing but the schema.
      const free = s.kind === Kind.FIELD && s.name.value.startsWith('__')
      const here =
        s.kind !== Kind.FIELD
          ? inner.depth
          : free
            ? Math.max(1, inner.depth + 1 - (limits.introspectionDepth - limits.depth))
            : inner.depth + 1
      depth = Math.max(depth, here)
    }
    return { depth, aliases }
  }

  /** Functions called, each of which may take its seconds. */
  const queries = context.getSchema().getQueryType()?.getFields() ?? {}
  const callsOf = new Map<string, number>()
  function calls(set: SelectionSetNode | undefined): number {
    return (set?.selections ?? []).reduce((n, s) => {
      if (s.kind === Kind.FIELD) return n + (queries[s.name.value]?.extensions.tmidbCall ? 1 : 0)
      if (s.kind === Kind.INLINE_FRAGMENT) return n + calls(s.selectionSet)
      const { value } = s.name
      if (!callsOf.has(value)) {
        callsOf.set(value, 0)
        callsOf.set(value, calls(context.getFragment(value)?.selectionSet))
      }
      return n + (callsOf.get(value) ?? 0)
    }, 0)
  }

  return {
    OperationDefinition(operation: OperationDefinitionNode) {
      const { depth, aliases } = of(operation.selectionSet)
      if (depth > limits.depth)
        context.reportError(refusal(`This is nested ${depth} levels deep; at most ${limits.depth} are answered.`))
      if (aliases > limits.aliases)
        context.reportError(refusal(`There are ${aliases} aliases; at most ${limits.aliases} are answered.`))
      const called = operation.operation === 'query' ? calls(operation.selectionSet) : 0
      if (called > limits.calls)
        context.reportError(refusal(`There are ${called} calls of functions; at most ${limits.calls} are answered.`))
      return false
    },
  }
}

export function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'TM303', statusCode: 400 } })
}

const pageArguments = new Set(['first', 'last', 'offset'])

/** Why this page size cannot be had, or null. */
export function pageProblem(argument: string, value: unknown): string | null {
  if (value === null || value === undefined) return null
  const most = argument === 'offset' ? limits.offset : limits.page
  if (typeof value !== 'number' || value < 0) return `"${argument}" must be 0 or more.`
  return value > most ? `"${argument}" may be at most ${most}; ask for the next page with "after".` : null
}

interface PageArgument {
  argument: string
  variable?: string
  value?: number
}
const pages = new WeakMap<DocumentNode, PageArgument[]>()

/** The page sizes a document asks for, of its text and of its variables. */
export function pageProblems(
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>> | null | undefined,
): GraphQLError[] {
  let asked = pages.get(document)
  if (!asked) {
    const found: PageArgument[] = []
    visit(document, {
      Argument({ name, value }) {
        if (!pageArguments.has(name.value)) return
        if (value.kind === Kind.INT) found.push({ argument: name.value, value: Number(value.value) })
        if (value.kind === Kind.VARIABLE) found.push({ argument: name.value, variable: value.name.value })
      },
    })
    pages.set(document, (asked = found))
  }
  return asked
    .map((a) => pageProblem(a.argument, a.variable === undefined ? a.value : variables?.[a.variable]))
    .filter((p) => p !== null)
    .map(refusal)
}
