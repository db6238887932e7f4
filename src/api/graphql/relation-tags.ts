// SPDX-License-Identifier: MIT
// What a generated type and field stand for, kept on them: the relation, how its columns are called, and the relations that a field
// leads through. The schema can then be told to somebody without what is hidden; a name alone does not say it.
import type {} from 'postgraphile'
import type { PgCodecRelation, PgCodecWithAttributes, PgResource } from 'postgraphile/@dataplan/pg'
import { fieldFunctions } from './field-functions.ts'

export const RelationTagsPlugin: GraphileConfig.Plugin = {
  name: 'TmidbRelationTagsPlugin',
  version: '0.0.0',
  schema: {
    hooks: {
      GraphQLObjectType(config, build, { scope }) {
        const { pgCodec, isPgClassType } = scope as { pgCodec?: PgCodecWithAttributes; isPgClassType?: boolean }
        const tmidbRelation = nameOf(pgCodec)
        // A type that functions give is nobody's relation.
        if (!isPgClassType || !pgCodec || !tmidbRelation || pgCodec.extensions?.isTableLike === false) return config
        const tmidbColumns = Object.fromEntries(
          Object.keys(pgCodec.attributes).map((name) => [
            name,
            build.inflection.attribute({ codec: pgCodec, attributeName: name }),
          ]),
        )
        return { ...config, extensions: { ...config.extensions, tmidbRelation, tmidbColumns } }
      },
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const { isPgManyToManyRelationField, pgCodec, fieldName, pgRelationDetails } = scope as Partial<RelationScope>
        if (pgRelationDetails) {
          const { registry, codec, relationName } = pgRelationDetails
          const relation = registry.pgRelations[codec.name]?.[relationName]
          return relation ? { ...field, extensions: { ...field.extensions, tmidbOver: over(relation) } } : field
        }
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
        const relations = relationFields(build, pgCodec)
        const functions = fieldFunctions(build, { isPgClassType: true, pgCodec })
        for (const [name, field] of Object.entries(fields)) {
          const relation = relations.get(name)
          const tmidbThrough = nameOf(relation?.remoteResource.codec)
          if (relation)
            field.extensions = { ...field.extensions, tmidbOver: over(relation), ...(tmidbThrough ? { tmidbThrough } : {}) }
          // What a function makes of a row can be filtered by where its comment says so; columns have names of their own.
          const called = functions?.get(name)?.extensions
          if (called?.pg && !relation && !columnsOf(build, pgCodec).has(name)) {
            const tmidbFunction = `${called.pg.schemaName}.${called.pg.name}`
            const { tmidbRoles } = called as { tmidbRoles?: readonly string[] }
            field.extensions = { ...field.extensions, tmidbFunction, tmidbRoles }
          }
        }
        return fields
      },
    },
  },
}

interface ManyToMany {
  junctionTable: PgResource
}

interface RelationScope {
  isPgManyToManyRelationField: boolean
  pgCodec: PgCodecWithAttributes
  fieldName: string
  pgRelationDetails: {
    registry: { pgRelations: Record<string, Record<string, PgCodecRelation>> }
    codec: PgCodecWithAttributes
    relationName: string
  }
}

/** Which columns a relation compares: who does not see one of them does not know the relation. */
function over({ localAttributes, remoteAttributes, remoteResource }: PgCodecRelation) {
  return {
    own: localAttributes as readonly string[],
    theirs: remoteAttributes as readonly string[],
    relation: nameOf(remoteResource.codec),
  }
}

/** The relations that fields of a filter go through, by how they are called: the related rows, and whether there are any. */
function relationFields({ inflection, pgRelations }: GraphileBuild.Build, codec: PgCodecWithAttributes) {
  const found = new Map<string, PgCodecRelation>()
  const relations = (pgRelations[codec.name] ?? {}) as Record<string, PgCodecRelation>
  for (const [relationName, relation] of Object.entries(relations)) {
    const { isReferencee, isUnique, remoteResource } = relation
    const details = { registry: remoteResource.registry, codec, relationName } as never
    const single = isReferencee ? inflection.singleRelationBackwards(details) : inflection.singleRelation(details)
    const many = inflection._manyRelation(details)
    const [name, exists] = !isReferencee
      ? [inflection.filterSingleRelationFieldName(single), inflection.filterForwardRelationExistsFieldName(single)]
      : isUnique
        ? [
            inflection.filterSingleRelationByKeysBackwardsFieldName(single),
            inflection.filterBackwardSingleRelationExistsFieldName(single),
          ]
        : [inflection.filterManyRelationByKeysFieldName(many), inflection.filterBackwardManyRelationExistsFieldName(many)]
    found.set(name, relation)
    found.set(exists, relation)
  }
  return found
}

function columnsOf({ inflection }: GraphileBuild.Build, codec: PgCodecWithAttributes): Set<string> {
  return new Set(Object.keys(codec.attributes).map((attributeName) => inflection.attribute({ codec, attributeName })))
}

interface Named {
  extensions?: { pg?: { schemaName: string; name: string } | undefined } | undefined
}

function nameOf(codec: Named | undefined): string | null {
  const pg = codec?.extensions?.pg
  return pg ? `${pg.schemaName}.${pg.name}` : null
}
