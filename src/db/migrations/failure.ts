// SPDX-License-Identifier: MIT
// What went wrong in a migration, so that one can mend it: the file, the line, the SQL around it, and PostgreSQL's own words.
import { TmiError } from '../../base/errors.ts'
import { lineAt, type Statement } from '../statements.ts'
import type { Migration } from './files.ts'

interface PgFailure {
  message?: string
  code?: string
  position?: string
  detail?: string
  hint?: string
  where?: string
}

export function failure(e: unknown, migration: Migration, statement: Statement, kept: string): TmiError {
  const { message, code, position, detail, hint, where } = e as PgFailure
  const offset = statement.offset + Math.max(0, Number(position ?? 1) - 1)
  const line = lineAt(migration.text, offset)
  const column = offset - migration.text.lastIndexOf('\n', offset - 1)
  const lines = migration.text.split('\n')
  const excerpt = [line - 1, line].filter((n) => n >= 1).map((n) => `${String(n).padStart(5)} | ${lines[n - 1]}`)
  if (position !== undefined) excerpt.push(`      | ${' '.repeat(column - 1)}^`)
  const said = [
    ...excerpt,
    detail && `Detail: ${detail}`,
    hint && `Hint: ${hint}`,
    where && `Where: ${where.split('\n')[0]}`,
    code === '55P03' &&
      'Somebody has the table in use for longer than the 10 s that a migration waits, so that it holds up nobody else.',
    kept,
  ]
  const place = { file: migration.path, line, sqlstate: code, statement: statement.text.slice(0, 2000) }
  return new TmiError('TM108', `${migration.path}:${line}: ${message ?? String(e)}`, {
    cause: e,
    hint: said.filter(Boolean).join('\n'),
    details: place,
  })
}
