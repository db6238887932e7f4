// SPDX-License-Identifier: MIT
// The GraphQL schema as one caller may know it: what stands for a hidden relation, field or function is not there, nor all that only it
// leads to. Of one name it is known at once whether it is hidden; the whole is made when it is asked for: as a document, and as what
// requests are judged by that name something hidden (visible.ts).
import {
  type ASTNode,
  buildASTSchema,
  type DocumentNode,
  type EnumTypeDefinitionNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  isInputObjectType,
  isObjectType,
  Kind,
  type NamedTypeNode,
  parse,
  printSchema,
  type TypeDefinitionNode,
  visit,
} from 'postgraphile/graphql'
import { allSeen, type Seen, type SeenRelation } from '../docs/seen.ts'
import type { Catalog } from '../rest/catalog.ts'
import { enumName, orderName } from './naming.ts'

export interface Lens {
  /** Whether a field of a type, or a value of an enum, is hidden. */
  hides(type: string, name: string): boolean
  hidesType(type: string): boolean
  document(): DocumentNode
  schema(): GraphQLSchema
}

interface Extensions {
  tmidbRelation?: string
  tmidbColumns?: Record<string, string>
  tmidbFunction?: string
  tmidbThrough?: string
  /** Columns of the relation of this type, and of the related one, that a field compares. */
  tmidbOver?: { own: readonly string[]; theirs: readonly string[]; relation: string | null }
}

interface Whole {
  text: string
  document: DocumentNode
  /** By type: fields by name, or the name alone of an enum's values. */
  fields: ReadonlyMap<string, ReadonlyMap<string, ASTNode>>
  /** Base type of each relation, and how its columns are called there, by the extensions that the build leaves on it. */
  columns: ReadonlyMap<string, Record<string, string>>
  /** The relation that a generated type belongs to, by its name: SiteVisitConnection is of SiteVisit, not of Site. */
  relationOf(type: string): string | undefined
}

const whole = new WeakMap<GraphQLSchema, Whole>()

/** Everything, for who sees everything. */
export function wholeText(schema: GraphQLSchema): string {
  return read(schema).text
}

function read(schema: GraphQLSchema): Whole {
  let known = whole.get(schema)
  if (known) return known
  const text = printSchema(schema)
  const document = parse(text, { noLocation: true })
  const fields = new Map<string, Map<string, ASTNode>>()
  for (const d of document.definitions) {
    if ('fields' in d) fields.set(d.name?.value ?? '', new Map(d.fields?.map((f) => [f.name.value, f])))
    else if (d.kind === Kind.ENUM_TYPE_DEFINITION) fields.set(d.name.value, new Map(d.values?.map((v) => [v.name.value, v])))
  }
  const bases = new Map<string, string>()
  const columns = new Map<string, Record<string, string>>()
  for (const type of Object.values(schema.getTypeMap())) {
    const { tmidbRelation, tmidbColumns } = type.extensions as Extensions
    if (!isObjectType(type) || tmidbRelation === undefined) continue
    bases.set(type.name, tmidbRelation)
    columns.set(tmidbRelation, tmidbColumns ?? {})
  }
  const longestFirst = [...bases.keys()]
    .sort((a, b) => b.length - a.length)
    .map((base) => ({ base, is: new RegExp(`(^|[a-z])${base}(?![a-z0-9])`) }))
  const relationOf = memo((type: string) => {
    const found = longestFirst.find(({ is }) => is.test(type))
    return found && bases.get(found.base)
  })
  whole.set(schema, (known = { text, document, fields, columns, relationOf }))
  return known
}

