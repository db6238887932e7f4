// SPDX-License-Identifier: MIT
// Aggregates and groups of what a connection chose, for the relations whose comment says "@aggregates on" (tmidb.set_aggregates says it
// of a category's views): nine types each. They are worked out over the view, so they see what the caller sees and nothing else.
import { PgAggregatesPreset } from '@graphile/pg-aggregates'
import type {} from 'postgraphile'
import { type PgCodec, type PgCodecWithAttributes, type PgResource, type PgSelectStep, TYPES } from 'postgraphile/@dataplan/pg'
import { constant } from 'postgraphile/grafast'
import { type SQL, sql } from 'postgraphile/pg-sql2'
import { limits } from './limits.ts'
import { enumName } from './naming.ts'
import { categoryView } from './views.ts'

declare global {
  namespace GraphileBuild {
    interface AggregateSpecIds {
      count: true
      avg: true
      stddev: true
    }
    // Which the package has and does not declare.
    interface Inflection {
      aggregateContainerType(this: Inflection, details: { resource: PgResource }): string
      aggregateType(this: Inflection, details: { resource: PgResource; aggregateSpec: Specs[number] }): string
      aggregateGroupByType(this: Inflection, details: { resource: PgResource }): string
      aggregateGroupByAttributeEnum(this: Inflection, details: { resource: PgResource; attributeName: string }): string
      aggregateGroupByAttributeDerivativeEnum(
        this: Inflection,
        details: { resource: PgResource; attributeName: string; aggregateGroupBySpec: GroupBySpecs[number] },
      ): string
    }
  }
}

/** Not its filters and orders by aggregates of relations nor "having", which would triple the types. */
const used = [
  'PgAggregatesInflectorsPlugin',
  'PgAggregatesAddGroupByAggregateEnumsPlugin',
  'PgAggregatesAddGroupByAggregateEnumValuesForAttributesPlugin',
  'PgAggregatesAddAggregateTypesPlugin',
  'PgAggregatesAddConnectionAggregatesPlugin',
  'PgAggregatesAddConnectionGroupedAggregatesPlugin',
]

type Specs = GraphileBuild.Build['pgAggregateSpecs']
type GroupBySpecs = GraphileBuild.Build['pgAggregateGroupBySpecs']

const numbers = [TYPES.int2, TYPES.int, TYPES.bigint, TYPES.float4, TYPES.float, TYPES.numeric] as PgCodec[]
const times = [TYPES.timestamptz, TYPES.timestamp] as PgCodec[]
const isNumber = (codec: PgCodec) => numbers.includes(codec)
const isNumberOrTime = (codec: PgCodec) => isNumber(codec) || times.includes(codec)
const isComparable = (codec: PgCodec) => codec.hasNaturalEquality !== false && !codec.attributes
/** Sums and means of floats are floats, of all else numerics. */
const wider = (codec: PgCodec) => (codec === TYPES.float || codec === TYPES.float4 ? TYPES.float : TYPES.numeric)

function spec(
  id: Specs[number]['id'],
  label: string,
  isSuitableType: (codec: PgCodec) => boolean,
  sqlAggregateWrap: (value: SQL) => SQL,
  codec?: (of: PgCodec) => PgCodec,
): Specs[number] {
  const HumanLabel = label.slice(0, 1).toUpperCase() + label.slice(1)
  return { id, humanLabel: label, HumanLabel, isSuitableType, sqlAggregateWrap, ...(codec ? { pgTypeCodecModifier: codec } : {}) }
}

/** The names that api.series has for the same. Nothing to go by is null, the sum of nothing too. */
const specs: Specs = [
  spec(
    'count',
    'count of values',
    () => true,
    (v) => sql`count(${v})`,
    () => TYPES.bigint,
  ),
  spec(
    'distinctCount',
    'count of different values',
    isComparable,
    (v) => sql`count(distinct ${v})`,
    () => TYPES.bigint,
  ),
  spec('min', 'minimum', isNumberOrTime, (v) => sql`min(${v})`),
  spec('max', 'maximum', isNumberOrTime, (v) => sql`max(${v})`),
  spec('sum', 'sum', isNumber, (v) => sql`sum(${v})`, wider),
  spec('avg', 'mean', isNumber, (v) => sql`avg(${v})`, wider),
  spec('stddev', 'sample standard deviation', isNumber, (v) => sql`stddev_samp(${v})`, wider),
]

