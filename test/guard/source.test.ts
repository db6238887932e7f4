// SPDX-License-Identifier: MIT
// What no line of ours does, wherever it stands. docs/security.md leans on it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, trackedFiles } from '../../scripts/repository.ts'
import { hashPassword } from '../../src/base/password.ts'

const sources = trackedFiles().filter((path) => /^(src|bin)\/.*\.(ts|cjs)$/.test(path))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Files with a line that says it; comments count too, so that nobody has to tell them from code. */
const saying = (words: RegExp) => sources.filter((path) => words.test(read(path)))

test('sources are found at all', () => assert.ok(sources.length > 150 && saying(/import /).length > 150))

test('no program is started by a shell', () => {
  assert.deepEqual(
    saying(/import \{[^}]*\bexec(Sync)?\b[^}]*\} from 'node:child_process'|\* as \w+ from 'node:child_process'|shell: *true/),
    [],
  )
  assert.ok(saying(/\bspawn\(|\bexecFile/).length > 2)
})

test('pages write text, and no text is run as code', () => {
  assert.deepEqual(saying(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc/), [])
  assert.deepEqual(saying(/\beval\(|new Function\(|node:vm|setTimeout\(['"`]/), [])
})

test('the field to sign in hides what is typed and lets password managers fill it', () => {
  const bar = read('src/api/docs/pages.ts')
  assert.match(bar, /input\.type = 'password'/)
  assert.match(bar, /input\.autocomplete = 'current-password'/)
  assert.doesNotMatch(bar, /onpaste|autocomplete = 'off'/)
  assert.match(bar, /'Sign out'/)
  assert.match(bar, /if \(known\) sessionStorage\.removeItem/)
})

test('md5 and sha1 name things and keep no secret', () => {
  const named = saying(/createHash\('(md5|sha1)'\)|\bmd5\(/)
  assert.deepEqual(named.sort(), [
    'src/api/docs/documents.ts', // ETags
    'src/api/graphql/build.ts', // whether a schema is the same
    'src/api/rest/catalog.ts', // whether the catalog is the same
    'src/api/rest/keyset.ts', // to which order a cursor belongs
    'src/api/rest/sql.ts', // names of plans
    'src/db/snapshot.ts', // bodies of functions
  ])
})

test('nothing secret comes of Math.random', () => {
  assert.deepEqual(saying(/Math\.random/), ['src/base/retry.ts'])
})

test('only a connector that says no-verify leaves a certificate unverified', () => {
  assert.deepEqual(saying(/rejectUnauthorized: false|NODE_TLS_REJECT/), ['src/db/foreign-thread.ts'])
  assert.match(read('src/db/foreign-thread.ts'), /ssl === 'no-verify'\s*\? \{ rejectUnauthorized: false \}/)
  assert.deepEqual(saying(/insecureHTTPParser|secureProtocol|minVersion: *'TLSv1(\.1)?'/), [])
})

test('passwords are kept by argon2id with the parameters of appendix C', async () => {
  const [, memory, passes, lanes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(await hashPassword('correct horse')) ?? []
  assert.ok(Number(memory) >= 19 * 1024 && Number(passes) >= 2 && Number(lanes) === 1)
})
