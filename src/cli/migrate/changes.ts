// SPDX-License-Identifier: MIT
// Changes of the API for people: what breaks first and whole, then what is new, each place on a line of its own.
import type { ApiChange } from '../../api/change.ts'
import type { Warning } from '../../db/migrations/run.ts'

const most = 30

export function changeLines(changes: readonly ApiChange[]): string[] {
  if (changes.length === 0) return ['The API stays as it is.']
  const [breaking, rest] = [changes.filter((c) => c.breaking), changes.filter((c) => !c.breaking)]
  return [
    ...(breaking.length > 0 ? [`This breaks the API (${breaking.length}):`, ...shortened(breaking, '!')] : []),
    ...(rest.length > 0 ? [`The API changes (${rest.length}):`, ...shortened(rest)] : []),
  ]
}

function shortened(changes: readonly ApiChange[], sign?: string): string[] {
  const lines = [...changes]
    .sort((a, b) => weight(a) - weight(b))
    .map((c) => `  ${sign ?? signs[c.kind]} ${names[c.where]}  ${c.text}`)
  const more = lines.length - most
  return more > 1 ? [...lines.slice(0, most), `  … and ${more} more; --json lists all.`] : lines
}

const signs = { added: '+', removed: '-', changed: '~' } as const
const names = { graphql: 'GraphQL', openapi: 'OpenAPI' } as const

/** What callers write comes before the types that go along with it. */
function weight({ where, path }: ApiChange): number {
  if (where === 'openapi') return 0
  if (/^(Query|Mutation|Subscription)\./.test(path)) return 1
  return /(Connection|Edge|Condition|Filter|OrderBy|Input|Payload|Patch|Aggregates?|GroupBy)(\.|$)/.test(path) ? 3 : 2
}

export function warningLines(warnings: readonly Warning[]): string[] {
  return warnings.flatMap((w) => [`Mind: ${w.what}`, `      ${w.mend}`])
}
