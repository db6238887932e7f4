// SPDX-License-Identifier: MIT
// From any earlier state to this checkout's: roles, queue, schema steps, code. Each part can be run again at will and does
// nothing when there is nothing to do; a lock lets only one process at a time try.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runMigrations } from 'graphile-worker'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'
import { applyCode, applyFile, codeHashes, located, readCode, type superuserFiles } from './code.ts'
import { takeLock } from './migrations/lock.ts'
import { scramMatches, scramVerifier } from './scram.ts'
import { lineAt } from './statements.ts'
import { type Client, ensureDatabase, withClient } from './superuser.ts'

export const dbDir = join(import.meta.dirname, '..', '..', 'db')

export type Login = 'tmidb_api' | 'tmidb_edge' | 'tmidb_drain' | 'tmidb_worker' | 'admin'

export interface MigrateOptions {
  /** Superuser's URL of the database itself. */
  superuserUrl: string
  /** SCRAM passwords of the logins; a login left out keeps the one it has. */
  passwords?: Partial<Record<Login, string>>
  /** Make the database of the URL if the server does not have it (ours does not, on its first start). */
  createDatabase?: boolean
  log?: (line: string) => void
  /** Told to the person for whom it waits. */
  say?: (line: string) => void
  /** How long another process that migrates is waited for; ten minutes. */
  waitMs?: number
  /** Where schema/, functions/ and policies/ are; another one only in tests. */
  dir?: string
}

export interface MigrateResult {
  steps: string[]
  codeApplied: boolean
  ms: number
}

export interface HistoryRow {
  name: string
  appliedAt: string | null
}

export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const dir = options.dir ?? dbDir
  const t0 = performance.now()
  if (options.createDatabase) await ensureDatabase(options.superuserUrl)
  return await locked(options, async (client) => {
    await refuseNewer(client, dir)
    await applyAsSuperuser(client, dir, 'roles')
    await setPasswords(client, options.passwords ?? {})
    await migrateQueue(client, options.superuserUrl)
    const steps = await run(client, dir, 'up', options.log)
    const codeApplied = await updateCode(client, dir, steps.length > 0)
    await applyAsSuperuser(client, dir, 'event_triggers')
    if (codeApplied) {
      options.log?.('functions and policies applied')
      // The text of the generated views, and what grants come to, may have changed with the functions that write them.
      await client.query('delete from tmidb.published_view; select tmidb.publish_views(); select tmidb.compile_classes()')
    }
    return { steps, codeApplied, ms: Math.round(performance.now() - t0) }
  })
}

/** Takes the last n steps back. The code is applied again by the next migrate. */
export async function migrateDown(options: MigrateOptions, n = 1): Promise<string[]> {
  const dir = options.dir ?? dbDir
  return await locked(options, async (client) => {
    await refuseNewer(client, dir)
    await client.query(`create table if not exists tmidb.code_version (${codeVersionColumns}); delete from tmidb.code_version`)
    return await run(client, dir, 'down', options.log, n)
  })
}

/** Every step this checkout or the database knows, oldest first; appliedAt null: not applied. */
export async function history(options: MigrateOptions): Promise<HistoryRow[]> {
  const applied = await withClient(options.superuserUrl, appliedSteps)
  const names = [...new Set([...stepNames(options.dir ?? dbDir), ...applied.keys()])].sort()
  return names.map((name) => ({ name, appliedAt: applied.get(name) ?? null }))
}

async function locked<T>(options: MigrateOptions, fn: (client: Client) => Promise<T>): Promise<T> {
  const { superuserUrl, say = options.log ?? (() => {}), waitMs = 600_000 } = options
  return await withClient(superuserUrl, async (client) => {
    await takeLock(client, 'tmidb.migrate', { waitMs, say })
    return await fn(client)
  })
}

async function refuseNewer(client: Client, dir: string): Promise<void> {
  const known = new Set(stepNames(dir))
  const unknown = [...(await appliedSteps(client)).keys()].filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw new TmiError('TM501', `The database was made by a newer tmiDB: its step ${unknown.join(', ')} is unknown here.`, {
    hint: 'Use that newer version, or a database or data folder of its own.',
  })
}

async function appliedSteps(client: Client): Promise<Map<string, string>> {
  const found = await client.query<{ there: boolean }>(`select to_regclass('tmidb.migration') is not null as there`)
  if (!found.rows[0]?.there) return new Map()
  const { rows } = await client.query<{ name: string; at: string }>(
    `select name, to_char(run_on at time zone current_setting('timezone') at time zone 'UTC',
       'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at from tmidb.migration order by id`,
  )
  return new Map(rows.map((r) => [r.name, r.at]))
}

function stepNames(dir: string): string[] {
  return readdirSync(join(dir, 'schema'))
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -4))
    .sort()
}

