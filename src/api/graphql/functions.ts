// SPDX-License-Identifier: MIT
// The functions of the exposed schemas as fields: what their comments say of arguments and columns, which arguments there must be, and
// which fields are calls, so that a document can be held to some of them. Outside the schema api a function is for the roles that it was
// granted to, as in REST: that PostgreSQL lets everybody call a new function says nothing about the API.
import type {} from 'postgraphile'
import type { PgResourceParameter } from 'postgraphile/@dataplan/pg'
import { aclContainsRole, type Introspection, type PgProc } from 'postgraphile/graphile-build-pg/pg-introspection'
import { readers } from '../rest/catalog-query.ts'
import { fieldFunctions } from './field-functions.ts'

interface Described {
  extensions?: { tags?: Partial<Record<string, unknown>> | undefined } | undefined
}

type Introspected = readonly { introspection: Introspection }[]

export const FunctionsPlugin: GraphileConfig.Plugin = {
  name: 'TmidbFunctionsPlugin',
  version: '0.0.0',
  gather: {
    hooks: {
      async pgProcedures_functionResourceOptions(info, { pgProc, functionResourceOptions }) {
        await keepRoles(info.helpers.pgIntrospection.getIntrospection(), pgProc, functionResourceOptions)
      },
      async pgProcedures_PgResourceOptions(info, { pgProc, resourceOptions }) {
        await keepRoles(info.helpers.pgIntrospection.getIntrospection(), pgProc, resourceOptions)
        const { parameters, codec } = resourceOptions
        // An argument without a default is one that the function cannot do without.
        for (const p of parameters ?? []) if (!p.optional) (p as { notNull?: boolean }).notNull = true
        // The columns of a table that a function returns have no comments of their own.
        const { tags } = pgProc.getTagsAndDescription()
        const said = namedTags({ extensions: { tags } }, 'column')
        if (!codec.isAnonymous || !codec.attributes) return
        for (const [name, words] of said) {
          const attribute = codec.attributes[name]
          if (attribute) (attribute as { description?: string }).description = words
        }
      },
    },
  },
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const called = fieldFunctions(build, scope)?.get(scope.fieldName)?.extensions
        if (!called?.pg) return field
        const tmidbFunction = `${called.pg.schemaName}.${called.pg.name}`
        const { tmidbRoles } = called as { tmidbRoles?: readonly string[] }
        return { ...field, extensions: { ...field.extensions, tmidbCall: true, tmidbFunction, tmidbRoles } }
      },
      GraphQLInputObjectType_fields(fields, build, { scope, Self }) {
        if (!scope.isMutationInput) return fields
        const { inflection } = build
        const called = Object.values(build.pgResources).find(
          (r) => r.parameters && inflection.customMutationInput({ resource: r as never }) === Self.name,
        )
        const said = called ? namedTags(called, 'param') : []
        for (const [name, words] of said) {
          const field = fields[inflection.camelCase(name)]
          if (field) field.description = words
        }
        return fields
      },
      GraphQLObjectType_fields_field_args(args, build, { scope }) {
        const resource = scope.pgFieldResource
        if (!resource?.parameters) return args
        const said = namedTags(resource, 'param')
        const parameters = resource.parameters as readonly PgResourceParameter[]
        parameters.forEach((param, index) => {
          const name = build.inflection.argument({ param, resource: resource as never, index })
          const arg = args[name]
          const words = said.get(param.name ?? '')
          if (arg && words) arg.description = words
        })
        return args
      },
    },
  },
}

/** Leaves with a function outside the schema api the roles that it was granted to, themselves or by a role they are members of. */
async function keepRoles(
  read: PromiseLike<Introspected> | Introspected,
  proc: PgProc,
  options: { extensions?: object | undefined },
): Promise<void> {
  if (proc.getNamespace()?.nspname === 'api' || !options.extensions) return
  const [{ introspection } = { introspection: null }] = await read
  if (!introspection) return
  const granted = proc.getACL().filter((acl) => acl.execute && acl.role !== 'public')
  const tmidbRoles = readers.filter((name) => {
    const role = introspection.roles.find((r) => r.rolname === name)
    return role !== undefined && granted.some((acl) => aclContainsRole(introspection, acl, role))
  })
  Object.assign(options.extensions, { tmidbRoles })
}

/** "@param name words" in a comment, once or more often. */
function namedTags(described: Described, tag: string): Map<string, string> {
  const said = described.extensions?.tags?.[tag]
  const lines = Array.isArray(said) ? said : [said]
  return new Map(
    lines.flatMap((line) => {
      const found = /^(\S+)\s+(.+)$/.exec(typeof line === 'string' ? line : '')
      return found ? [[found[1] ?? '', found[2] ?? '']] : []
    }),
  )
}
