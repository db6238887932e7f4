// SPDX-License-Identifier: MIT
// What is hidden from who is bound by rules is answered as what is not there. A document that is right and names nothing hidden goes its
// way; the verdict is kept beside it, so asking again costs one look-up. Any other is judged by the schema as this caller may know it:
// a hidden name and one that nobody has are the same mistake there. What somebody may know is asked once and kept until access changes.
import {
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getVariableValues,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  typeFromAST,
  visit,
  visitWithTypeInfo,
} from 'postgraphile/graphql'
import { type Claims, isBound, type Pool } from '../../db/pool.ts'
import { seenBy } from '../docs/seen.ts'
import type { Catalog, LiveCatalog } from '../rest/catalog.ts'
import { visibleCategories } from '../rest/visible.ts'
import { type Lens, lensOf } from './lens.ts'

export interface View {
  lens: Lens
  /** Whether a document that the whole schema takes names something hidden. */
  names(document: DocumentNode): boolean
  /** What keeps variables from fitting, in the words of the visible schema; none if they name nothing unknown. */
  variableProblems(
    document: DocumentNode,
    operationName: string | null | undefined,
    variables: Readonly<Record<string, unknown>> | null | undefined,
  ): readonly GraphQLError[]
  /** The answer to a document that asks for nothing but the schema. */
  introspect(
    document: DocumentNode,
    operationName: string | null | undefined,
    variables: object | null | undefined,
  ): { data?: unknown; errors?: readonly GraphQLError[] }
}

export interface Views {
  /** null: this caller sees the whole schema. */
  of(schema: GraphQLSchema, claims: Claims): Promise<View | null>
  forget(): void
}

const mostCallers = 10_000
const mostLenses = 500

export function openViews(pool: Pool, catalog: Pick<LiveCatalog, 'current'>): Views {
  /** By schema and catalog: views by what is visible, and by caller. */
  const known = new WeakMap<GraphQLSchema, WeakMap<Catalog, Known>>()
  let generation = {}

  function knownOf(schema: GraphQLSchema): Known {
    let ofSchema = known.get(schema)
    if (!ofSchema) known.set(schema, (ofSchema = new WeakMap()))
    const { current } = catalog
    let found = ofSchema.get(current)
    if (found?.generation !== generation)
      ofSchema.set(current, (found = { generation, lenses: found?.lenses ?? new Map(), callers: new Map() }))
    return found
  }

  async function view(schema: GraphQLSchema, { lenses }: Known, claims: Claims): Promise<View> {
    const { current } = catalog
    const visible = await visibleCategories(pool, claims)
    const key = JSON.stringify([claims.role, [...visible].map(([c, f]) => [c, f && [...f].sort()])])
    let found = lenses.get(key)
    if (!found) {
      if (lenses.size >= mostLenses) lenses.clear()
      lenses.set(
        key,
        (found = viewOf(schema, lensOf(schema, current, seenBy(current, claims.role, visible, { namesTargets: true })))),
      )
    }
    return found
  }

  return {
    async of(schema, claims) {
      if (!isBound(claims.role)) return null
      const mine = knownOf(schema)
      const who = `${claims.role} ${claims.listener_id ?? ''} ${claims.account_id ?? ''}`
      let found = mine.callers.get(who)
      if (!found) {
        if (mine.callers.size >= mostCallers) mine.callers.clear()
        mine.callers.set(who, (found = view(schema, mine, claims)))
        found.catch(() => mine.callers.delete(who))
      }
      return await found
    },
    forget() {
      generation = {}
    },
  }
}

interface Known {
  generation: object
  lenses: Map<string, View>
  callers: Map<string, Promise<View>>
}

