// SPDX-License-Identifier: MIT
// Our own PostgreSQL: a cluster made by initdb on the first start, settings given on the command line so that an update of
// tmiDB changes them too, passwords for every connection. Our own processes reach it by a socket file in its folder: half of Node's work
// for a statement goes (37 against 69 us), and PostgreSQL's with it. Who comes from elsewhere takes the port.
import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { TmiError } from '../base/errors.ts'
import { nativePostgres } from './pg-native.ts'
import { placeFolder, runAs } from './place.ts'
import type { Command } from './unit.ts'

export interface PostgresOptions {
  dataDir: string
  port: number
  password: string
  runUid: number
  say: (line: string) => void
  /** Tests use less. */
  sharedBuffersMb?: number
  maxConnections?: number
}

export interface Cluster {
  dir: string
  fresh: boolean
  command: Command
  /** Where its socket file lies; null where the folder cannot hold one. */
  socketDir: string | null
}

export async function preparePostgres(options: PostgresOptions): Promise<Cluster> {
  let who = runAs(options.runUid)
  const dir = placeFolder(options.dataDir, 'postgres', who, options.say)
  const fresh = !fs.existsSync(join(dir, 'PG_VERSION'))
  if (who.uid !== undefined) {
    // Under root a cluster keeps the user that it was made by, so that root and that user may take turns.
    const owner = fs.statSync(dir)
    if (fresh) fs.chownSync(dir, who.uid, who.gid ?? who.uid)
    else if (owner.uid !== 0) who = { uid: owner.uid, gid: owner.gid }
  }
  const native = nativePostgres(dirname(dir), who)
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', PGAPPNAME: 'tmiDB-Core' }
  const run = { ...who, cwd: dir, env }
  if (fresh) await initdb(join(native, 'bin', 'initdb'), dir, options.password, run)
  const socketDir = (await canHoldSocket(dir)) ? dir : null
  const command = { file: join(native, 'bin', 'postgres'), args: ['-D', dir, ...settings(options, socketDir)], ...run }
  return { dir, fresh, command, socketDir }
}

/** A path may be too long for a socket, and some file systems have none. */
async function canHoldSocket(dir: string): Promise<boolean> {
  const path = join(dir, '.s.PGSQL.65535')
  if (Buffer.byteLength(path) > 100) return false
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
    return true
  } catch {
    return false
  } finally {
    await new Promise((resolve) => server.close(resolve))
    fs.rmSync(path, { force: true })
  }
}

function settings(options: PostgresOptions, socketDir: string | null): string[] {
  const eighth = Math.max(16, Math.floor(totalmem() / 8 / 2 ** 20))
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port: options.port,
    unix_socket_directories: socketDir ?? '',
    unix_socket_permissions: '0700',
    max_connections: options.maxConnections ?? 100,
    shared_buffers: `${options.sharedBuffersMb ?? Math.min(512, eighth)}MB`,
    max_wal_size: '4GB',
    checkpoint_completion_target: 0.9,
    wal_compression: 'off',
    random_page_cost: 1.1,
    jit: 'off',
    max_locks_per_transaction: 256,
    autovacuum: 'on',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    password_encryption: 'scram-sha-256',
    idle_in_transaction_session_timeout: 0,
    log_destination: 'stderr',
    // A statement that fails may hold a password or a token.
    log_min_error_statement: 'panic',
    logging_collector: 'off',
    // The same file lies under different time zones in different containers; the log and the API speak UTC.
    log_timezone: 'UTC',
    timezone: 'UTC',
  }
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

type Run = { uid?: number; gid?: number; cwd: string; env: Record<string, string> }

async function initdb(program: string, dir: string, password: string, run: Run): Promise<void> {
  // What an interrupted first start left behind has no PG_VERSION and would stop initdb.
  for (const name of fs.readdirSync(dir)) fs.rmSync(join(dir, name), { recursive: true, force: true })
  const pwfile = join(dirname(dir), `.pw-${process.pid}`)
  fs.writeFileSync(pwfile, password, { mode: 0o600 })
  if (run.uid !== undefined) fs.chownSync(pwfile, run.uid, run.gid ?? run.uid)
  try {
    await promisify(execFile)(
      program,
      [
        '-D',
        dir,
        '-U',
        'postgres',
        '-A',
        'scram-sha-256',
        `--pwfile=${pwfile}`,
        '-E',
        'UTF8',
        '--locale-provider=builtin',
        '--locale=C.UTF-8',
        '-k',
      ],
      run,
    )
  } catch (e) {
    const failed = e as NodeJS.ErrnoException & { stderr?: string }
    if (failed.code === 'EPERM') {
      throw new TmiError('TM501', 'PostgreSQL cannot run as root, and this root may not change its user.', {
        cause: e,
        hint: 'Start tmiDB as a normal user.',
      })
    }
    if (/could not look up effective user ID/.test(failed.stderr ?? '')) {
      throw new TmiError(
        'TM501',
        `PostgreSQL cannot run as uid ${run.uid ?? process.getuid?.()}: this machine knows no user of that number.`,
        {
          cause: e,
          hint:
            run.uid === undefined
              ? 'Start as a user that stands in /etc/passwd.'
              : 'Set TMIDB_RUN_UID to a user that stands in /etc/passwd.',
        },
      )
    }
    throw new TmiError(
      'TM501',
      `The database cluster cannot be made: ${(failed.stderr ?? String(e)).trim().split('\n').at(-1)}`,
      { cause: e },
    )
  } finally {
    fs.rmSync(pwfile, { force: true })
  }
}
