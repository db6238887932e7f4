// SPDX-License-Identifier: MIT
// The tests of the SQL on other servers than the one that comes with tmiDB: PostgreSQL 15, and 17 and 18 with TimescaleDB (Apache
// edition), as Debian ships them.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { sleep } from '../../src/base/retry.ts'
import { migrate } from '../../src/db/migrate.ts'
import { ping, withClient } from '../../src/db/superuser.ts'
import { freePort } from '../lib/free-port.ts'
import { testPasswords } from '../lib/postgres.ts'

const root = join(import.meta.dirname, '..', '..')
const suites = [
  { suite: 'bookworm', name: 'PostgreSQL 15', timescale: false },
  { suite: 'trixie', name: 'PostgreSQL 17 with TimescaleDB', timescale: true },
  { suite: 'forky', name: 'PostgreSQL 18 with TimescaleDB', timescale: true },
]

describe('the SQL on other servers', { concurrency: suites.length, timeout: 450_000 }, () => {
  for (const { suite, name, timescale } of suites) {
    test(`the SQL works on ${name}`, { timeout: 400_000 }, async (t) => {
      const programs = await fetched(suite)
      if ('missing' in programs) return t.skip(programs.missing)
      await using server = await start(programs.bin, timescale)
      await migrate({ superuserUrl: `${server.url}/tmidb_template`, createDatabase: true, passwords: testPasswords })
      await withClient(`${server.url}/postgres`, (c) =>
        c.query('alter database tmidb_template with is_template true allow_connections false'),
      )
      const kind = await withClient(`${server.url}/postgres`, (c) => c.query('show server_version'))
      t.diagnostic(`${kind.rows[0]?.server_version}`)
      const ran = await nodeTest(fs.globSync('test/sql/*.test.ts', { cwd: root }), {
        TMIDB_TEST_SERVER: `${server.url}/postgres`,
        TMIDB_TEST_HYPERTABLE: timescale ? '1' : '',
      })
      assert.equal(ran.code, 0, ran.text.slice(ran.text.indexOf('failing tests:')).slice(0, 6000))
      t.diagnostic((/tests (\d+)/.exec(ran.text) ?? [])[0] ?? '')
    })
  }
})

async function fetched(suite: string): Promise<{ bin: string } | { missing: string }> {
  // Where another user than root can walk to, and where the next run finds it again.
  const folder = join(tmpdir(), `tmidb-debian-postgres-${process.getuid?.() ?? 0}`)
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 })
  try {
    const { stdout } = await promisify(execFile)('bash', [join(root, 'test', 'lib', 'debian-postgres.sh'), folder, suite])
    return { bin: stdout.trim() }
  } catch (e) {
    const failed = e as { code?: number; stderr?: string }
    if (failed.code === 3) return { missing: failed.stderr?.trim() ?? '' }
    throw e
  }
}

async function start(bin: string, timescale: boolean): Promise<{ url: string } & AsyncDisposable> {
  const dir = fs.mkdtempSync(join(tmpdir(), 'tmidb-matrix-'))
  const data = join(dir, 'data')
  const who = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  fs.chmodSync(dir, 0o755)
  fs.mkdirSync(data, { mode: 0o700 })
  if (who.uid !== undefined) fs.chownSync(data, who.uid, who.gid)
  const run = { ...who, cwd: dir }
  await promisify(execFile)(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    run,
  )
  const port = await freePort()
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    jit: 'off',
    max_locks_per_transaction: 256,
    timezone: 'UTC',
    ...(timescale ? { shared_preload_libraries: 'timescaledb', 'timescaledb.telemetry_level': 'off' } : {}),
    // Its scheduler would sit in the template that is to be copied.
    ...(timescale ? { max_worker_processes: 0 } : {}),
  }
  const log = fs.openSync(join(dir, 'log'), 'a')
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])], {
    ...run,
    stdio: ['ignore', log, log],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = `postgres://postgres:x@127.0.0.1:${port}`
  for (const end = Date.now() + 20_000; ; await sleep(50)) {
    const e = await ping(`${url}/postgres`).catch((e: unknown) => e)
    if (e === undefined) break
    if (child.exitCode !== null || Date.now() > end) throw new Error(fs.readFileSync(join(dir, 'log'), 'utf8').slice(-1000))
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT')
      await exited
      fs.rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function nodeTest(files: string[], env: Record<string, string>): Promise<{ code: number | null; text: string }> {
  const { NODE_TEST_CONTEXT: _, ...outer } = process.env
  const child = spawn(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=spec', ...files], {
    cwd: root,
    env: { ...outer, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (text += bytes.toString()))
  return await new Promise((resolve) => child.on('close', (code) => resolve({ code, text })))
}
