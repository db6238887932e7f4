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
const child = spawn(
  process.execPath,
  ['--test', '--test-concurrency=2', '--test-reporter=spec', '--test-timeout=480000', ...flags, ...files],
  {
    stdio: 'inherit',
    env: { ...process.env, TMIDB_TEST: '1', NODE_ENV: 'test' },
  },
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