async function applyAsSuperuser(client: Client, dir: string, name: (typeof superuserFiles)[number]): Promise<void> {
  const path = join('db', 'policies', `${name}.sql`)
  const text = readFileSync(join(dir, 'policies', `${name}.sql`), 'utf8')
  for (let attempt = 1; ; attempt++) {
    await client.query('begin; set local client_min_messages = warning')
    try {
      await applyFile(client, path, text, null)
      await client.query('commit')
      return
    } catch (e) {
      await client.query('rollback')
      // Roles belong to the whole server: another database that migrates just now can be in the way.
      if (attempt === 5 || !/concurrently updated/.test(String(e))) throw e
      await sleep(50 * attempt)
    }
  }
}

async function setPasswords(client: Client, passwords: Partial<Record<Login, string>>): Promise<void> {
  const current = await client
    .query<{ rolname: string; rolpassword: string | null }>('select rolname, rolpassword from pg_authid')
    .then((r) => new Map(r.rows.map((row) => [row.rolname, row.rolpassword])))
    .catch(() => new Map<string, string | null>()) // hosted servers hide pg_authid: set them anew
  for (const [login, password] of Object.entries(passwords)) {
    if (scramMatches(password, current.get(login) ?? '')) continue
    await client.query(`alter role ${client.escapeIdentifier(login)} password ${client.escapeLiteral(scramVerifier(password))}`)
  }
}

/** graphile-worker makes its own tables, as tmidb_worker; for "create schema if not exists" it needs a right for a moment. */
async function migrateQueue(client: Client, url: string): Promise<void> {
  const { rows } = await client.query<{ database: string; fresh: boolean }>(
    `select quote_ident(current_database()) as database, to_regclass('graphile_worker.migrations') is null as fresh`,
  )
  const { database, fresh } = rows[0] ?? { database: '', fresh: true }
  if (fresh) await client.query(`grant create on database ${database} to tmidb_worker`)
  const pool = new pg.Pool({ connectionString: url, max: 1, options: '-c role=tmidb_worker', application_name: 'tmiDB-Core' })
  pool.on('error', () => {})
  pool.on('connect', (c) => c.on('error', () => {}))
  try {
    await runMigrations({ pgPool: pool, schema: 'graphile_worker' })
  } finally {
    await pool.end()
    if (fresh) await client.query(`revoke create on database ${database} from tmidb_worker`)
  }
}

async function run(
  client: Client,
  dir: string,
  direction: 'up' | 'down',
  log: ((line: string) => void) | undefined,
  count?: number,
): Promise<string[]> {
  let current = ''
  const quiet = () => {}
  const logger = {
    debug: quiet,
    info: (line: string) => {
      const started = /### MIGRATION (\S+) \((UP|DOWN)\) ###/.exec(line)
      if (!started) return
      current = started[1] ?? ''
      log?.(`schema step ${current} ${direction}`)
    },
    warn: quiet,
    error: quiet,
  }
  await client.query('set role tmidb_owner; set client_min_messages = warning')
  try {
    const done = await runner({
      dbClient: client,
      dir: join(dir, 'schema'),
      direction,
      ...(count === undefined ? {} : { count }),
      migrationsSchema: 'tmidb',
      migrationsTable: 'migration',
      noLock: true,
      logger,
    })
    return done.map((m) => m.name)
  } catch (e) {
    if (!current) throw e
    throw locatedStep(e, dir, current, direction)
  } finally {
    await client.query('reset role; reset client_min_messages').catch(() => {})
  }
}

function locatedStep(e: unknown, dir: string, name: string, direction: 'up' | 'down'): TmiError {
  const text = readFileSync(join(dir, 'schema', `${name}.sql`), 'utf8')
  // node-pg-migrate sends the part from "-- Up Migration" (or Down) on: positions count from there.
  const marker = Math.max(0, text.search(new RegExp(`^\\s*--[\\s-]*${direction}\\s+migration`, 'im')))
  const position = Number((e as { position?: string }).position ?? 1)
  return located(e, join('db', 'schema', `${name}.sql`), lineAt(text, marker + position - 1))
}

const codeVersionColumns = 'folder text primary key, sha256 text not null, applied_at timestamptz not null default now()'

async function updateCode(client: Client, dir: string, force: boolean): Promise<boolean> {
  await client.query(`begin; set local role tmidb_owner; set local client_min_messages = warning;
    create table if not exists tmidb.code_version (${codeVersionColumns}); commit`)
  const wanted = codeHashes(dir)
  const { rows } = await client.query<{ folder: string; sha256: string }>('select folder, sha256 from tmidb.code_version')
  const current = new Map(rows.map((r) => [r.folder, r.sha256]))
  if (!force && Object.entries(wanted).every(([folder, sha]) => current.get(folder) === sha)) return false
  await applyCode(client, readCode(dir), async () => {
    await client.query(
      `insert into tmidb.code_version (folder, sha256) select * from unnest($1::text[], $2::text[])
       on conflict (folder) do update set sha256 = excluded.sha256, applied_at = now()`,
      [Object.keys(wanted), Object.values(wanted)],
    )
  })
  return true
}
