// SPDX-License-Identifier: MIT
// The server behind testDatabase(): started detached by the first that needs it, in a folder of its own; it removes itself
// when no process that registered in users/ lives any more.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../../src/base/retry.ts'
import { migrate } from '../../src/db/migrate.ts'
import { ping, withClient } from '../../src/db/superuser.ts'
import { preparePostgres } from '../../src/supervisor/postgres.ts'
import { processStart } from '../../src/supervisor/process.ts'
import { freePort } from './free-port.ts'
import { testPasswords } from './postgres.ts'

const dir = process.argv[2] ?? ''
const lock = join(dir, 'lock')
const infoFile = join(dir, 'server.json')

if (!takeLock()) process.exit(0)
fs.rmSync(infoFile, { force: true })
try {
  await serve()
} catch (e) {
  tell({ error: e instanceof Error ? e.message : String(e) })
  await sleep(3000)
} finally {
  fs.rmSync(dir, { recursive: true, force: true })
}

async function serve(): Promise<void> {
  fs.rmSync(join(dir, 'postgres'), { recursive: true, force: true })
  const port = await freePort()
  const password = randomBytes(12).toString('hex')
  const cluster = await preparePostgres({
    dataDir: dir,
    port,
    password,
    runUid: 65534,
    say: () => {},
    sharedBuffersMb: 64,
    maxConnections: 200,
  })
  const { file, args, ...options } = cluster.command
  const out = fs.openSync(join(dir, 'postgres.log'), 'a')
  const child = spawn(file, args, { ...options, stdio: ['ignore', out, out] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGINT'))
  try {
    const server = `postgres://postgres:${password}@127.0.0.1:${port}`
    for (const end = Date.now() + 20_000; ; await sleep(20)) {
      if (child.exitCode !== null) throw new Error(fs.readFileSync(join(dir, 'postgres.log'), 'utf8').slice(-500))
      const e = await ping(`${server}/postgres`).catch((e: unknown) => e)
      if (e === undefined) break
      if (Date.now() > end) throw e
    }
    await migrate({ superuserUrl: `${server}/tmidb_template`, createDatabase: true, passwords: testPasswords })
    // Nobody may connect to a template while it is copied.
    await withClient(`${server}/postgres`, (c) =>
      c.query('alter database tmidb_template with is_template true allow_connections false'),
    )
    tell({ url: `${server}/postgres` })
    await Promise.race([exited, unused()])
  } finally {
    fs.rmSync(infoFile, { force: true })
    child.kill('SIGINT')
    await exited
  }
}

async function unused(): Promise<void> {
  const users = join(dir, 'users')
  for (;;) {
    await sleep(1000)
    for (const pid of fs.readdirSync(users)) if (processStart(Number(pid)) === null) fs.rmSync(join(users, pid), { force: true })
    if (fs.readdirSync(users).length === 0) return
  }
}

function takeLock(): boolean {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return true
    } catch {
      if (processStart(Number(fs.readFileSync(lock, 'utf8'))) !== null) return false
      fs.rmSync(lock, { force: true })
    }
  }
  return false
}

function tell(info: { url?: string; error?: string }): void {
  fs.writeFileSync(`${infoFile}.new`, JSON.stringify(info), { mode: 0o600 })
  fs.renameSync(`${infoFile}.new`, infoFile)
}
