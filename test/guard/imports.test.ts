// SPDX-License-Identifier: MIT
// The import law of ARCHITECTURE.md. What is not listed is forbidden; grants repeat it inside PostgreSQL.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'

const src = join(import.meta.dirname, '..', '..', 'src')

/** What a folder may import beside itself: a folder, or one file of it. Files directly in src are entries: they may import everything. */
const law: Record<string, string[]> = {
  base: [],
  db: ['base'],
  'nats-bridge': ['base'],
  edge: ['base', 'db', 'nats-bridge'],
  tasks: ['base', 'db', 'nats-bridge'],
  bridge: ['base', 'db', 'nats-bridge'],
  live: ['base', 'db'],
  api: ['base', 'db'],
  files: ['base', 'db'],
  supervisor: ['base', 'db'],
  demo: ['base'],
  cli: ['base', 'db', 'edge', 'supervisor', 'supervisor.ts', 'api/change.ts', 'api/contract.ts', 'api/diff.ts'],
}

/** Packages that only one folder may import, types included. */
const owned: [RegExp, string][] = [
  [/^(pg|pg-pool|pg-protocol|pg-copy-streams)(\/|$)/, 'db'],
  [/^(@nats-io\/|nats$|nats\/)/, 'nats-bridge'],
]

interface Import {
  file: string
  from: string
  what: string
}

function imports(): Import[] {
  return globSync('**/*.ts', { cwd: src }).flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8')
    const found = text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm)
    return [...found].map((m) => ({ file, from: folderOf(file), what: m[1] ?? m[2] ?? m[3] ?? '' }))
  })
}

/** First part of a path inside src: a folder, or an entry's file name. */
function folderOf(path: string): string {
  return path.split('/')[0] ?? ''
}

const all = imports()

test('imports are found at all', () => {
  assert.ok(all.length > 200)
  assert.ok(all.some((i) => i.file === 'cli.ts' && i.what === './cli/start.ts'))
})

test('a folder imports only what the law lets it', () => {
  const wrong = all.filter(({ file, from, what }) => {
    if (!what.startsWith('.') || from.endsWith('.ts')) return false
    const path = relative(src, join(src, normalize(join(dirname(file), what))))
    const to = folderOf(path)
    return to !== from && !law[from]?.includes(to) && !law[from]?.includes(path)
  })
  assert.deepEqual(
    wrong.map((i) => `${i.file}: ${i.what}`),
    [],
  )
})

test('every folder of src stands in the law', () => {
  const folders = new Set(all.map((i) => i.from).filter((f) => !f.endsWith('.ts')))
  assert.deepEqual(
    [...folders].filter((f) => !law[f]),
    [],
  )
})

test('pg is imported in src/db only, NATS in src/nats-bridge only', () => {
  const wrong = all.filter(({ from, what }) => owned.some(([pattern, folder]) => pattern.test(what) && from !== folder))
  assert.deepEqual(
    wrong.map((i) => `${i.file}: ${i.what}`),
    [],
  )
})

test('nothing in src imports from test, scripts or bench', () => {
  const outside = all.filter(({ file, what }) => what.startsWith('.') && normalize(join(dirname(file), what)).startsWith('..'))
  assert.deepEqual(
    outside.map((i) => `${i.file}: ${i.what}`),
    [],
  )
})
