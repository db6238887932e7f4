// SPDX-License-Identifier: MIT
// Changes of the API for people: what breaks first and whole, then what is new, each place on a line of its own.
import type { ApiChange } from '../../api/change.ts'
import type { Warning } from '../../db/migrations/run.ts'

const most = 30

export function changeLines(changes: readonly ApiChange[]): string[] {
  if (changes.length === 0) return ['The API stays as it is.']
  const [breaking, rest] = [changes.filter((c) => c.breaking), changes.filter((c) => !c.breaking)]
  return [...brokenLines(breaking), ...(rest.length > 0 ? [`The API changes (${rest.length}):`, ...shortened(rest)] : [])]
}

export function brokenLines(breaking: readonly ApiChange[]): string[] {
  return breaking.length > 0 ? [`This breaks the API (${breaking.length}):`, ...shortened(breaking, '!')] : []
}

function shortened(changes: readonly ApiChange[], sign?: string): string[] {
  const said = changes.filter((c) => !goesAlong(c)).map((c) => `  ${sign ?? signs[c.kind]} ${names[c.where]}  ${c.text}`)
  const along = changes.filter(goesAlong).map((c) => c.path)
  const more = said.length - most
  return [
    ...(more > 1 ? [...said.slice(0, most), `  … and ${more} more; --json lists all.`] : said),
    ...(along.length > 0
      ? [`  ${sign ?? ' '} GraphQL  and what goes along: ${along.slice(0, 8).join(', ')}${along.length > 8 ? ', …' : ''}`]
      : []),
  ]
}

const signs = { added: '+', removed: '-', changed: '~' } as const
const names = { graphql: 'GraphQL', openapi: 'OpenAPI' } as const

/** Types that GraphQL needs for each table and that nobody asks for by themselves. */
function goesAlong({ where, path }: ApiChange): boolean {
  return (
    where === 'graphql' && /(Connection|Edge|Condition|Filter|OrderBy|Input|Payload|Patch|Aggregates?|GroupBy)(\.|$)/.test(path)
  )
}

export function warningLines(warnings: readonly Warning[]): string[] {
  return warnings.flatMap((w) => [`Mind: ${w.what}`, `      ${w.mend}`])
}
