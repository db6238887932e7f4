// SPDX-License-Identifier: MIT
// What the header Prefer asks for (RFC 7240), and what of it the answer says was followed.
import { RestError } from './error.ts'
import type { CountKind } from './sql.ts'

/** Names and the values they take; null for a whole number. */
const known = {
  resolution: ['merge-duplicates', 'ignore-duplicates'],
  missing: ['default', 'null'],
  return: ['representation', 'minimal', 'headers-only'],
  count: ['exact', 'planned', 'estimated'],
  tx: ['commit', 'rollback'],
  handling: ['strict', 'lenient'],
  'max-affected': null,
} as const

type Known = typeof known
export type Preference = keyof Known

export type Preferences = { readonly [K in Preference]?: Known[K] extends readonly (infer V)[] ? V : number } & {
  count?: CountKind
}

/** Of two that disagree the first is taken. What is not known is ignored, unless handling=strict. */
export function preferences(header: string | string[] | undefined): Preferences {
  if (header === undefined) return {}
  const found: Record<string, string | number> = {}
  const unknown: string[] = []
  for (const said of String(header).split(',')) {
    const preference = said.trim()
    const [name = '', value = ''] = preference.split('=', 2)
    const values: readonly string[] | null | undefined = Object.hasOwn(known, name) ? known[name as Preference] : undefined
    const fits = values === null ? /^\d{1,15}$/.test(value) : values?.includes(value)
    // Times are UTC here, whatever is preferred.
    if (fits) found[name] ??= values === null ? Number(value) : value
    else if (preference !== '' && name !== 'timezone') unknown.push(preference)
  }
  if (found.handling === 'strict' && unknown.length > 0) {
    throw new RestError(400, 'PGRST122', 'Invalid preferences given with handling=strict', {
      details: `Invalid preferences: ${unknown.join(', ')}`,
    })
  }
  return found as Preferences
}

/** For Preference-Applied: those of the names that were given. */
export function applied(given: Preferences, names: readonly Preference[]): Record<string, string> {
  const list = (Object.keys(known) as Preference[])
    .filter((n) => names.includes(n) && given[n] !== undefined && (n !== 'max-affected' || given.handling === 'strict'))
    .map((n) => `${n}=${given[n]}`)
  return list.length > 0 ? { 'preference-applied': list.join(', ') } : {}
}
