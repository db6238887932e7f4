// SPDX-License-Identifier: MIT
// Why somebody sees something or not, and what they see.
import type { Ask } from '../administrator.ts'
import { type Args, exit, print, printJson, UsageError } from '../command.ts'

interface Explained {
  verdict: boolean
  grant_id: string | null
  because: string
  steps: string[]
  grants: { grant_id: number; grant: string; applies: boolean; why: string }[]
}

export async function explain(ask: Ask, { values, json }: Args, words: readonly string[]): Promise<number> {
  const [who, category = null, target = null, field = null] = words
  const { ts = null, address = null } = values as Record<string, string | undefined>
  const [action = 'read', another] = (values.action as string[] | undefined) ?? []
  if (another !== undefined) throw new UsageError('Ask for one --action at a time.')
  const [told] = await ask<Explained>(
    'select * from tmidb.explain_access($1, $2, $3, $4, coalesce($5::timestamptz, now()), $6, $7::inet)',
    [who, category, target, field, ts, action, address],
  )
  const { verdict, grant_id, because, steps, grants } = told as Explained
  if (json) printJson({ who, verdict, grant: grant_id === null ? null : Number(grant_id), because, steps, grants })
  else {
    print(`${verdict ? 'yes' : 'no'}: ${because}`)
    for (const step of steps.slice(1)) print(`    ${step}`)
    const others = grants.filter((g) => verdict && String(g.grant_id) !== grant_id)
    if (others.length > 0) print('other grants:')
    for (const g of others) print(`    ${g.grant}: ${g.why}`)
  }
  return verdict ? exit.ok : exit.notAllowed
}

export async function view(ask: Ask, { values, json }: Args, [who, category]: readonly string[]): Promise<number> {
  const limit = Number(values.limit ?? 20)
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError(`"${values.limit}" is not a number of rows.`)
  await ask('select tmidb.view_as($1)', [who])
  if (category !== undefined) {
    const rows = await ask<{ row: object }>('select r as row from tmidb.newest_rows($1, $2) r', [category, limit])
    if (json) printJson({ who, category, rows: rows.map(({ row }) => row) })
    else for (const { row } of rows) print(JSON.stringify(row))
    return exit.ok
  }
  const categories = await ask<{ category: string; columns: string[] | null }>(
    'select category, columns from tmidb.visible_categories() order by category',
  )
  if (json) printJson({ who, categories })
  else if (categories.length === 0) print(`${who} sees nothing.`)
  else for (const c of categories) print(`${c.category.padEnd(20)} ${c.columns === null ? 'all fields' : c.columns.join(', ')}`)
  return exit.ok
}
