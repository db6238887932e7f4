// SPDX-License-Identifier: MIT
// GraphQL's own rules of what breaks, and beside them what is new.
import {
  BreakingChangeType,
  findBreakingChanges,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'postgraphile/graphql'
import { type ApiChange, change } from './change.ts'

export function graphqlDiff(before: GraphQLSchema, after: GraphQLSchema): ApiChange[] {
  return [...broken(before, after), ...added(before, after)]
}

function broken(before: GraphQLSchema, after: GraphQLSchema): ApiChange[] {
  return findBreakingChanges(before, after).map(({ type, description }) => {
    const kind = type.endsWith('ADDED') ? 'added' : isChanged.has(type) ? 'changed' : 'removed'
    const words = description.match(/[_A-Za-z]\w*(\.\w+)?/g) ?? []
    const path = words.find((word) => before.getType(word.split('.')[0] ?? '')) ?? description
    return change('graphql', path, kind, true, description)
  })
}

const isChanged = new Set<string>([
  BreakingChangeType.FIELD_CHANGED_KIND,
  BreakingChangeType.ARG_CHANGED_KIND,
  BreakingChangeType.TYPE_CHANGED_KIND,
])

interface Member {
  description?: string | null | undefined
  deprecationReason?: string | null | undefined
  args?: readonly { name: string; type: unknown; defaultValue?: unknown }[]
  type?: unknown
}

function members(type: unknown): Map<string, Member> {
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) return new Map(Object.entries(type.getFields()))
  if (isEnumType(type)) return new Map(type.getValues().map((v) => [v.name, v]))
  return new Map()
}

function added(before: GraphQLSchema, after: GraphQLSchema): ApiChange[] {
  const found: ApiChange[] = []
  const add = (path: string, text: string) => found.push(change('graphql', path, 'added', false, text))
  const changed = (path: string, text: string) => found.push(change('graphql', path, 'changed', false, text))
  for (const [name, type] of Object.entries(after.getTypeMap())) {
    const old = before.getType(name)
    // The first field of its kind brings "Mutation" along; what one calls is the field.
    if (!old && type !== after.getMutationType() && type !== after.getSubscriptionType()) {
      add(name, `The type ${name} was added.`)
      continue
    }
    const known = members(old)
    if (old && (old.description ?? '') !== (type.description ?? '')) changed(name, `The description of ${name} changed.`)
    for (const [field, is] of members(type)) {
      const path = `${name}.${field}`
      const was = known.get(field)
      if (!was) {
        add(path, `${path} was added${is.type === undefined ? '' : ` (${is.type})`}.`)
        continue
      }
      for (const arg of is.args ?? []) {
        if (!was.args?.some((a) => a.name === arg.name)) add(path, `${path} has a new argument ${arg.name} (${arg.type}).`)
      }
      if ((was.description ?? '') !== (is.description ?? '')) changed(path, `The description of ${path} changed.`)
      if (is.deprecationReason && !was.deprecationReason) changed(path, `${path} is deprecated: ${is.deprecationReason}`)
    }
  }
  // What must be given is broken, not added.
  return found.filter((c) => !isRequiredInput(after, c))
}

function isRequiredInput(after: GraphQLSchema, { path, kind }: ApiChange): boolean {
  const [name = '', field = ''] = path.split('.')
  const type = after.getType(name)
  if (kind !== 'added' || !isInputObjectType(type)) return false
  const input = type.getFields()[field]
  return input !== undefined && String(input.type).endsWith('!') && input.defaultValue === undefined
}
