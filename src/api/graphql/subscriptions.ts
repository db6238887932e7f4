// SPDX-License-Identifier: MIT
// One subscription field for each category view, fed by the hub, which knows what each identity may see. A subscription runs on the
// schema it was opened with, so it goes on, with the same fields, while newer schemas appear.
import type {} from 'postgraphile'
import type { PgCodec, PgCodecAttribute, PgResource } from 'postgraphile/@dataplan/pg'
import { access, constant, context, lambda, listen, object, type Step } from 'postgraphile/grafast'
import { extendSchema } from 'postgraphile/utils'
import type { Caller } from '../../base/caller.ts'
import type { Identity } from '../../db/access.ts'
import { filterTypeDefs, filterTypeName, type Kind, liveFilter } from './live-filter.ts'
import { type CategoryView, categoryView, ownColumns } from './views.ts'

export interface LiveTopic {
  identity: Identity
  /** Who is asked for again when access changes. */
  caller?: Caller | undefined
  category: string
  major: number
  targets?: string[] | null
  since?: string | null
  /** Which events are of interest. */
  passes?: ((row: LiveRow) => boolean) | null
}

export interface LiveRow {
  cursor: string
  category: string
  version: string
  target: string
  ts: string
  /** The typed fields of the asked major, by their GraphQL names. */
  row: Record<string, unknown> | null
}

/** What this needs of the live hub. */
export interface LiveSource {
  subscribe(topic: LiveTopic): AsyncIterableIterator<LiveRow>
}

declare global {
  namespace Grafast {
    interface Context {
      hub?: LiveSource
      identity?: Identity
      caller?: Caller | undefined
    }
  }
}

export const SubscriptionsPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const typeDefs: string[] = []
  const objects: Record<string, { plans: Record<string, unknown> }> = {}
  const fields: string[] = []
  const plans: Record<string, unknown> = {}
  for (const resource of Object.values(build.pgResources) as PgResource[]) {
    const view = categoryView(resource)
    if (!view) continue
    const event = eventType(build, view, resource.codec)
    typeDefs.push(event.typeDefs)
    objects[event.name] = { plans: event.plans }
    const deprecated = view.deprecated === undefined ? '' : ` @deprecated(reason: ${JSON.stringify(view.deprecated)})`
    fields.push(`"""Readings of ${view.category} as they are stored, in the order of each target."""
      ${view.field}(
        """Only of these targets, by their keys."""
        targets: [String!]
        """Goes on behind the event that carried this cursor."""
        since: String
        """Only events that pass, as rows do in a connection's filter."""
        filter: ${event.name}Filter
      ): ${event.name}${deprecated}`)
    plans[view.field] = { subscribePlan: subscribePlan(view, event.filtered), plan: ($event: Step) => $event }
  }
  if (fields.length === 0) return { typeDefs: [] }
  const source = `${filterTypeDefs}\n${typeDefs.join('\n')}\nextend type Subscription {\n${fields.join('\n')}\n}`
  return { typeDefs: parseSdl(build, source), objects: { ...objects, Subscription: { plans } } as never }
}, 'TmidbSubscriptionsPlugin')

/** The types that fields of a view can have (tmidb.to_number and its like); codecs have no GraphQL type yet when this runs. */
const typeNames: Record<string, Kind | undefined> = {
  float8: 'Float',
  numeric: 'BigFloat',
  bool: 'Boolean',
  text: 'String',
  jsonb: 'JSON',
}

function parseSdl(build: GraphileBuild.Build, source: string) {
  return build.graphql.parse(source, { noLocation: true })
}

function eventValue(row: LiveRow, field: string): unknown {
  return field === 'target' || field === 'ts' ? row[field] : ownField(row.row, field)
}

function ownField(row: LiveRow['row'], name: string): unknown {
  return row && Object.hasOwn(row, name) ? row[name] : null
}

function subscribePlan({ category, major }: CategoryView, fields: ReadonlyMap<string, Kind>) {
  const passes = (filter: unknown) => (filter ? liveFilter<LiveRow>(filter as object as never, fields, eventValue) : null)
  return (_$root: Step, args: { getRaw(name: string): Step }) => {
    const $context = context()
    const $topic = object({
      identity: $context.get('identity') as Step,
      caller: $context.get('caller') as Step,
      category: constant(category),
      major: constant(major),
      targets: args.getRaw('targets'),
      since: args.getRaw('since'),
      passes: lambda(args.getRaw('filter'), passes, true),
    })
    return listen($context.get('hub') as never, $topic as never)
  }
}

/** Own fields first; a payload field of the same name steps back with "_", as columns do in SQL. */
function eventType(build: GraphileBuild.Build, view: CategoryView, codec: PgCodec) {
  const name = `${view.type}Event`
  const taken = new Set(['cursor', 'category', 'version', 'target', 'ts'])
  const plans: Record<string, unknown> = {}
  const lines: string[] = []
  /** By the names that the connection's filter has. */
  const filtered = new Map<string, Kind>([
    ['target', 'String'],
    ['ts', 'Datetime'],
  ])
  for (const [attributeName, attribute] of Object.entries(codec.attributes ?? {}) as [string, PgCodecAttribute][]) {
    if (ownColumns.includes(attributeName)) continue
    const type = typeNames[attribute.codec.name]
    if (type === undefined) continue
    const source = build.inflection.attribute({ codec: codec as never, attributeName })
    // The filter's own words.
    if (!['and', 'or', 'not'].includes(source)) filtered.set(source, type)
    let field = source
    while (taken.has(field)) field += '_'
    taken.add(field)
    lines.push(`${attribute.description ? JSON.stringify(attribute.description) : ''} ${field}: ${type}`)
    plans[field] =
      source in Object.prototype
        ? // A row is plain JSON: without the look, a field "constructor" that it has not would be Object's.
          ($event: Step) => lambda(access($event, ['row']), (row) => ownField(row as LiveRow['row'], source), true)
        : ($event: Step) => access($event, ['row', source])
  }
  const typeDefs = `"""A reading of ${view.category} that was just stored."""
    type ${name} {
      """Where this event stands; "since" goes on behind it."""
      cursor: String!
      category: String!
      """The schema version of the reading, major.minor."""
      version: String!
      """Key of the target."""
      target: String!
      """Time of the reading."""
      ts: Datetime!
      ${lines.join('\n      ')}
    }
    """Which events of ${view.category}; all fields together."""
    input ${name}Filter {
      ${[...filtered].map(([field, kind]) => `${field}: ${filterTypeName(kind)}`).join('\n      ')}
      and: [${name}Filter!]
      or: [${name}Filter!]
      not: ${name}Filter
    }`
  return { name, typeDefs, plans, filtered }
}
