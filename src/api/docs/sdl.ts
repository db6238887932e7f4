// SPDX-License-Identifier: MIT
// The GraphQL schema as one caller may know it: what stands for a hidden relation, field or function is taken out of the text, and with
// it all that nothing leads to any more.
import {
  type ASTNode,
  type DocumentNode,
  type GraphQLSchema,
  isInputObjectType,
  isObjectType,
  Kind,
  type NamedTypeNode,
  parse,
  print,
  printSchema,
  type TypeDefinitionNode,
  visit,
} from 'postgraphile/graphql'
import { enumName, orderName } from '../graphql/naming.ts'
import type { Catalog } from '../rest/catalog.ts'
import { allSeen, type Seen, type SeenRelation } from './seen.ts'

const whole = new WeakMap<GraphQLSchema, { text: string; document: DocumentNode }>()

/** Everything, for who sees everything. */
function read(schema: GraphQLSchema) {
  let known = whole.get(schema)
  if (!known) {
    const text = printSchema(schema)
    whole.set(schema, (known = { text, document: parse(text, { noLocation: true }) }))
  }
  return known
}

export function visibleSdl(schema: GraphQLSchema, catalog: Catalog, seen: Seen): string {
  const { text, document } = read(schema)
  if (seen.role === 'tmidb_admin') return text
  // Who may only send readings finds nothing of them here.
  const here = allSeen(seen).filter((s) => s.relation.category === null || s.verbs.has('select'))
  const visible = new Map(here.map((s) => [`${s.relation.schema}.${s.relation.name}`, s]))
  const { bases, columns } = relationsByType(schema)
  const longestFirst = [...bases.keys()].sort((a, b) => b.length - a.length)
  /** The relation that a generated type belongs to, by its name: SiteVisitConnection is of SiteVisit, not of Site. */
  const baseOf = (type: string): string | undefined =>
    longestFirst.find((base) => new RegExp(`(^|[a-z])${base}(?![a-z0-9])`).test(type))
  const seenOf = (type: string): SeenRelation | null | undefined => {
    const base = baseOf(type)
    return base === undefined ? undefined : (visible.get(bases.get(base) ?? '') ?? null)
  }
  const callable = new Set(catalog.everyFunction.filter((f) => f.roles.has(seen.role)).map((f) => `${f.schema}.${f.name}`))
  const hiddenFields = new Map([...visible.values()].map((s) => [s, hiddenNames(s, columns)]))
  const verbOf = (field: string) =>
    field.startsWith('create') ? 'insert' : field.startsWith('update') ? 'update' : field.startsWith('delete') ? 'delete' : null
  const isHidden = (type: string, field: { name: { value: string } } & ASTNode): boolean => {
    const name = field.name.value
    const { tmidbFunction, tmidbThrough } = extensionsOf(schema, type, name)
    if (tmidbFunction !== undefined && !callable.has(tmidbFunction)) return true
    if (tmidbThrough !== undefined && !visible.has(tmidbThrough)) return true
    const named = typesIn(field).map(seenOf)
    if (named.includes(null)) return true
    const own = seenOf(type)
    if (own && hiddenFields.get(own)?.(name)) return true
    // One row, or the change of one, by a key that is not seen.
    const by = /By([A-Z].*)$/.exec(name)?.[1]
    const isRoot = type === 'Query' || type === 'Mutation'
    if (isRoot && by && named.some((s) => s && hiddenFields.get(s)?.(lowerFirst(by)))) return true
    if (type !== 'Mutation') return false
    const verb = verbOf(name)
    return verb !== null && named.some((s) => s && !s.verbs.has(verb))
  }
  const open = visit(document, {
    ObjectTypeDefinition: (d) => ({ ...d, fields: d.fields?.filter((f) => !isHidden(d.name.value, f)) ?? [] }),
    InterfaceTypeDefinition: (d) => ({ ...d, fields: d.fields?.filter((f) => !isHidden(d.name.value, f)) ?? [] }),
    InputObjectTypeDefinition: (d) => ({ ...d, fields: d.fields?.filter((f) => !isHidden(d.name.value, f)) ?? [] }),
    EnumTypeDefinition(d) {
      const own = seenOf(d.name.value)
      const gone = own && hiddenFields.get(own)
      return gone ? { ...d, values: d.values?.filter((v) => !gone(v.name.value)) ?? [] } : d
    },
  })
  return print(reachable(open))
}

interface Extensions {
  tmidbRelation?: string
  tmidbColumns?: Record<string, string>
  tmidbFunction?: string
  tmidbThrough?: string
}

function extensionsOf(schema: GraphQLSchema, type: string, field: string): Extensions {
  const found = schema.getType(type)
  return ((isObjectType(found) || isInputObjectType(found)) && (found.getFields()[field]?.extensions as Extensions)) || {}
}

/** Base type of each relation, and how its columns are called there, by the extensions that the build leaves on it. */
function relationsByType(schema: GraphQLSchema): { bases: Map<string, string>; columns: Map<string, Record<string, string>> } {
  const bases = new Map<string, string>()
  const columns = new Map<string, Record<string, string>>()
  for (const type of Object.values(schema.getTypeMap())) {
    const { tmidbRelation, tmidbColumns } = type.extensions as Extensions
    if (!isObjectType(type) || tmidbRelation === undefined) continue
    bases.set(type.name, tmidbRelation)
    columns.set(tmidbRelation, tmidbColumns ?? {})
  }
  return { bases, columns }
}

/** Whether a field, or a value to sort or group by, stands for a column that is not seen. */
function hiddenNames(
  { relation, columns }: SeenRelation,
  called: ReadonlyMap<string, Record<string, string>>,
): (name: string) => boolean {
  const shown = new Set(columns.map((c) => c.name))
  const names = called.get(`${relation.schema}.${relation.name}`) ?? {}
  const gone = [...relation.columns.keys()].flatMap((c) => (shown.has(c) ? [] : (names[c] ?? [])))
  const all = new Set(gone.flatMap((name) => [name, enumName(name), orderName(name, 'asc'), orderName(name, 'desc')]))
  return (name) => all.has(name) || all.has(name.replace(/_\d+(?:MIN|H|D)$/, ''))
}

function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1)
}

function typesIn(node: ASTNode): string[] {
  const found: string[] = []
  visit(node, { NamedType: (n: NamedTypeNode) => void found.push(n.name.value) })
  return found
}

/** Only the types that a root leads to, and no root without fields. */
function reachable(document: DocumentNode): DocumentNode {
  const types = new Map<string, TypeDefinitionNode>()
  for (const d of document.definitions)
    if ('name' in d && d.kind.endsWith('TypeDefinition')) types.set(d.name?.value ?? '', d as TypeDefinitionNode)
  const reached = new Set<string>()
  const walk = (name: string): void => {
    const type = types.get(name)
    if (!type || reached.has(name)) return
    reached.add(name)
    for (const next of typesIn(type)) walk(next)
  }
  for (const root of ['Query', 'Mutation', 'Subscription']) {
    const type = types.get(root)
    if (type?.kind === Kind.OBJECT_TYPE_DEFINITION && (type.fields?.length ?? 0) > 0) walk(root)
  }
  return {
    ...document,
    definitions: document.definitions
      .filter((d) => !d.kind.endsWith('TypeDefinition') || reached.has((d as TypeDefinitionNode).name.value))
      .map((d) =>
        d.kind === Kind.SCHEMA_DEFINITION
          ? { ...d, operationTypes: d.operationTypes.filter((t) => reached.has(t.type.name.value)) }
          : d,
      ),
  }
}
