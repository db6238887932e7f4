// SPDX-License-Identifier: MIT
// Relations follow foreign keys, also those to targets (only-ours.ts) and those that SQL tells of views by smart tags. Here they get
// names that read well: a target's readings are called as at the root, and a relation steps aside for a column of its name: a reading's
// column "target" is the key, so the relation is "ofTarget". A table that is nothing but pairs (its primary key is two foreign keys) is gone through.
import type {} from 'postgraphile'
import type { PgCodec, PgCodecRelation, PgResource } from 'postgraphile/@dataplan/pg'
import { categoryView } from './views.ts'

export const RelationsPlugin: GraphileConfig.Plugin = {
  name: 'TmidbRelationsPlugin',
  version: '0.0.0',
  after: ['PgSimplifyInflectionPlugin'],
  inflection: {
    replace: {
      // target_key is a key of a target as target_id is.
      _getBaseName: (previous, _preset, name) => previous!(name) ?? /^(.+)(?:_key|Key)$/.exec(name)?.[1] ?? null,
      singleRelation(previous, _preset, details) {
        const { registry, codec, relationName } = details
        const relation = registry.pgRelations[codec.name]?.[relationName]
        const columns = Object.keys(codec.attributes ?? {}).map((attributeName) => this.attribute({ codec, attributeName }))
        const remote = relation && this.camelCase(this._singularizedCodecName(relation.remoteResource.codec))
        const isCalledSo =
          typeof relation?.extensions?.tags?.fieldName !== 'string' &&
          relation?.localAttributes.length === 1 &&
          this.camelCase(relation.localAttributes[0]!) === remote
        let name = isCalledSo ? remote : previous!(details)
        if (columns.includes(name)) name = this.camelCase(`of-${name}`)
        while (columns.includes(name)) name += '_'
        return name
      },
      _manyToManyRelation(_previous, _preset, details) {
        const { leftTable, junctionTable, rightTable, rightRelationName } = details
        const chosen = junctionTable.getRelation(rightRelationName).extensions?.tags?.manyToManyFieldName
        if (typeof chosen === 'string') return chosen
        const name = this.pluralize(this._singularizedCodecName(rightTable.codec))
        // Two tables of pairs between the same tables: the second says through which.
        const pairs = relationsOf(leftTable).filter(
          ({ remoteResource }) =>
            isPairs(remoteResource) && relationsOf(remoteResource).some((r) => r.remoteResource === rightTable),
        )
        const isFirst = pairs[0]?.remoteResource === junctionTable && leftTable !== rightTable
        return this.camelCase(isFirst ? name : `${name}-by-${this._singularizedCodecName(junctionTable.codec)}`)
      },
      _manyRelation(previous, _preset, details) {
        const { registry, codec, relationName } = details
        const relation = registry.pgRelations[codec.name]?.[relationName]
        const view = categoryView(relation?.remoteResource)
        if (view) return view.field
        const [column, ...more] = (relation?.remoteAttributes ?? []) as readonly string[]
        const isCalledSo =
          more.length === 0 && this.camelCase(column ?? '') === this.camelCase(this._singularizedCodecName(codec))
        return relation && isCalledSo && typeof relation.extensions?.tags?.foreignFieldName !== 'string'
          ? this.camelCase(this.distinctPluralize(this._singularizedCodecName(relation.remoteResource.codec)))
          : previous!(details)
      },
    },
  },
  schema: {
    entityBehavior: {
      pgCodecRelation: {
        override: {
          // Targets by what their readings say would go through all readings of all time; sensorV1(filter: {ofTarget: …}) is there.
          callback(behavior, relation, build) {
            const { isReferencee, localCodec, remoteResource } = relation
            if (isReferencee && categoryView(remoteResource)) return [behavior, '-filterBy', '-manyToMany']
            if (categoryView(localCodec)) return [behavior, '-manyToMany']
            const junction = isReferencee ? remoteResource : tableOf(build, localCodec)
            return junction && isPairs(junction) ? behavior : [behavior, '-manyToMany']
          },
        },
      },
    },
  },
}

function tableOf(build: Pick<GraphileBuild.Build, 'pgResources'>, codec: PgCodec): PgResource | undefined {
  return (Object.values(build.pgResources) as PgResource[]).find((r) => r.codec === codec && !r.parameters)
}

function relationsOf(table: { getRelations(): object }): PgCodecRelation[] {
  return Object.values(table.getRelations())
}

function isPairs(table: PgResource): boolean {
  const key = table.uniques.find((u) => u.isPrimary)?.attributes as readonly string[] | undefined
  const out = relationsOf(table).filter((r) => !r.isReferencee)
  const columns = out.flatMap((r) => r.localAttributes as readonly string[])
  return out.length === 2 && key?.length === columns.length && columns.every((c) => key.includes(c))
}
