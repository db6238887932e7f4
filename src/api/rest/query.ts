// SPDX-License-Identifier: MIT
// A read as a plain tree: what PostgREST's grammar can say, before any relation is known.

export interface Field {
  name: string
  /** data->a->0->>b: steps, the last of which may be to text. */
  path: readonly PathStep[]
}

export interface PathStep {
  key: string | number
  text: boolean
}

export type SelectItem = { kind: 'all' } | { kind: 'field'; field: Field; alias: string | null; cast: Cast | null } | Embed

/** site!fk!inner(...): what is embedded is a read of its own. */
export interface Embed {
  kind: 'embed'
  /** As written: a relation, a foreign key or its column. */
  name: string
  alias: string | null
  hint: string | null
  inner: boolean
  spread: boolean
  query: Query
}

export const casts = [
  'text',
  'varchar',
  'int',
  'int2',
  'int4',
  'int8',
  'integer',
  'smallint',
  'bigint',
  'real',
  'float4',
  'float8',
  'numeric',
  'decimal',
  'boolean',
  'bool',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'json',
  'jsonb',
] as const
export type Cast = (typeof casts)[number]

export const comparisons = [
  'eq',
  'neq',
  'gt',
  'gte',
  'lt',
  'lte',
  'like',
  'ilike',
  'match',
  'imatch',
  'cs',
  'cd',
  'ov',
  'sl',
  'sr',
  'nxr',
  'nxl',
  'adj',
  'isdistinct',
] as const
export type Comparison = (typeof comparisons)[number]

export const searches = ['fts', 'plfts', 'phfts', 'wfts'] as const
export type Search = (typeof searches)[number]

export const isValues = ['null', 'not_null', 'true', 'false', 'unknown'] as const
export type IsValue = (typeof isValues)[number]

export type Condition =
  | { kind: 'compare'; field: Field; not: boolean; op: Comparison; value: string }
  | { kind: 'quantified'; field: Field; not: boolean; op: Comparison; how: 'any' | 'all'; values: readonly string[] }
  | { kind: 'search'; field: Field; not: boolean; op: Search; language: string | null; value: string }
  | { kind: 'in'; field: Field; not: boolean; values: readonly string[] }
  | { kind: 'is'; field: Field; not: boolean; value: IsValue }
  | { kind: 'logic'; op: 'and' | 'or'; not: boolean; conditions: readonly Condition[] }

export interface OrderItem {
  field: Field
  /** site(name): the embedded relation whose column it is. */
  embed: string | null
  descending: boolean
  nulls: 'first' | 'last' | null
}

export interface Query {
  /** null: everything. */
  select: readonly SelectItem[] | null
  /** All of them hold. */
  where: readonly Condition[]
  order: readonly OrderItem[] | null
  limit: number | null
  offset: number | null
  /** The cursor after which the page begins; "" is the first page; null: not asked for. */
  after: string | null
}

/** What an embedded relation is called in the answer, in filters and in orders. */
export function embedName(embed: Embed): string {
  return embed.alias ?? embed.name
}

export function embedsOf(query: Query): Embed[] {
  return (query.select ?? []).filter((item): item is Embed => item.kind === 'embed')
}
