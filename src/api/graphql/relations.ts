// SPDX-License-Identifier: MIT
// Relations follow foreign keys, also those to targets (introspection.ts) and those that SQL tells of views by smart tags. Here they get
// names that read well: a target's readings are called as at the root, and a relation steps aside for a column of its name, since a
// reading's column "target" is the key: "ofTarget".
import type {} from 'postgraphile'
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
        const { codec } = details
        const columns = Object.keys(codec.attributes ?? {}).map((attributeName) => this.attribute({ codec, attributeName }))
        let name = previous!(details)
        // A column "target" that points at a target by its key, too.
        const ofColumn = /^(.+)ByTarget$/.exec(name)?.[1]
        if (columns.includes(ofColumn ?? name)) name = this.camelCase(`of-${ofColumn ?? name}`)
        while (columns.includes(name)) name += '_'
        return name
      },
      _manyRelation(previous, _preset, details) {
        const { registry, codec, relationName } = details
        return categoryView(registry.pgRelations[codec.name]?.[relationName]?.remoteResource)?.field ?? previous!(details)
      },
    },
  },
  schema: {
    entityBehavior: {
      pgCodecRelation: {
        override: {
          // Targets by what their readings say would go through all readings of all time; sensorV1(filter: {ofTarget: …}) is there.
          callback: (behavior, relation) =>
            relation.isReferencee && categoryView(relation.remoteResource) ? [behavior, '-filterBy'] : behavior,
        },
      },
    },
  },
}
