// SPDX-License-Identifier: MIT
import type { Ask } from '../administrator.ts'
import { type Args, exit, print, printJson, UsageError } from '../command.ts'

interface Grant {
  grant_id: string
  holder: string
  actions: string[]
  category: string | null
  target: string | null
  target_group: string | null
  fields: string[] | null
  time_window: string | null
  words: string
  created_at: Date
}

const listed = `select grant_id, holder, actions, category, target, target_group, fields, time_window::text, words, created_at
  from tmidb.access_grants()`

export async function grant(ask: Ask, { values, json }: Args, [who]: readonly string[]): Promise<number> {
  const { category = null, group = null, window = null, fields } = values as Record<string, string | undefined>
  const [made] = await ask<{ ids: string[] }>('select tmidb.grant_access($1, $2, $3, $4, $5, $6, $7::interval) as ids', [
    who,
    values.action ?? ['read'],
    category,
    values.target ?? null,
    group,
    fields === undefined ? null : named(fields),
    window,
  ])
  const rows = await ask<Grant>(`${listed} where grant_id = any($1) order by grant_id`, [made?.ids ?? []])
  show(rows, json, '')
  return exit.ok
}

function named(fields: string): string[] {
  const names = fields.split(',').map((f) => f.trim())
  if (names.includes(''))
    throw new UsageError('--fields names at least one field; without it all are meant, and who is to see none needs no grant.')
  return names
}

export async function revoke(ask: Ask, { json }: Args, words: readonly string[]): Promise<number> {
  const odd = words.find((w) => !/^\d{1,18}$/.test(w))
  if (odd !== undefined) throw new UsageError(`"${odd}" is not the number of a grant; "tmictl access list" shows them.`)
  const gone = await ask<Grant>(`${listed} where grant_id = any($1) order by grant_id`, [words])
  // All of them or none: one statement is one transaction.
  await ask('select tmidb.revoke_access(g) from unnest($1::bigint[]) g', [words])
  if (json) printJson({ revoked: gone })
  else for (const g of gone) print(`${g.holder} has no longer: ${g.words}`)
  return exit.ok
}

export async function list(ask: Ask, { json }: Args, [who]: readonly string[]): Promise<number> {
  // Whoever is misspelled is told so.
  if (who !== undefined) await ask('select tmidb.explain_access($1)', [who])
  const rows = await ask<Grant>(`${listed} where $1::text is null or holder = $1 order by holder, grant_id`, [who ?? null])
  show(rows, json, who === undefined ? 'Nothing was granted yet.' : `${who} was granted nothing.`)
  return exit.ok
}

function show(grants: Grant[], json: boolean, none: string): void {
  if (json) printJson({ grants: grants.map((g) => ({ ...g, grant_id: Number(g.grant_id) })) })
  else if (grants.length === 0) print(none)
  else for (const g of grants) print(`${g.holder.padEnd(20)} ${g.words}`)
}
