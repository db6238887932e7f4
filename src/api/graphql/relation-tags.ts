// SPDX-License-Identifier: MIT
// What a generated type and field stand for, kept on them: the relation, how its columns are called, and the relations that a field
// leads through. The schema can then be told to somebody without what is hidden; a name alone does not say it.
import type {} from 'postgraphile'
import type { PgCodecRelation, PgCodecWithAttributes, PgResource } from 'postgraphile/@dataplan/pg'

export const RelationTagsPlugin: GraphileConfig.Plugin = {
  name: 'TmidbRelationTagsPlugin',
  version: '0.0.0',
  schema: {
    hooks: {
      GraphQLObjectType(config, build, { scope }) {
        const { pgCodec, isPgClassType } = scope as { pgCodec?: PgCodecWithAttributes; isPgClassType?: boolean }
        const tmidbRelation = nameOf(pgCodec)
        if (!isPgClassType || !pgCodec || !tmidbRelation) return config
        const tmidbColumns = Object.fromEntries(
          Object.keys(pgCodec.attributes).map((name) => [
            name,
            build.inflection.attribute({ codec: pgCodec, attributeName: name }),
          ]),
        )
        return { ...config, extensions: { ...config.extensions, tmidbRelation, tmidbColumns } }
      },
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const { isPgManyToManyRelationField, pgCodec, fieldName } = scope as Partial<ManyToManyScope>
        if (!isPgManyToManyRelationField) return field
        const all = (build as unknown as { pgManyToManyRealtionshipsByResource: Map<PgResource, ManyToMany[]> })
          .pgManyToManyRealtionshipsByResource
        const { inflection } = build as unknown as { inflection: { manyToManyRelationConnectionField(of: ManyToMany): string } }
        const mine = [...all].flatMap(([table, ways]) => (table.codec === pgCodec ? ways : []))
        const way = mine.find((m) => inflection.manyToManyRelationConnectionField(m) === fieldName)
        const tmidbThrough = nameOf(way?.junctionTable.codec)
        return tmidbThrough ? { ...field, extensions: { ...field.extensions, tmidbThrough } } : field
      },
      // A filter by a relation is a yes or no, and the way through a table of pairs ends at another: their types do not say which.
      GraphQLInputObjectType_fields(fields, build, { scope }) {
        const { pgCodec, isPgConnectionFilter } = scope as { pgCodec?: PgCodecWithAttributes; isPgConnectionFilter?: boolean }
        if (!isPgConnectionFilter || !pgCodec) return fields
        const through = relationFields(build, pgCodec)
        for (const [name, field] of Object.entries(fields)) {
          const tmidbThrough = through.get(name)
          if (tmidbThrough) field.extensions = { ...field.extensions, tmidbThrough }
        }
        return fields
      },
    },
  },
}

interface ManyToMany {
  junctionTable: PgResource
}

interface ManyToManyScope {
  isPgManyToManyRelationField: boolean
  pgCodec: PgCodecWithAttributes
  fieldName: string
}

/** Where the fields lead that ask whether there is a related row. */
function relationFields({ inflection, pgRelations }: GraphileBuild.Build, codec: PgCodecWithAttributes): Map<string, string> {
  const found = new Map<string, string>()
  const relations = (pgRelations[codec.name] ?? {}) as Record<string, PgCodecRelation>
  for (const [relationName, { isReferencee, isUnique, remoteResource }] of Object.entries(relations)) {
    const details = { registry: remoteResource.registry, codec, relationName } as never
    const name = isReferencee
      ? isUnique
        ? inflection.filterBackwardSingleRelationExistsFieldName(inflection.singleRelationBackwards(details))
        : inflection.filterBackwardManyRelationExistsFieldName(inflection._manyRelation(details))
      : inflection.filterForwardRelationExistsFieldName(inflection.singleRelation(details))
    const to = nameOf(remoteResource.codec)
    if (to) found.set(name, to)
  }
  return found
}

interface Named {
  extensions?: { pg?: { schemaName: string; name: string } | undefined } | undefined
}

function nameOf(codec: Named | undefined): string | null {
  const pg = codec?.extensions?.pg
  return pg ? `${pg.schemaName}.${pg.name}` : null
}
