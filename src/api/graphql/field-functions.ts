// SPDX-License-Identifier: MIT
// Which function a generated field calls, by the names that PostGraphile gives: the scope of a field says it of lists alone.
import type {} from 'postgraphile'
import type { PgCodec, PgResource } from 'postgraphile/@dataplan/pg'

type Functions = ReadonlyMap<string, PgResource>

interface Known {
  query: Map<string, PgResource>
  mutation: Map<string, PgResource>
  /** Those whose first argument is a row. */
  ofRow: Map<PgCodec, Map<string, PgResource>>
}

const known = new WeakMap<object, Known>()

/** By field, of the type that this is the scope of. */
export function fieldFunctions(build: GraphileBuild.Build, scope: object): Functions | undefined {
  let found = known.get(build)
  if (!found) known.set(build, (found = collect(build)))
  const { isRootQuery, isRootMutation, isPgClassType, pgCodec } = scope as Partial<{
    isRootQuery: boolean
    isRootMutation: boolean
    isPgClassType: boolean
    pgCodec: PgCodec
  }>
  if (isRootQuery) return found.query
  if (isRootMutation) return found.mutation
  return isPgClassType && pgCodec ? found.ofRow.get(pgCodec) : undefined
}

function collect({ inflection, pgResources }: GraphileBuild.Build): Known {
  const found: Known = { query: new Map(), mutation: new Map(), ofRow: new Map() }
  for (const resource of Object.values(pgResources) as PgResource[]) {
    if (!resource.parameters) continue
    const details = { resource: resource as never }
    if (resource.isMutation) {
      found.mutation.set(inflection.customMutationField(details), resource)
      continue
    }
    const codec = resource.parameters[0]?.codec as PgCodec | undefined
    if (codec?.attributes) {
      const ofRow = found.ofRow.get(codec) ?? new Map<string, PgResource>()
      found.ofRow.set(codec, ofRow)
      for (const name of [
        inflection.computedAttributeField(details),
        inflection.computedAttributeConnectionField(details),
        inflection.computedAttributeListField(details),
      ])
        ofRow.set(name, resource)
    }
    for (const name of [
      inflection.customQueryField(details),
      inflection.customQueryConnectionField(details),
      inflection.customQueryListField(details),
    ])
      if (!codec?.attributes) found.query.set(name, resource)
  }
  return found
}
