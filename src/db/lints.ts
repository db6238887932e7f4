// SPDX-License-Identifier: MIT
// The rules that a database keeps (db/lint): each file is one select that must return no row. Its first comment says the rule, the next
// how bad a break of it is. A row says "what" breaks it and perhaps the statement that mends it; where the object's own comment has a line
// "@lint_ok <name>: <reason>", that was meant so: an exception stands beside what it excuses, and travels with the migration that made it.
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { dbDir } from './migrate.ts'
import type { Client } from './superuser.ts'

export const levels = ['error', 'warn', 'info'] as const
export type Level = (typeof levels)[number]

export interface Lint {
  name: string
  /** What must hold, in a sentence. */
  rule: string
  level: Level
  sql: string
}

export interface Finding {
  lint: string
  level: Level
  what: string
  mend: string | null
  /** Why it is meant so, if the object's comment says that. */
  reason: string | null
}

export function readLints(): Lint[] {
  return globSync(join(dbDir, 'lint', '*.sql'))
    .sort()
    .map((file) => {
      const sql = readFileSync(file, 'utf8')
      const [, rule = '', level = ''] = /^-- SPDX.*\n-- (.+)\n(?:-- .*\n)*?-- level: (\w+)\n/.exec(sql) ?? []
      if (rule === '' || !isLevel(level))
        throw new Error(`${file} does not begin with its rule and "-- level: error", warn or info.`)
      return { name: basename(file, '.sql'), rule, level, sql }
    })
}

/** What breaks one rule. The caller's transaction keeps the search_path that lets PostgreSQL write every name with its schema. */
export async function findings(client: Client, lint: Lint): Promise<Finding[]> {
  const { rows } = await client.query<{ what: string; mend?: string | null; comment?: string | null }>(lint.sql)
  return rows.map(({ what, mend, comment }) => ({
    lint: lint.name,
    level: lint.level,
    what,
    mend: mend ?? null,
    reason: reasonIn(comment ?? '', lint.name),
  }))
}

/** Every rule but those left out, the worst first; nothing is changed. An administrator may ask. */
export async function allFindings(client: Client, without: string[] = []): Promise<Finding[]> {
  await client.query('begin isolation level repeatable read read only')
  try {
    await client.query(qualifiedNames)
    const found: Finding[] = []
    for (const lint of readLints()) if (!without.includes(lint.name)) found.push(...(await findings(client, lint)))
    return found.sort((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level))
  } finally {
    await client.query('rollback')
  }
}

export const qualifiedNames = 'set local search_path = pg_catalog'

function reasonIn(comment: string, lint: string): string | null {
  for (const [, name, reason = ''] of comment.matchAll(/^@lint_ok\s+(\w+):[ \t]*(\S.*)$/gm)) if (name === lint) return reason
  return null
}

function isLevel(word: string): word is Level {
  return (levels as readonly string[]).includes(word)
}
