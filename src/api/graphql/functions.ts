// SPDX-License-Identifier: MIT
// The functions of the schema api as fields of the query: what their comments say of arguments and columns, which arguments there
// must be, and which fields are calls, so that a document can be held to some of them.
import type {} from 'postgraphile'
import type { PgResourceParameter } from 'postgraphile/@dataplan/pg'

interface Described {
  extensions?: { tags?: Partial<Record<string, unknown>> | undefined } | undefined
}

export const FunctionsPlugin: GraphileConfig.Plugin = {
  name: 'TmidbFunctionsPlugin',
  version: '0.0.0',
  gather: {
    hooks: {
      pgProcedures_PgResourceOptions(_info, { pgProc, resourceOptions }) {
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
      GraphQLObjectType_fields_field(field, _build, { scope }) {
        const { isRootQuery, pgFieldResource } = scope as { isRootQuery?: boolean; pgFieldResource?: { parameters?: unknown } }
        if (!isRootQuery || !pgFieldResource?.parameters) return field
        return { ...field, extensions: { ...field.extensions, tmidbCall: true } }
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
