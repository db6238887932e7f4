// SPDX-License-Identifier: MIT
// A real, migrated database for each test file in some 10 ms: one embedded server is shared by the whole run, and each
// database is a copy of a template that was migrated once. Whoever needs it first starts it; it ends with its last user.
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { sleep } from '../../src/base/retry.ts'
import { codeHashes } from '../../src/db/code.ts'
import { dbDir, type Login } from '../../src/db/migrate.ts'
import { type Client, withClient, withDatabase, withLogin } from '../../src/db/superuser.ts'
import { mustBalance } from './balance.ts'

/** The logins' passwords in every test database. */
export const testPasswords: Record<Login, string> = {
  tmidb_api: 'test',
  tmidb_edge: 'test',
  tmidb_drain: 'test',
  tmidb_worker: 'test',
  admin: 'test',
}

export interface TestDatabase extends AsyncDisposable {
  name: string
  superUrl: string
  url(login: Login): string
  /** Runs as superuser. */
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>
}

/** A fresh copy of the migrated template. */
export async function testDatabase(): Promise<TestDatabase> {
  return await makeDatabase('tmidb_template')
}

/** A database with nothing in it, for tests of the migration itself. */
export async function emptyDatabase(): Promise<TestDatabase> {
  return await makeDatabase('template1')
}

async function makeDatabase(template: string): Promise<TestDatabase> {
  const server = await testServer()
  const name = `t_${process.pid}_${randomBytes(4).toString('hex')}`
  await withClient(withDatabase(server, 'postgres'), (c) => copy(c, template, name))
  const superUrl = withDatabase(server, name)
  return {
    name,
    superUrl,
    url: (login) => withLogin(superUrl, login, testPasswords[login]),
    query: async <R extends pg.QueryResultRow>(sql: string, values?: unknown[]) =>
      await withClient(superUrl, async (c) => (await c.query<R>(sql, values)).rows),
    async [Symbol.asyncDispose]() {
      try {
        if (template !== 'template1') await withClient(superUrl, (c) => mustBalance((sql) => c.query(sql).then((r) => r.rows)))
      } finally {
        await withClient(withDatabase(server, 'postgres'), (c) => c.query(`drop database if exists ${name} with (force)`))
      }
    },
  }
}

/** "create database ... template" copies everything but the rights on the database itself. */
async function copy(client: Client, template: string, name: string): Promise<void> {
  await client.query(`create database ${name} template ${template} strategy wal_log`)
  if (template === 'template1') return
  const { rows } = await client.query<{ sql: string }>(
    `select format('revoke all on database %I from public', $2::text) as sql
     union all
     select format('grant %s on database %I to %s', a.privilege_type, $2::text, a.grantee::regrole)
     from pg_database d, aclexplode(d.datacl) a where d.datname = $1 and a.grantee <> 0`,
    [template, name],
  )
  await client.query(rows.map((r) => r.sql).join(';'))
}

/** Superuser's URL of the shared server; it is started if it does not run. */
export async function testServer(): Promise<string> {
  // Another one, for the tests of other servers (test/matrix).
  if (process.env.TMIDB_TEST_SERVER) return process.env.TMIDB_TEST_SERVER
  const dir = join(tmpdir(), `tmidb-test-${process.getuid?.() ?? 0}-${key()}`)
  const infoFile = join(dir, 'server.json')
  for (let n = 0; ; n++, await sleep(30)) {
    // Again every 3 s: the server may have removed its folder, as unused, in the moment we came.
    if (n % 100 === 0) register(dir)
    const info = read(infoFile)
    if (info?.url) return info.url
    if (info?.error) throw new Error(`The test database server cannot start: ${info.error}`)
    if (n % 100 === 0) start(dir)
  }
}

/** As long as one of the processes in users/ lives, the server does. */
function register(dir: string): void {
  const users = join(dir, 'users')
  fs.mkdirSync(dir, { recursive: true, mode: 0o711 })
  fs.mkdirSync(users, { recursive: true })
  fs.writeFileSync(join(users, String(process.pid)), '')
}

function start(dir: string): void {
  // Several may try at once: the first to make the folder "lock" wins, the others leave.
  const script = join(import.meta.dirname, 'postgres-server.ts')
  spawn(process.execPath, [script, dir], { detached: true, stdio: 'ignore' }).unref()
}

function read(file: string): { url?: string; error?: string } | null {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as { url?: string; error?: string }
  } catch {
    return null
  }
}

/** This checkout with these SQL files; another state gets another server. */
function key(): string {
  const sum = createHash('sha256')
    .update(dbDir)
    .update(JSON.stringify(codeHashes(dbDir)))
  for (const name of fs.readdirSync(join(dbDir, 'schema')).sort()) sum.update(fs.readFileSync(join(dbDir, 'schema', name)))
  return sum.digest('hex').slice(0, 12)
}
