// SPDX-License-Identifier: MIT
// Names and behaviours of the generated schema. SQL chooses the names of views and fields once (smart tag "@name"), so that a name
// never changes when a neighbour appears; here they are taken over letter by letter instead of being inflected again.
import type {} from 'postgraphile'
import { TYPES } from 'postgraphile/@dataplan/pg'
import { categoryView, nameTag, ownColumns } from './views.ts'

/** Lists are connections; what may be changed is what somebody has the right to change (PostGraphile reads the grants). */
export const defaultBehavior = '-base -node -type:node -interface:node -list +connection +delete:resource:select'

/** What PostGraphile has for Relay Classic and node ids; readings have no node id, and "id" is a field name that devices use. */
export const withoutNodes = [
  'MutationPayloadQueryPlugin',
  'PgMutationPayloadEdgePlugin',
  'NodePlugin',
  'NodeIdCodecBase64JSONPlugin',
  'NodeIdCodecPipeStringPlugin',
  'RegisterQueryNodePlugin',
  'AddNodeInterfaceToSuitableTypesPlugin',
  'PgTableNodePlugin',
  'PgNodeIdAttributesPlugin',
  'QueryQueryPlugin',
  // What has no index can be asked for as by REST; statement_timeout is the bound.
  'PgIndexBehaviorsPlugin',
  'PgConditionArgumentPlugin',
  'PgConditionCustomFieldsPlugin',
  'PgJWTPlugin',
]

export const NamingPlugin: GraphileConfig.Plugin = {
  name: 'TmidbNamingPlugin',
  version: '0.0.0',
  after: ['PgSimplifyInflectionPlugin'],
  inflection: {
    replace: {
      // What stands in api and app has its own name; another schema says whose it is: fleet.truck is fleetTruck.
      _schemaPrefix: (_previous, _preset, { pgNamespace }) =>
        ['api', 'app'].includes(pgNamespace.nspname) ? '' : `${pgNamespace.nspname}_`,
      tableType(previous, _preset, codec) {
        return categoryView(codec)?.type ?? previous!(codec)
      },
      allRowsConnection(previous, _preset, resource) {
        return categoryView(resource)?.field ?? previous!(resource)
      },
      orderByType: (_previous, _preset, typeName) => `${typeName}OrderBy`,
      _attributeName(previous, _preset, details) {
        return nameTag(details.codec.attributes[details.attributeName]) ?? previous!(details)
      },
      attribute(previous, _preset, details) {
        return nameTag(details.codec.attributes[details.attributeName]) ?? previous!(details)
      },
      orderByAttributeEnum(_previous, _preset, { codec, attributeName, variant }) {
        return orderName(this.attribute({ codec, attributeName }), variant)
      },
    },
  },
  gather: {
    hooks: {
      // A view tells nothing about nulls. These columns never are, and saying so lets a cursor compare (ts, target_id, reading_id) as
      // one row value, which the index can follow.
      pgCodecs_attribute(_info, { attribute, pgAttribute }) {
        const view = pgAttribute.getClass()
        const never =
          view?.getTags().tmidbCategory !== undefined ? ownColumns : view?.relname === 'target' ? ['key', 'created_at'] : []
        if (never.includes(pgAttribute.attname)) attribute.notNull = true
      },
    },
  },
  schema: {
    entityBehavior: {
      pgResource: {
        override: {
          // Readings come in at one door; see mutations.
          callback: (behavior, resource) =>
            categoryView(resource) ? [behavior, '-single', '-insert', '-update', '-delete'] : behavior,
        },
      },
      pgCodec: {
        override: {
          callback: (behavior, codec) => (categoryView(codec) ? [behavior, '-insert', '-update', '-delete'] : behavior),
        },
      },
      pgResourceUnique: {
        override: {
          callback: (behavior, [resource]) => (categoryView(resource) ? [behavior, '-single'] : behavior),
        },
      },
      pgCodecAttribute: {
        override: {
          callback(behavior, [codec, attributeName]) {
            const attribute = codec.attributes[attributeName]
            if (categoryView(codec) && attributeName === 'reading_id') return [behavior, '-select', '-filterBy', '-orderBy']
            // The filter's own words win over a field of the same name; it can still be read and sorted by.
            const name = nameTag(attribute) ?? attributeName
            if (name === 'and' || name === 'or' || name === 'not') return [behavior, '-filterBy']
            // JSON by what it contains and which keys it has.
            return attribute?.codec === TYPES.jsonb ? [behavior, 'attribute:filterBy'] : behavior
          },
        },
      },
    },
    hooks: {
      // PostgreSQL prints the offset of the session, which is UTC ("TimeZone" in the request's settings): Z says the same.
      GraphQLScalarType(config) {
        if (config.name !== 'Datetime') return config
        return { ...config, serialize: (value) => String(value).replace(/\+00(?::00)?$/, 'Z') }
      },
    },
  },
}

/** fooBar_ and fooBar are two fields: what does not come back from UPPER_CASE keeps its own letters, so the two never meet. */
export function enumName(field: string): string {
  const upper = field.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase()
  return /^[a-z][A-Za-z0-9]*$/.test(field) && upper !== 'PRIMARY_KEY' ? upper : field
}

export function orderName(field: string, variant: string): string {
  return `${enumName(field)}_${variant.toUpperCase()}`
}
