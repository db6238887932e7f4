// SPDX-License-Identifier: MIT
// The API's changelog: what became of it day by day, as far as the one who asks may know. tmidb.schema_changes() is its source.
import { type Claims, type Pool, readAs } from '../../db/pool.ts'

export interface Change {
  at: string
  category: string
  /** major.minor */
  version: string
  /** initial, additive, widening or breaking. */
  compatibility: string
  /** In words. */
  changes: string
  diff: unknown
}

export interface Changelog {
  days: { date: string; changes: Change[] }[]
}

const most = 1000

export async function changelog(pool: Pool, claims: Claims): Promise<Changelog> {
  const { rows } = await readAs<{ body: string }>(pool, claims, {
    name: 'changelog',
    text: `select coalesce(json_agg(c)::text, '[]') as body from (
      select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, category, version, compatibility, changes, diff
      from tmidb.schema_changes() limit $1) c`,
    values: [most],
  })
  const days = new Map<string, Change[]>()
  for (const change of JSON.parse(rows[0]?.body ?? '[]') as Change[]) {
    const date = change.at.slice(0, 10)
    const list = days.get(date)
    if (list) list.push(change)
    else days.set(date, [change])
  }
  return { days: [...days].map(([date, changes]) => ({ date, changes })) }
}

export function asMarkdown({ days }: Changelog): string {
  const entries = days.map(({ date, changes }) => {
    const lines = changes.map((c) => `- **${c.category} ${c.version}** (${c.compatibility}): ${c.changes}`)
    return `## ${date}\n\n${lines.join('\n')}\n`
  })
  return `# Changes of the API\n\n${entries.length > 0 ? entries.join('\n') : 'Nothing yet: the first reading of a category makes its first version.\n'}`
}