export function lensOf(schema: GraphQLSchema, catalog: Catalog, seen: Seen): Lens {
  const { document, fields, columns, relationOf } = read(schema)
  // Who may only send readings finds nothing of them here.
  const here = allSeen(seen).filter((s) => s.relation.category === null || s.verbs.has('select'))
  const visible = new Map(here.map((s) => [`${s.relation.schema}.${s.relation.name}`, s]))
  const seenOf = (type: string): SeenRelation | null | undefined => {
    const relation = relationOf(type)
    return relation === undefined ? undefined : (visible.get(relation) ?? null)
  }
  const callable = new Set(catalog.everyFunction.filter((f) => f.roles.has(seen.role)).map((f) => `${f.schema}.${f.name}`))
  const hiddenFields = new Map([...visible.values()].map((s) => [s, hiddenNames(s, columns)]))
  const lacks = (relation: SeenRelation | null | undefined, names: readonly string[]) =>
    relation != null && names.some((name) => !relation.columns.some((c) => c.name === name))

  const isHidden = (type: string, name: string): boolean => {
    const field = fields.get(type)?.get(name)
    if (!field) return false
    const own = seenOf(type)
    if (own && hiddenFields.get(own)?.(name)) return true
    if (field.kind === Kind.ENUM_VALUE_DEFINITION) return false
    const { tmidbFunction, tmidbThrough, tmidbOver } = extensionsOf(schema, type, name)
    if (tmidbFunction !== undefined && !callable.has(tmidbFunction)) return true
    if (tmidbThrough !== undefined && !visible.has(tmidbThrough)) return true
    if (tmidbOver && (lacks(own, tmidbOver.own) || lacks(visible.get(tmidbOver.relation ?? ''), tmidbOver.theirs))) return true
    const named = typesIn(field).map(seenOf)
    if (named.includes(null)) return true
    // One row, or the change of one, by a key that is not seen.
    const by = /By([A-Z].*)$/.exec(name)?.[1]
    const isRoot = type === 'Query' || type === 'Mutation'
    if (isRoot && by && named.some((s) => s && hiddenFields.get(s)?.(lowerFirst(by)))) return true
    // api.create_token is a function, however much it sounds like an insert into api.token.
    if (type !== 'Mutation' || tmidbFunction !== undefined) return false
    const verb = verbOf(name)
    return verb !== null && named.some((s) => s && !s.verbs.has(verb))
  }
  const known = memo((type: string) => memo((name: string) => isHidden(type, name) || leadsNowhere(type, name)))
  const hides = (type: string, name: string) => known(type)(name)
  /** A type of which nothing is left, such as the sums of a relation whose numbers are hidden, is none; nor is what gives or needs it. */
  const leadsNowhere = (type: string, name: string): boolean => {
    const field = fields.get(type)?.get(name)
    if (field?.kind !== Kind.FIELD_DEFINITION && field?.kind !== Kind.INPUT_VALUE_DEFINITION) return false
    const needed =
      field.kind === Kind.FIELD_DEFINITION ? (field.arguments ?? []).filter((a) => a.type.kind === Kind.NON_NULL_TYPE) : []
    return [field, ...needed].some((f) => typesIn(f.type).some(isEmpty))
  }
  const emptiness = new Map<string, boolean>()
  const isEmpty = (type: string): boolean => {
    let empty = emptiness.get(type)
    if (empty === undefined) {
      // Whatever comes back to itself is not empty for that.
      emptiness.set(type, false)
      const names = [...(fields.get(type)?.keys() ?? [])]
      empty = names.length > 0 && names.every((name) => hides(type, name))
      emptiness.set(type, empty)
    }
    return empty
  }

  const open = once(() => {
    const shown = <T extends { name: { value: string } }>(type: string, list: readonly T[] | undefined) =>
      list?.filter((f) => !hides(type, f.name.value)) ?? []
    const withoutEmpty = (f: FieldDefinitionNode): FieldDefinitionNode => ({
      ...f,
      ...(f.arguments ? { arguments: f.arguments.filter((a) => !typesIn(a.type).some(isEmpty)) } : {}),
    })
    const cut = (d: TypeDefinitionNode): TypeDefinitionNode =>
      'fields' in d
        ? ({ ...d, fields: shown(d.name.value, d.fields as FieldDefinitionNode[]).map(withoutEmpty) } as TypeDefinitionNode)
        : d.kind === Kind.ENUM_TYPE_DEFINITION
          ? ({ ...d, values: shown(d.name.value, d.values) } satisfies EnumTypeDefinitionNode)
          : d
    return reachable({
      ...document,
      definitions: document.definitions.map((d) => (d.kind.endsWith('TypeDefinition') ? cut(d as TypeDefinitionNode) : d)),
    })
  })
  return {
    hides,
    hidesType: (type) => seenOf(type) === null,
    document: open,
    schema: once(() => buildASTSchema(open(), { assumeValidSDL: true })),
  }
}

function verbOf(field: string) {
  return field.startsWith('create')
    ? 'insert'
    : field.startsWith('update')
      ? 'update'
      : field.startsWith('delete')
        ? 'delete'
        : null
}

function extensionsOf(schema: GraphQLSchema, type: string, field: string): Extensions {
  const found = schema.getType(type)
  return ((isObjectType(found) || isInputObjectType(found)) && (found.getFields()[field]?.extensions as Extensions)) || {}
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

function memo<T>(make: (key: string) => T): (key: string) => T {
  const known = new Map<string, { value: T }>()
  return (key) => {
    let found = known.get(key)
    if (!found) known.set(key, (found = { value: make(key) }))
    return found.value
  }
}

function once<T>(make: () => T): () => T {
  const all = memo(make)
  return () => all('')
}