/** As time_bucket's widths. A field's name never has "_" before a digit, so none is called like these. */
const buckets = [
  ['1min', '1 minute'],
  ['5min', '5 minutes'],
  ['15min', '15 minutes'],
  ['1h', '1 hour'],
  ['1d', '1 day'],
] as const
const groupBySpecs: GroupBySpecs = buckets.map(([id, width]) => ({
  id,
  isSuitableType: (codec) => codec === TYPES.timestamptz,
  // Keys are strings: a time is written as everywhere else.
  sqlWrap: (ts) =>
    sql`to_char(date_bin(${sql.literal(width)}::interval, ${ts}, '2000-01-03 00:00:00Z'::timestamptz) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  sqlWrapCodec: () => TYPES.text,
}))

const isOn = (resource: PgResource) => (resource.extensions?.tags as { aggregates?: unknown } | undefined)?.aggregates === 'on'

export const aggregatePlugins: GraphileConfig.Plugin[] = [
  ...(PgAggregatesPreset.plugins ?? []).filter((p) => used.includes(p.name)),
  {
    name: 'TmidbAggregatesPlugin',
    version: '0.0.0',
    after: used,
    inflection: {
      replace: {
        aggregateContainerType(_previous, _preset, { resource }) {
          return `${this.tableType(resource.codec as PgCodecWithAttributes)}Aggregates`
        },
        aggregateType(_previous, _preset, { resource, aggregateSpec }) {
          return `${this.tableType(resource.codec as PgCodecWithAttributes)}${this.upperCamelCase(aggregateSpec.id)}`
        },
        aggregateGroupByType(_previous, _preset, { resource }) {
          return `${this.tableType(resource.codec as PgCodecWithAttributes)}GroupBy`
        },
        aggregateGroupByAttributeEnum(_previous, _preset, { resource, attributeName }) {
          return enumName(this.attribute({ codec: resource.codec as PgCodecWithAttributes, attributeName }))
        },
        aggregateGroupByAttributeDerivativeEnum(_previous, _preset, { resource, attributeName, aggregateGroupBySpec }) {
          return `${enumName(this.attribute({ codec: resource.codec as PgCodecWithAttributes, attributeName }))}_${aggregateGroupBySpec.id.toUpperCase()}`
        },
      },
    },
    schema: {
      // Asked for by the plugin whose registration is left out.
      behaviorRegistry: {
        add: { 'resource:groupedAggregates:having': { description: 'Not used.', entities: ['pgResource'] } } as never,
      },
      entityBehavior: {
        pgResource: {
          override: {
            callback: (behavior, resource) => [
              behavior,
              (isOn(resource) ? 'aggregates groupedAggregates' : '-aggregates -groupedAggregates') as typeof behavior,
            ],
          },
        },
      },
      hooks: {
        build: (build) => build.extend(build, { pgAggregateSpecs: specs, pgAggregateGroupBySpecs: groupBySpecs }, 'Aggregates'),
        // A group a moment is none; there are buckets for it.
        GraphQLEnumType_values(values, build, { scope }) {
          if (!scope.isPgAggregateGroupEnum) return values
          const codec = scope.pgTypeResource?.codec as PgCodecWithAttributes
          for (const [attributeName, attribute] of Object.entries(codec.attributes)) {
            if (times.includes(attribute.codec)) delete values[enumName(build.inflection.attribute({ codec, attributeName }))]
          }
          return values
        },
        GraphQLObjectType_fields_field(field, _build, { scope }) {
          const { plan } = field
          if (scope.fieldName !== 'groupedAggregates' || !plan) return field
          return {
            ...field,
            description: `Groups of what the connection chose, at most ${limits.page}: of readings in the order of their first one, of other rows the largest first.`,
            plan(...args) {
              const $groups = plan(...args) as unknown as PgSelectStep
              const isReadings = categoryView($groups.resource) !== null
              $groups.orderBy({
                fragment: isReadings ? sql`min(${$groups.alias}.ts)` : sql`count(*)`,
                codec: isReadings ? TYPES.timestamptz : TYPES.bigint,
                direction: isReadings ? 'ASC' : 'DESC',
              })
              $groups.setFirst(constant(limits.page) as never)
              return $groups as never
            },
          }
        },
      },
    },
  },
]