function viewOf(schema: GraphQLSchema, lens: Lens): View {
  const verdicts = new WeakMap<DocumentNode, boolean>()
  return {
    lens,
    names(document) {
      let verdict = verdicts.get(document)
      if (verdict === undefined) verdicts.set(document, (verdict = namesHidden(schema, lens, document)))
      return verdict
    },
    variableProblems(document, operationName, variables) {
      const operation = operationOf(document, operationName)
      const asked = operation?.variableDefinitions ?? []
      const isOdd = asked.some(({ variable, type }) => {
        const declared = typeFromAST(schema, type as never) as GraphQLInputType | undefined
        return declared && isUnknown(lens, declared, variables?.[variable.name.value])
      })
      if (!isOdd) return []
      const { errors } = getVariableValues(lens.schema(), asked, { ...variables }, { maxErrors: 5 })
      return errors ?? [new GraphQLError('The variables cannot be used.')]
    },
    introspect(document, operationName, variables) {
      const args = { schema: lens.schema(), document, operationName: operationName ?? null, variableValues: { ...variables } }
      return execute(args) as { data?: unknown; errors?: readonly GraphQLError[] }
    },
  }
}

/** The function that a value of a variable calls, as a filter may, and that this role may not call. */
export function callInVariables(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Readonly<Record<string, unknown>> | null | undefined,
  role: string,
): string | null {
  const walk = (type: GraphQLInputType | undefined, value: unknown): string | null => {
    const named = getNamedType(type)
    if (!isInputObjectType(named) || typeof value !== 'object' || value === null) return null
    const fields = named.getFields()
    for (const v of Array.isArray(value) ? value : [value]) {
      for (const [name, inner] of Object.entries((v ?? {}) as object)) {
        const field = Object.hasOwn(fields, name) ? fields[name] : undefined
        const { tmidbFunction, tmidbRoles } = (field?.extensions ?? {}) as {
          tmidbFunction?: string
          tmidbRoles?: readonly string[]
        }
        if (tmidbFunction !== undefined && tmidbRoles?.includes(role) === false) return tmidbFunction
        const found = walk(field?.type, inner)
        if (found !== null) return found
      }
    }
    return null
  }
  for (const { variable, type } of operationOf(document, operationName)?.variableDefinitions ?? []) {
    const found = walk(typeFromAST(schema, type as never) as GraphQLInputType | undefined, variables?.[variable.name.value])
    if (found !== null) return found
  }
  return null
}

export function operationOf(
  document: DocumentNode,
  operationName: string | null | undefined,
): OperationDefinitionNode | undefined {
  return document.definitions.find(
    (d): d is OperationDefinitionNode =>
      d.kind === Kind.OPERATION_DEFINITION && (operationName == null || d.name?.value === operationName),
  )
}

function namesHidden(schema: GraphQLSchema, lens: Lens, document: DocumentNode): boolean {
  const types = new TypeInfo(schema)
  let found = false
  const look = (type: { name: string } | null | undefined, name: string) => {
    found ||= type != null && lens.hides(type.name, name)
  }
  visit(
    document,
    visitWithTypeInfo(types, {
      Field: (node) => look(types.getParentType(), node.name.value),
      ObjectField: (node) => look(getNamedType(types.getParentInputType()), node.name.value),
      EnumValue: (node) => look(getNamedType(types.getInputType()), node.value),
      NamedType: (node) => {
        found ||= lens.hidesType(node.name.value)
      },
    }),
  )
  return found
}

/** Whether a value names a field or a word that is hidden, or that there is not. */
function isUnknown(lens: Lens, type: GraphQLInputType, value: unknown): boolean {
  if (value === null || value === undefined) return false
  if (isNonNullType(type)) return isUnknown(lens, type.ofType, value)
  if (isListType(type)) return (Array.isArray(value) ? value : [value]).some((v) => isUnknown(lens, type.ofType, v))
  if (isEnumType(type)) return typeof value === 'string' && (!type.getValue(value) || lens.hides(type.name, value))
  if (!isInputObjectType(type) || typeof value !== 'object') return false
  const fields = type.getFields()
  return Object.entries(value).some(([name, v]) => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    return !field || lens.hides(type.name, name) || isUnknown(lens, field.type, v)
  })
}
