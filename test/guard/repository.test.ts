// SPDX-License-Identifier: MIT
// The files of the repository agree with each other.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { foreignLicences, loosePins, machineTraces, root, trackedFiles, unlocked, withoutSpdx } from '../../scripts/repository.ts'
import { errorTable } from '../../src/base/errors.ts'
import { looksRight } from '../../src/db/access.ts'
import { run } from '../lib/instance.ts'
import { testDatabase } from '../lib/postgres.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')

test('every source file begins with its licence', () => assert.deepEqual(withoutSpdx(), []))
test('no file names a registry or a folder of one machine', () => assert.deepEqual(machineTraces(), []))
test('dependencies are pinned to one version, and so locked', () => assert.deepEqual(loosePins(), []))
test('the lock file names every package, so that npm ci takes it', () => assert.deepEqual(unlocked(), []))
test('what ships has a permissive licence', () => assert.deepEqual(foreignLicences(), []))

test('no file holds a token; a scanner would find all of them, by prefix and check digits', async () => {
  const scan = (text: string) => (text.match(/tmi_[a-z]+_[0-9A-Za-z]{38}(?![0-9A-Za-z])/g) ?? []).filter(looksRight)
  await using db = await testDatabase()
  const made = await db.query<{ t: string }>(`select tmidb.token_text('user') as t from generate_series(1, 200)`)
  const tokens = made.map(({ t }) => t)
  assert.deepEqual(scan(tokens.map((t) => `curl -H "Authorization: Bearer ${t}" …\nurl?token=${t}&x`).join('\n')).length, 400)
  assert.deepEqual(
    trackedFiles().filter((path) => scan(read(path)).length > 0),
    [],
  )
})

test('a licence that was not agreed on is seen', () => {
  const packages = {
    '': {},
    'node_modules/a': { version: '1.0.0', license: 'AGPL-3.0' },
    'node_modules/b': { version: '1.0.0' },
    'node_modules/c': { version: '1.0.0', license: 'MIT AND GPL-2.0' },
    'node_modules/d': { version: '1.0.0', license: '(MIT OR GPL-2.0)' },
    'node_modules/e': { version: '1.0.0', license: 'GPL-3.0', dev: true },
  }
  assert.deepEqual(foreignLicences(packages), ['a 1.0.0: AGPL-3.0', 'b 1.0.0: no licence', 'c 1.0.0: MIT AND GPL-2.0'])
})

test('error codes are the same in SQL, in TypeScript and in docs/errors.md', async () => {
  await using db = await testDatabase()
  const rows = await db.query<{ code: string; status: number; sentence: string; hint: string }>('select * from tmidb.error_code')
  const sql = Object.fromEntries(rows.map(({ code, ...rest }) => [code, rest]))
  assert.deepEqual(sql, { ...errorTable })
  const documented = [...read('docs/errors.md').matchAll(/^\| <a id="(TM\d+)"><\/a>/gm)].map((m) => m[1])
  assert.deepEqual(documented, Object.keys(errorTable))
})

test('every error code that SQL raises or TypeScript throws is in the table', () => {
  const used = trackedFiles()
    .filter((path) => /^(src|db\/functions)\/.*\.(ts|sql)$/.test(path))
    .flatMap((path) => [...read(path).matchAll(/'(TM\d{3})'/g)].map((m) => m[1] ?? ''))
  assert.deepEqual(
    [...new Set(used)].filter((code) => !Object.hasOwn(errorTable, code)),
    [],
  )
})

const guides = ['README.md', 'ARCHITECTURE.md', ...trackedFiles().filter((path) => /^docs\/.*\.md$/.test(path))]

/** Guides speak of the same few commands; each is started once. */
const helps = new Map<string, Promise<{ code: number | null }>>()
const help = (name: string) => {
  const known = helps.get(name) ?? run([name, '--help'])
  helps.set(name, known)
  return known
}

for (const guide of guides) {
  test(`${guide}: its commands and files exist`, async () => {
    const text = read(guide)
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const builtIn = ['audit', 'ci', 'start', 'test']
    const missing: string[] = []
    for (const [, name = ''] of text.matchAll(/\bnpm (?:run )?([a-z][\w-]*)/g)) {
      if (!builtIn.includes(name) && !scripts[name]) missing.push(`npm ${name}`)
      else if (scripts[name] && !existsSync(join(root, scripts[name].split(' ')[1] ?? ''))) missing.push(scripts[name])
    }
    for (const [, name = ''] of text.matchAll(/\btmictl ([a-z][a-z-]*)/g)) {
      const { code } = await help(name)
      if (code !== 0) missing.push(`tmictl ${name}`)
    }
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!existsSync(join(root, guide, '..', link))) missing.push(link)
    }
    for (const [path] of text.matchAll(/(?<=`)(?:src|db|test|docs|scripts|bench|bin)\/[\w./-]+(?=`)/g)) {
      if (!existsSync(join(root, path))) missing.push(path)
    }
    for (const [, setting = ''] of text.matchAll(/`(TMIDB_[A-Z_]+)`/g)) {
      if (!read('src/base/config.ts').includes(setting)) missing.push(setting)
    }
    assert.deepEqual(missing, [])
  })
}

test('README names every setting', () => {
  const settings =
    read('src/base/config.ts')
      .match(/export function loadConfig[\s\S]+?\n}\n/)?.[0]
      .match(/TMIDB_[A-Z_]+/g) ?? []
  assert.ok(settings.length >= 10)
  assert.deepEqual(
    settings.filter((name) => !read('README.md').includes(`\`${name}\``)),
    [],
  )
})
