// SPDX-License-Identifier: MIT
// Which of PostGraphile's resources are categories' views: publish_views() in SQL says so by smart tags.

/** Resources and codecs of PostGraphile carry the smart tags of a relation's comment. */
interface Tagged {
  extensions?: { tags?: Partial<Record<string, unknown>> | undefined } | undefined
}

export interface CategoryView {
  /** Name of the root field, `sensorV1`. */
  field: string
  /** Name of the row's type, `SensorV1`. */
  type: string
  category: string
  major: number
  /** Why one should move on, if there is a newer major. */
  deprecated: string | undefined
}

/** The view's own columns beside the fields of the payload. */
export const ownColumns: readonly string[] = ['target', 'target_id', 'ts', 'reading_id']

export function categoryView(tagged: Tagged | null | undefined): CategoryView | null {
  const tags = tagged?.extensions?.tags
  if (typeof tags?.tmidbCategory !== 'string' || typeof tags.name !== 'string') return null
  return {
    field: tags.name,
    type: tags.name.slice(0, 1).toUpperCase() + tags.name.slice(1),
    category: tags.tmidbCategory,
    major: Number(tags.tmidbMajor),
    deprecated: typeof tags.deprecated === 'string' ? tags.deprecated : undefined,
  }
}

/** The GraphQL name that SQL chose for a column, if it did. */
export function nameTag(tagged: Tagged | null | undefined): string | null {
  const name = tagged?.extensions?.tags?.name
  return typeof name === 'string' ? name : null
}
