// SPDX-License-Identifier: MIT
// How large a document is, before anything else looks at it. Fragments are counted as often as they are spread, since that is what is
// planned and run; each is looked at once, so that this takes no longer than reading the document.
import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'postgraphile/graphql'
import { limits } from './limits.ts'

interface Size {
  depth: number
  aliases: number
  fields: number
  /** Lists of types within lists of types, which is where introspection explodes. */
  typeLists: number
  /** How often one field has to be merged with itself, through all levels. */
  repeats: number
}

const nothing: Size = { depth: 0, aliases: 0, fields: 0, typeLists: 0, repeats: 1 }
const typeLists = new Set(['fields', 'inputFields', 'interfaces', 'possibleTypes'])

/** Why a document is refused, or what it is. */
export function sizeProblem(
  document: DocumentNode,
  schema: GraphQLSchema,
  /** Whether a field of Query is there for the caller. */
  isThere: (name: string) => boolean = () => true,
): string | { introspects: boolean } {
  const operations: OperationDefinitionNode[] = []
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const d of document.definitions) {
    if (d.kind === Kind.OPERATION_DEFINITION) operations.push(d)
    else if (d.kind === Kind.FRAGMENT_DEFINITION) fragments.set(d.name.value, d)
    else return 'A request holds operations and fragments, no definitions of types.'
  }
  if (operations.length > limits.operations) return tooMany(operations.length, 'operations', limits.operations)
  if (document.definitions.length - operations.length > limits.fragments) {
    return tooMany(document.definitions.length - operations.length, 'fragments', limits.fragments)
  }

  let directives = 0
  let introspects = false
  let problem: string | null = null
  const refuse = (words: string): void => {
    problem ??= words
  }
  const look = (on: readonly DirectiveNode[] | undefined): void => {
    directives += on?.length ?? 0
    for (const d of on ?? []) for (const a of d.arguments ?? []) value(a.value, 1)
  }
  const value = (node: ValueNode, depth: number): void => {
    if (depth > limits.valueDepth) refuse(`A value is nested deeper than ${limits.valueDepth} levels.`)
    else if (node.kind === Kind.LIST) for (const v of node.values) value(v, depth + 1)
    else if (node.kind === Kind.OBJECT) for (const f of node.fields) value(f.value, depth + 1)
  }

  const known = new Map<string, Size>()
  const ofFragment = (name: string): Size => {
    const before = known.get(name)
    if (before) return before
    known.set(name, nothing) // a cycle is refused by the standard rules; here it only has to end
    const found = fragments.get(name)
    look(found?.directives)
    const size = of(found?.selectionSet)
    known.set(name, size)
    return size
  }
  const ofField = (field: FieldNode): Size => {
    const inner = of(field.selectionSet)
    const name = field.name.value
    for (const a of field.arguments ?? []) value(a.value, 1)
    let depth = inner.depth + 1
    if (name === '__schema' || name === '__type') {
      introspects = true
      if (inner.aliases > 0 || (name === '__schema' && field.alias)) refuse('Introspection is answered without aliases.')
      // Introspection nests deeper than data ever does, and reads nothing but the schema.
      depth = Math.max(1, depth - (limits.introspectionDepth - limits.depth))
      if (depth <= limits.depth && inner.typeLists > 1)
        refuse('Introspection is answered for the fields of types, not for theirs again.')
    }
    return {
      depth,
      aliases: inner.aliases + (field.alias ? 1 : 0),
      fields: inner.fields + 1,
      typeLists: inner.typeLists + (typeLists.has(name) ? 1 : 0),
      repeats: inner.repeats,
    }
  }
  const of = (set: SelectionSetNode | undefined): Size => {
    const sum = { ...nothing }
    const names = new Map<string, { n: number; repeats: number }>()
    for (const s of set?.selections ?? []) {
      look(s.directives)
      const one =
        s.kind === Kind.FIELD ? ofField(s) : s.kind === Kind.FRAGMENT_SPREAD ? ofFragment(s.name.value) : of(s.selectionSet)
      sum.depth = Math.max(sum.depth, one.depth)
      sum.typeLists = Math.max(sum.typeLists, one.typeLists)
      sum.aliases += one.aliases
      sum.fields += one.fields
      const name =
        s.kind === Kind.FIELD ? (s.alias ?? s.name).value : s.kind === Kind.FRAGMENT_SPREAD ? `...${s.name.value}` : '...'
      const { n, repeats } = names.get(name) ?? { n: 0, repeats: 1 }
      const now = { n: n + 1, repeats: Math.max(repeats, one.repeats) }
      names.set(name, now)
      sum.repeats = Math.max(sum.repeats, now.n * now.repeats)
      if (sum.repeats > limits.repeats) refuse(`${name.slice(0, 60)} is repeated more than ${limits.repeats} times.`)
    }
    return sum
  }

  /** Root fields, and those of them that call functions, each of which may take its seconds. */
  const queries = schema.getQueryType()?.getFields() ?? {}
  const knownRoots = new Map<string, { fields: number; calls: number }>()
  const roots = (set: SelectionSetNode | undefined): { fields: number; calls: number } => {
    const sum = { fields: 0, calls: 0 }
    for (const s of set?.selections ?? []) {
      let one = { fields: 1, calls: 0 }
      if (s.kind === Kind.FIELD) one.calls = queries[s.name.value]?.extensions.tmidbCall && isThere(s.name.value) ? 1 : 0
      else if (s.kind === Kind.INLINE_FRAGMENT) one = roots(s.selectionSet)
      else {
        const name = s.name.value
        if (!knownRoots.has(name)) {
          knownRoots.set(name, { fields: 0, calls: 0 })
          knownRoots.set(name, roots(fragments.get(name)?.selectionSet))
        }
        one = knownRoots.get(name) ?? one
      }
      sum.fields += one.fields
      sum.calls += one.calls
    }
    return sum
  }

  for (const name of fragments.keys()) ofFragment(name)
  for (const operation of operations) {
    look(operation.directives)
    for (const v of operation.variableDefinitions ?? []) {
      look(v.directives)
      if (v.defaultValue) value(v.defaultValue, 1)
    }
    const { depth, aliases, fields } = of(operation.selectionSet)
    if (depth > limits.depth) refuse(`This is nested ${depth} levels deep; at most ${limits.depth} are answered.`)
    if (aliases > limits.aliases) refuse(tooMany(aliases, 'aliases', limits.aliases))
    if (fields > limits.fields) refuse(tooMany(fields, 'fields, with those of fragments', limits.fields))
    const root = roots(operation.selectionSet)
    if (operation.operation === 'query' && root.calls > limits.calls) {
      refuse(tooMany(root.calls, 'calls of functions', limits.calls))
    }
    const data = root.fields - aliasesOfTypename(operation)
    if (data > limits.rootFields) refuse(tooMany(data, 'fields at the top', limits.rootFields))
  }
  if (directives > limits.directives) refuse(tooMany(directives, 'directives', limits.directives))
  return problem ?? { introspects }
}

/** __typename costs nothing. */
function aliasesOfTypename({ selectionSet }: OperationDefinitionNode): number {
  return selectionSet.selections.filter((s) => s.kind === Kind.FIELD && s.name.value === '__typename').length
}

function tooMany(n: number, of: string, most: number): string {
  return `There are ${n} ${of}; at most ${most} are answered.`
}
