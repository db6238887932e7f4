// SPDX-License-Identifier: MIT
// What an operation may come to with these variables: rows are the product of the pages within pages, the sum of those beside each
// other, whatever the tables hold. A document is walked once; with each request only its page sizes are looked at again.
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLError,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'postgraphile/graphql'
import { limits, refusal } from './limits.ts'

type Variables = Readonly<Record<string, unknown>> | null | undefined
type Read = (variables: Variables) => unknown

interface Page {
  name: string
  /** Rows unless told; null for a field that is no page. */
  unlessTold: number | null
  first: Read
  last: Read
  offset: Read
  orderBy: Read
  /** Counts and aggregates of the whole list: they read rows that no page shows. */
  counts: number
  /** Whether rows of the page are asked for, not only their count. */
  rows: boolean
  inner: readonly Page[]
}

const counting = new Set(['totalCount', 'aggregates', 'groupedAggregates'])

const compiled = new WeakMap<GraphQLSchema, WeakMap<OperationDefinitionNode, readonly Page[]>>()

/** Why this operation is not run with these variables. */
export function costProblems(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Variables,
): GraphQLError[] {
  const tooLarge = valuesProblem(variables)
  if (tooLarge !== null) return [refusal(tooLarge)]
  const operation = document.definitions.find(
    (d): d is OperationDefinitionNode =>
      d.kind === Kind.OPERATION_DEFINITION && (operationName == null || d.name?.value === operationName),
  )
  // Which one is meant is not for us to say.
  if (!operation) return []
  let known = compiled.get(schema)
  if (!known) compiled.set(schema, (known = new WeakMap()))
  let pages = known.get(operation)
  if (!pages) known.set(operation, (pages = compile(schema, document, operation)))

  const problems: GraphQLError[] = []
  let widest = { rows: 0, way: '' }
  const rows = (list: readonly Page[], times: number, way: string): number => {
    let sum = 0
    for (const page of list) {
      let n = 1
      let here = way
      if (page.unlessTold !== null) {
        const [first, last, offset, orders] = [
          page.first(variables),
          page.last(variables),
          page.offset(variables),
          page.orderBy(variables),
        ]
        for (const [argument, asked] of [
          ['first', first],
          ['last', last],
          ['offset', offset],
        ] as const) {
          const problem = pageProblem(argument, asked)
          if (problem) problems.push(refusal(problem.message, problem.code))
        }
        if (Array.isArray(orders) && orders.length > limits.orderBy)
          problems.push(refusal(`"orderBy" has ${orders.length} members; at most ${limits.orderBy} are followed.`))
        n = typeof first === 'number' ? first : typeof last === 'number' ? last : page.unlessTold
        here = `${way}${way === '' ? '' : ' × '}${n} ${page.name}`
        if (n * times > widest.rows) widest = { rows: n * times, way: here }
        sum += ((page.rows ? n : 0) + page.counts * limits.count) * times
      }
      sum += rows(page.inner, n * times, here)
    }
    return sum
  }
  const total = rows(pages, 1, '')
  if (problems.length > 0) return problems.slice(0, 5)
  if (total > limits.rows) {
    const example = widest.way.includes('×') ? widest.way : null
    return [
      refusal(
        `This asks for up to ${total.toLocaleString('en')} rows${example ? ` (${example})` : ''}; at most ${limits.rows.toLocaleString('en')} are answered at once.`,
      ),
    ]
  }
  return []
}

/** Why this page size cannot be had, or null. */
export function pageProblem(argument: string, value: unknown): { message: string; code: 'TM303' | 'TM308' } | null {
  if (value === null || value === undefined) return null
  const most = argument === 'offset' ? limits.offset : limits.page
  if (typeof value !== 'number' || value < 0) return { message: `"${argument}" must be 0 or more.`, code: 'TM303' }
  if (value <= most) return null
  return { message: `"${argument}" may be at most ${most}; ask for the next page with "after".`, code: 'TM308' }
}

/** Variables are JSON of any depth; what reads them later goes down by recursion. */
function valuesProblem(variables: Variables): string | null {
  let n = 0
  const walk = (value: unknown, depth: number): string | null => {
    if (++n > limits.values) return `The variables hold more than ${limits.values} values.`
    if (typeof value !== 'object' || value === null) return null
    if (depth > limits.valueDepth) return `A value is nested deeper than ${limits.valueDepth} levels.`
    const inner = Array.isArray(value) ? value : Object.values(value)
    if (inner.length > limits.list) return `A list has ${inner.length} members; at most ${limits.list} are read.`
    for (const v of inner) {
      const problem = walk(v, depth + 1)
      if (problem !== null) return problem
    }
    return null
  }
  for (const value of Object.values(variables ?? {})) {
    const problem = walk(value, 1)
    if (problem !== null) return problem
  }
  return null
}

