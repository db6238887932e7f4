// SPDX-License-Identifier: MIT
// What acts and who may see: db/functions and db/policies, applied whole, in one transaction, in the order that their
// "-- after: name, name" lines ask for. An error names the file and the line.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { TmiError } from '../base/errors.ts'
import { lineAt, splitStatements } from './statements.ts'
import type { Client } from './superuser.ts'

/** Applied by a superuser: roles before everything else, event triggers behind it. */
export const superuserFiles = ['roles', 'event_triggers'] as const
const superuserPaths: string[] = superuserFiles.map((name) => join('db', 'policies', `${name}.sql`))

/** In the order of application. */
const folders = ['functions/tmidb', 'functions/api', 'policies']

export interface CodeFile {
  path: string
  name: string
  text: string
  after: string[]
}

export function readCode(dbDir: string): CodeFile[] {
  const files = folders.flatMap((folder) =>
    sqlFiles(join(dbDir, folder)).map((file) => {
      const text = readFileSync(file, 'utf8')
      return { path: join('db', relative(dbDir, file)), name: basename(file, '.sql'), text, after: afterNames(text) }
    }),
  )
  return inOrder(files.filter((f) => !superuserPaths.includes(f.path)))
}

/** One hash a folder; roles.sql counts too, since policies speak of its roles. */
export function codeHashes(dbDir: string): Record<string, string> {
  const hash = (top: string) => {
    const sum = createHash('sha256')
    for (const folder of folders.filter((f) => f.split('/')[0] === top)) {
      for (const file of sqlFiles(join(dbDir, folder))) {
        sum
          .update(`${relative(dbDir, file)}\0`)
          .update(readFileSync(file))
          .update('\0')
      }
    }
    return sum.digest('hex')
  }
  return { 'db/functions': hash('functions'), 'db/policies': hash('policies') }
}

export async function applyCode(client: Client, files: CodeFile[], finish: () => Promise<void>): Promise<void> {
  await client.query('begin; set local client_min_messages = warning')
  try {
    await applyAll(client, files)
    await client.query('set local role tmidb_owner')
    await finish()
    await client.query('commit')
  } catch (e) {
    await client.query('rollback').catch(() => {})
    throw e
  }
}

/** A file that needs what a later one makes is tried again after the others, as long as that helps. */
async function applyAll(client: Client, files: CodeFile[]): Promise<void> {
  for (let left = files; left.length > 0; ) {
    const failed: { file: CodeFile; error: unknown }[] = []
    for (const file of left) {
      try {
        await applyFile(client, file.path, file.text)
      } catch (error) {
        if (!isMissing(error)) throw error
        failed.push({ file, error })
      }
    }
    if (failed.length === left.length) throw failed[0]?.error
    left = failed.map((f) => f.file)
  }
}

/** A function, table or other object that is not there (yet). */
function isMissing(e: unknown): boolean {
  const code = ((e as Error).cause as { code?: string } | undefined)?.code ?? ''
  return ['42883', '42P01', '42704'].includes(code)
}

/** Runs a file's statements; a failure is thrown with file and line. Call it inside a transaction. */
export async function applyFile(
  client: Client,
  path: string,
  text: string,
  role: 'tmidb_owner' | null = 'tmidb_owner',
): Promise<void> {
  // Whatever role the file before left behind, each begins as the owner.
  const asRole = role ? `; set local role ${role}` : ''
  await client.query(`savepoint file${asRole}`)
  try {
    await client.query(text)
    await client.query('release savepoint file')
  } catch (e) {
    const line = await failingLine(client, text, e, asRole)
    await client.query('rollback to savepoint file').catch(() => {})
    throw located(e, path, line)
  }
}

/** PostgreSQL says a position for what it cannot read; for what fails as it runs, the statements are tried one by one. */
async function failingLine(client: Client, text: string, e: unknown, asRole: string): Promise<number> {
  const position = Number((e as { position?: string }).position)
  if (position >= 1) return lineAt(text, position - 1)
  await client.query(`rollback to savepoint file${asRole}`).catch(() => {})
  for (const statement of splitStatements(text)) {
    try {
      await client.query(statement.text)
    } catch {
      return lineAt(text, statement.offset)
    }
  }
  return 1
}

export function located(e: unknown, path: string, line: number): TmiError {
  const pg = e as { message?: string; hint?: string; detail?: string; code?: string }
  const more = [pg.detail, pg.hint].filter(Boolean).join(' ')
  return new TmiError('TM501', `${path}:${line}: ${pg.message ?? String(e)}${more ? ` (${more})` : ''}`, {
    cause: e,
    hint: 'Nothing of this step was kept; correct the file and start again.',
  })
}

function sqlFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.sql'))
      .sort()
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** From the comment block that a file begins with. */
function afterNames(text: string): string[] {
  const names: string[] = []
  for (const line of text.split('\n')) {
    if (!line.startsWith('--')) break
    const found = /^--\s*after:\s*(.+?)\.?\s*$/.exec(line)
    if (found) names.push(...(found[1] ?? '').split(/[\s,]+/).filter(Boolean))
  }
  return names
}

function inOrder(files: CodeFile[]): CodeFile[] {
  const byName = new Map<string, CodeFile>()
  for (const f of files) {
    const schema = f.path.split(/[\\/]/).at(-2) ?? ''
    byName.set(`${schema}.${f.name}`, f)
    if (!byName.has(f.name)) byName.set(f.name, f)
  }
  const done = new Set<CodeFile>()
  const order: CodeFile[] = []
  const visit = (file: CodeFile, way: CodeFile[]) => {
    if (done.has(file)) return
    if (way.includes(file)) {
      throw new TmiError('TM501', `${file.path}: "-- after:" goes in a circle: ${[...way, file].map((f) => f.name).join(' > ')}`)
    }
    for (const name of file.after) {
      const before = byName.get(name)
      if (!before) throw new TmiError('TM501', `${file.path}:1: "-- after: ${name}" names no file of db/functions or db/policies`)
      visit(before, [...way, file])
    }
    done.add(file)
    order.push(file)
  }
  for (const file of files) visit(file, [])
  return order
}
