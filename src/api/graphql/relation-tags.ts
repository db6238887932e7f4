// SPDX-License-Identifier: MIT
// Which relation a generated type stands for, kept on the type: the schema can then be told to somebody without what is hidden.
import type {} from 'postgraphile'

export const RelationTagsPlugin: GraphileConfig.Plugin = {
  name: 'TmidbRelationTagsPlugin',
  version: '0.0.0',
  schema: {
    hooks: {
      GraphQLObjectType(config, _build, { scope }) {
        const { pgCodec, isPgClassType } = scope as { pgCodec?: Codec; isPgClassType?: boolean }
        const pg = pgCodec?.extensions?.pg
        if (!isPgClassType || !pg) return config
        return { ...config, extensions: { ...config.extensions, tmidbRelation: `${pg.schemaName}.${pg.name}` } }
      },
    },
  },
}

interface Codec {
  extensions?: { pg?: { schemaName: string; name: string } }
}
