// SPDX-License-Identifier: MIT
// Which relationship an embedded name means. One that is not there, and one that could be several, are refused as PostgREST does.
import { isBound, type RequestRole } from '../../db/pool.ts'
import { type Catalog, may, type Relation } from './catalog.ts'
import { RestError } from './error.ts'
import { type Embed, embedsOf, type Query } from './query.ts'
import type { Relationship } from './relationships.ts'

/** A read whose embedded relations are known. */
export interface Linked {
  relation: Relation
  query: Query
  embeds: readonly LinkedEmbed[]
}

export interface LinkedEmbed extends Linked {
  embed: Embed
  via: Relationship
}

export interface LinkContext {
  catalog: Catalog
  /** The API major of the address: a category's name means its view of this major, else its newest. */
  major: number | null
  /** For whom: names of relations that it has no right on are not suggested. */
  role: RequestRole
  /** Whether the one who asks may know of a category at all. */
  isKnown: (category: string) => boolean
}

export function link(context: LinkContext, relation: Relation, query: Query): Linked {
  return {
    relation: asSeen(relation, context.role),
    query,
    embeds: embedsOf(query).map((embed) => {
      const via = relationship(context, relation, embed)
      return { ...link(context, via.to, embed.query), embed, via }
    }),
  }
}

/** Categories that the read looks into beside its own. */
export function embeddedCategories({ embeds }: Linked): string[] {
  return embeds.flatMap((e) => [...(e.relation.category === null ? [] : [e.relation.category]), ...embeddedCategories(e)])
}

const seen = new WeakMap<Relation, Map<RequestRole, Relation>>()

/** A table without the columns that a role bound by rules may not read; a key that it does not see whole is none. */
export function asSeen(relation: Relation, role: RequestRole): Relation {
  if (!isBound(role) || relation.category !== null) return relation
  let ofRole = seen.get(relation)
  if (!ofRole) seen.set(relation, (ofRole = new Map()))
  let found = ofRole.get(role)
  if (!found) {
    const shown = [...relation.columns].filter(([, c]) => c.rights === undefined || (c.rights.get(role)?.has('select') ?? false))
    const columns = new Map(shown)
    const isWhole = (key: readonly string[]) => key.every((c) => columns.has(c))
    found =
      shown.length === relation.columns.size
        ? relation
        : { ...relation, columns, key: isWhole(relation.key) ? relation.key : [], uniques: relation.uniques.filter(isWhole) }
    ofRole.set(role, found)
  }
  return found
}

function relationship(context: LinkContext, from: Relation, embed: Embed): Relationship {
  // Of who is bound by rules: tables and columns that it has no right on are not there.
  const sees = (r: Relation, columns: readonly string[]) =>
    !isBound(context.role) || (may(r, context.role, 'select') && columns.every((c) => asSeen(r, context.role).columns.has(c)))
  const joins = (r: Relationship) =>
    sees(
      r.from,
      r.columns.map(([a]) => a),
    ) &&
    (r.junction === null
      ? sees(
          r.to,
          r.columns.map(([, b]) => b),
        )
      : sees(r.to, []) && sees(r.junction.relation, []))
  const known = (context.catalog.relationships.get(from) ?? []).filter((r) =>
    r.to.category === null ? joins(r) : context.isKnown(r.to.category),
  )
  const matching = known.filter((r) => matches(context, r, embed))
  // As in addresses: a relation, then a category, then the view of a category.
  const rank = ({ to }: Relationship) => (to.category === null ? 0 : to.category === embed.name ? 1 : 2)
  const first = Math.min(...matching.map(rank))
  const found = matching.filter((r) => rank(r) === first)
  const [only, ...more] = found
  if (only === undefined) throw noRelationship(context, from, embed, known)
  if (more.length > 0) throw ambiguous(context, from, embed, found)
  return only
}

function matches(context: LinkContext, r: Relationship, { name, hint }: Embed): boolean {
  const single = r.columns.length === 1 && r.junction === null ? r.columns[0] : undefined
  if (r.from === r.to) {
    // One foreign key, two ways: down by the relation's name, up by the column's.
    if (r.cardinality === 'one-to-many') return name === r.to.name && (hint === null || hint === r.name || hint === single?.[1])
    return r.cardinality === 'many-to-one' && hint === null && name === single?.[0]
  }
  if (!isCalled(context, r.to, name)) {
    if (hint !== null || r.junction !== null || r.to.kind === 'view') return false
    return name === r.name || (name === single?.[0] && r.cardinality !== 'one-to-many')
  }
  return hint === null || hint === r.name || (single?.includes(hint) ?? false)
}

/** A category's view answers to the name of the category too. */
function isCalled({ catalog, major }: LinkContext, relation: Relation, name: string): boolean {
  if (relation.name === name) return true
  if (relation.category !== name) return false
  const versions = catalog.categories.get(name) ?? []
  return relation === (versions.find((v) => v.major === major) ?? versions[0])
}

function noRelationship(context: LinkContext, from: Relation, embed: Embed, known: readonly Relationship[]): RestError {
  const near = known.find(({ to }) => may(to, context.role, 'select') && to.name !== embed.name && isNear(to.name, embed.name))
    ?.to.name
  const hinted = embed.hint === null ? '' : ` using the hint '${embed.hint}'`
  const origin = context.catalog.relations.get(from.name) === from ? from.name : `${from.schema}.${from.name}`
  return new RestError(
    400,
    'PGRST200',
    `Could not find a relationship between '${origin}' and '${embed.name}' in the schema cache`,
    {
      details: `Searched for a foreign key relationship between '${origin}' and '${embed.name}'${hinted} in the schema '${from.schema}', but no matches were found.`,
      ...(near === undefined ? {} : { hint: `Perhaps you meant '${near}' instead of '${embed.name}'.` }),
    },
  )
}

function isNear(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  return short.length >= 3 && long.length - short.length <= 3 && long.startsWith(short)
}

/** What the role may read nothing of is not named: neither a relation nor a junction. */
function ambiguous({ role }: LinkContext, from: Relation, { name }: Embed, all: readonly Relationship[]): RestError {
  const found = all.filter((r) => may(r.to, role, 'select') && (r.junction === null || may(r.junction.relation, role, 'select')))
  const list = (columns: readonly string[]) => `(${columns.join(', ')})`
  const here = (r: Relationship) => list(r.columns.map(([a]) => a))
  const there = (r: Relationship) => list(r.columns.map(([, b]) => b))
  const hints = found.map((r) => `'${r.to.name}!${r.name}'`).join(', ')
  return new RestError(
    300,
    'PGRST201',
    `Could not embed because more than one relationship was found for '${from.name}' and '${name}'`,
    {
      details: found.map((r) => ({
        cardinality: r.cardinality,
        embedding: `${from.name} with ${r.to.name}`,
        relationship: r.junction
          ? `${r.name} using ${r.junction.names[0]}${there(r)} and ${r.junction.names[1]}${list(r.junction.columns.map(([a]) => a))}`
          : `${r.name} using ${from.name}${here(r)} and ${r.to.name}${there(r)}`,
      })),
      ...(found.length === 0
        ? {}
        : {
            hint: `Try changing '${name}' to one of the following: ${hints}. Find the desired relationship in the 'details' key.`,
          }),
    },
  )
}
