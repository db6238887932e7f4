// SPDX-License-Identifier: MIT
// npm test [file ...]: starts the shared database server, runs the tests two files at a time (two cores), stops everything.
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { testServer } from '../test/lib/postgres.ts'

const root = join(import.meta.dirname, '..')
process.chdir(root)
const asked = process.argv.slice(2)
const flags = asked.filter((a) => a.startsWith('--'))
const named = asked.filter((a) => !a.startsWith('--'))
const files = named.length > 0 ? named : globSync('test/**/*.test.ts').sort()

// This process is registered as a user of the server: it lives until the last file is done, and ends after us by itself.
await testServer()
// The longest one mostly waits for processes that it killed: it runs beside the others instead of behind them.
const isLong = (file: string): boolean => file.endsWith('walk/kill.test.ts')
const lanes = [files.filter((f) => !isLong(f)), files.filter(isLong)].filter((lane) => lane.length > 0)
const children = lanes.map((lane) =>
  spawn(
    process.execPath,
    ['--test', '--test-concurrency=2', '--test-reporter=spec', '--test-timeout=480000', ...flags, ...lane],
    { stdio: 'inherit', env: { ...process.env, TMIDB_TEST: '1', NODE_ENV: 'test' } },
  ),
)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => children.forEach((child) => void child.kill(signal)))
const codes = await Promise.all(
  children.map(
    (child) => new Promise<number>((resolve) => child.on('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0)))),
  ),
)
process.exit(Math.max(...codes))
