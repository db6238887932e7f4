// SPDX-License-Identifier: MIT
// The GraphQL schema as one caller may know it: what stands for a hidden relation, field or function is taken out of the text, and with
// it all that nothing leads to any more.
import {
  type ASTNode,
  type DocumentNode,
  type GraphQLSchema,
  isObjectType,
  Kind,
  type NamedTypeNode,
  parse,
  print,
  printSchema,
  type TypeDefinitionNode,
  visit,
} from 'postgraphile/graphql'
import { orderName } from '../graphql/naming.ts'
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
  const visible = new Map(allSeen(seen).map((s) => [`${s.relation.schema}.${s.relation.name}`, s]))
  const bases = relationsByType(schema)
  const longestFirst = [...bases.keys()].sort((a, b) => b.length - a.length)
  /** The relation that a generated type belongs to, by its name: SiteVisitConnection is of SiteVisit, not of Site. */
  const baseOf = (type: string): string | undefined =>
    longestFirst.find((base) => new RegExp(`(^|[a-z])${base}(?![a-z0-9])`).test(type))
  const seenOf = (type: string): SeenRelation | null | undefined => {
    const base = baseOf(type)
    return base === undefined ? undefined : (visible.get(bases.get(base) ?? '') ?? null)
  }
  const functions = new Set(
    [...catalog.functions.values()]
      .filter((f) => !f.roles.has(seen.role))
      .map((f) => f.name.replace(/_+(\w)/g, (_, c: string) => c.toUpperCase())),
  )
  const hiddenFields = new Map(allSeen(seen).map((s) => [s, hiddenNames(s)]))
  const verbOf = (field: string) =>
    field.startsWith('create') ? 'insert' : field.startsWith('update') ? 'update' : field.startsWith('delete') ? 'delete' : null
  const isHidden = (type: string, field: { name: { value: string } } & ASTNode): boolean => {
    const name = field.name.value
    if ((type === 'Query' || type === 'Mutation') && functions.has(name)) return true
    const named = typesIn(field).map(seenOf)
    if (named.includes(null)) return true
    const own = seenOf(type)
    if (own && hiddenFields.get(own)?.has(name)) return true
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
      return gone ? { ...d, values: d.values?.filter((v) => !gone.has(v.name.value)) ?? [] } : d
    },
  })
  return print(reachable(open))
}

/** Base type of each relation, by the extension that the build leaves on it. */
function relationsByType(schema: GraphQLSchema): Map<string, string> {
  const found = new Map<string, string>()
  for (const type of Object.values(schema.getTypeMap())) {
    const { tmidbRelation } = type.extensions
    if (isObjectType(type) && typeof tmidbRelation === 'string') found.set(type.name, tmidbRelation)
  }
  return found
}

/** Names of the fields, and of the values to sort by them, that stand for columns which are not seen. */
function hiddenNames({ relation, columns }: SeenRelation): Set<string> {
  const shown = new Set(columns.map((c) => c.name))
  const gone = [...relation.columns.values()]
    .filter((c) => !shown.has(c.name) && c.graphql !== null)
    .map((c) => c.graphql as string)
  return new Set(gone.flatMap((name) => [name, orderName(name, 'asc'), orderName(name, 'desc')]))
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
