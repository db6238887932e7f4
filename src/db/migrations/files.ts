// SPDX-License-Identifier: MIT
// A folder of migrations as written by an administrator: files "<UTC timestamp>_<name>.sql" with "-- Up Migration" and "-- Down
// Migration", in the form that node-pg-migrate reads too.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TmiError } from '../../base/errors.ts'
import { lineAt, type Statement, splitStatements } from '../statements.ts'

export type Direction = 'up' | 'down'

export interface Part {
  /** The part as it stands in the file, its marker included. */
  text: string
  statements: Statement[]
  sha256: string
}

export interface Migration {
  /** The file's name without .sql; its timestamp makes the order. */
  name: string
  path: string
  text: string
  /** False after a line "-- no transaction": one statement that PostgreSQL takes only outside of one. */
  isTransactional: boolean
  up: Part
  down: Part | null
}

export interface Folder {
  migrations: Migration[]
  /** Files that end on .sql without being migrations. */
  strangers: string[]
}

const fileName = /^\d{4,17}[_-][^/]+\.sql$/

export function readFolder(dir: string): Folder {
  let names: string[]
  try {
    names = readdirSync(dir).filter((name) => name.endsWith('.sql'))
  } catch (e) {
    if ((e as { code?: string }).code === 'ENOENT') return { migrations: [], strangers: [] }
    throw e
  }
  const ours = names.filter((name) => fileName.test(name)).sort()
  return {
    migrations: ours.map((name) => readMigration(join(dir, name), name.slice(0, -4))),
    strangers: names.filter((name) => !fileName.test(name)).sort(),
  }
}

function readMigration(path: string, name: string): Migration {
  // A checkout with other line ends is the same migration.
  const text = readFileSync(path, 'utf8').replaceAll('\r\n', '\n')
  const up = marker(text, 'up')
  const down = marker(text, 'down')
  if (down !== null && up === null) throw new TmiError('TM108', `${path}: "-- Up Migration" is missing.`)
  if (down !== null && up !== null && down < up) {
    throw new TmiError('TM108', `${path}:${lineAt(text, down)}: "-- Down Migration" stands before "-- Up Migration".`)
  }
  const head = text.slice(0, up ?? 0)
  return {
    name,
    path,
    text,
    isTransactional: !/^--\s*no[ -]transaction\s*$/im.test(head),
    // What stands above "Up" counts to it, so that an edited header is an edited file.
    up: part(text, 0, down ?? text.length),
    down: down === null ? null : part(text, down, text.length),
  }
}

function marker(text: string, direction: Direction): number | null {
  const at = text.search(new RegExp(`^[ \\t]*--[ \\t-]*${direction}\\s+migration`, 'im'))
  return at < 0 ? null : at
}

function part(text: string, from: number, to: number): Part {
  const own = text.slice(from, to)
  return {
    text: own.trim(),
    statements: splitStatements(own).map((s) => ({ text: s.text, offset: s.offset + from })),
    sha256: createHash('sha256').update(own.trim()).digest('hex'),
  }
}

/** What ends or begins a transaction would keep half of a migration. */
const ownTransaction = /^(begin|start\s+transaction|commit|end|rollback(?!\s+to\b)|abort|prepare\s+transaction)\b/i

/** What PostgreSQL takes only outside of a transaction and what adds nothing that can break the API. */
const outside = /^(create\s+(unique\s+)?index\s+concurrently|drop\s+index\s+concurrently|reindex|vacuum|analyze)\b/i

/** The part to run, or why it cannot be run; asked before anything is. */
export function runnable(migration: Migration, direction: Direction): Part {
  const { path, text, isTransactional } = migration
  const found = migration[direction]
  const refuse = (message: string, offset: number, hint: string) => {
    throw new TmiError('TM108', `${path}:${lineAt(text, offset)}: ${message}`, { hint })
  }
  if (!found) {
    throw new TmiError('TM108', `${path} has no "-- Down Migration".`, { hint: 'Write one, or a new migration that undoes it.' })
  }
  for (const s of found.statements) {
    const word = ownTransaction.exec(s.text)?.[0]
    if (word && isTransactional) {
      refuse(
        `"${word}" cannot stand in a migration.`,
        s.offset,
        'Each migration is run in a transaction of its own; leave it out.',
      )
    }
    if (!isTransactional && !outside.test(s.text)) {
      const hint = 'create or drop index concurrently, reindex, vacuum, analyze; put everything else into a file of its own.'
      refuse('This statement needs a transaction.', s.offset, `Outside of one these can run: ${hint}`)
    }
  }
  const second = found.statements[1]
  if (!isTransactional && second) {
    refuse(
      'A file with "-- no transaction" has one statement only.',
      second.offset,
      'If it failed, what came before would stay. Make a file of each.',
    )
  }
  return found
}