/** Fields of the same answer are one, as they are when they run. The size of the document was checked before. */
function compile(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): readonly Page[] {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const d of document.definitions) if (d.kind === Kind.FRAGMENT_DEFINITION) fragments.set(d.name.value, d)
  const defaults = new Map(operation.variableDefinitions?.map((v) => [v.variable.name.value, v.defaultValue]))

  const read = (value: ValueNode | undefined): Read => {
    if (!value) return () => undefined
    if (value.kind === Kind.VARIABLE) {
      const name = value.name.value
      const otherwise = read(defaults.get(name))
      return (variables) => (variables && Object.hasOwn(variables, name) ? variables[name] : otherwise(variables))
    }
    const fixed = value.kind === Kind.INT ? Number(value.value) : value.kind === Kind.LIST ? value.values : undefined
    return () => fixed
  }

  type Group = { type: GraphQLCompositeType; field: FieldNode; sets: SelectionSetNode[] }
  const pagesOf = (type: GraphQLCompositeType, sets: readonly SelectionSetNode[]): Page[] => {
    const groups = new Map<string, Group>()
    const spread = new Set<string>()
    const collect = (at: GraphQLCompositeType, set: SelectionSetNode): void => {
      for (const s of set.selections) {
        if (s.kind === Kind.FIELD) {
          if (!s.selectionSet) continue
          const key = `${at.name}.${s.alias?.value ?? s.name.value}`
          const group = groups.get(key)
          if (group) group.sets.push(s.selectionSet)
          else groups.set(key, { type: at, field: s, sets: [s.selectionSet] })
          continue
        }
        const found = s.kind === Kind.FRAGMENT_SPREAD ? fragments.get(s.name.value) : s
        if (!found || (s.kind === Kind.FRAGMENT_SPREAD && spread.has(s.name.value))) continue
        if (s.kind === Kind.FRAGMENT_SPREAD) spread.add(s.name.value)
        const condition = found.typeCondition && schema.getType(found.typeCondition.name.value)
        collect(isCompositeType(condition) ? condition : at, found.selectionSet)
      }
    }
    for (const set of sets) collect(type, set)
    return [...groups.values()].flatMap((g) => pageOf(g))
  }
  /** How often the whole list is counted, and whether anything of its page is wanted. */
  const wanted = (
    sets: readonly SelectionSetNode[],
    found = { counts: new Set<string>(), rows: false },
    spread = new Set<string>(),
  ) => {
    for (const s of sets.flatMap((set) => set.selections)) {
      if (s.kind === Kind.FIELD) {
        if (counting.has(s.name.value)) found.counts.add((s.alias ?? s.name).value)
        else if (s.name.value !== '__typename') found.rows = true
      } else if (s.kind === Kind.INLINE_FRAGMENT) wanted([s.selectionSet], found, spread)
      else if (!spread.has(s.name.value)) {
        spread.add(s.name.value)
        const fragment = fragments.get(s.name.value)
        if (fragment) wanted([fragment.selectionSet], found, spread)
      }
    }
    return found
  }
  const pageOf = ({ type, field, sets }: Group): Page[] => {
    const known = isObjectType(type) || isInterfaceType(type) ? type.getFields()[field.name.value] : undefined
    const named = known && getNamedType(known.type)
    // Only data is counted: introspection has limits of its own.
    if (!known || !isCompositeType(named)) return []
    const inner = pagesOf(named, sets)
    const said = known.extensions.tmidbPage
    const isPage = typeof said === 'number' || known.args.some((a) => a.name === 'first')
    if (!isPage && inner.length === 0) return []
    const { counts, rows } = wanted(sets)
    const argument = (name: string): Read => read(field.arguments?.find((a) => a.name.value === name)?.value)
    return [
      {
        name: field.name.value,
        unlessTold: isPage ? (typeof said === 'number' ? said : limits.defaultPage) : null,
        first: argument('first'),
        last: argument('last'),
        offset: argument('offset'),
        orderBy: argument('orderBy'),
        counts: counts.size,
        rows,
        inner,
      },
    ]
  }
  const root = schema.getRootType(operation.operation)
  return root ? pagesOf(root, [operation.selectionSet]) : []
}
