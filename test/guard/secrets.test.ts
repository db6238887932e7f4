// SPDX-License-Identifier: MIT
// Nothing that ships opens anything by a secret that everybody can read here: each is made at random by the first start, or asked for.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, trackedFiles } from '../../scripts/repository.ts'
import { testDatabase } from '../lib/postgres.ts'

const assigned = /(passw(or)?d|secret|token|api_?key)["']?\s*[:=]\s*(["'`])[^"'`${}]{3,}\3/i
const inAddress = /:\/\/[\w.-]+:[\w.-]+@/
const inSql = /\bpassword\s+'[^%']/i
/** What explains how an address is written. */
const examples = ['postgres://user:password@', 'postgres://reader:secret@']

function secretsIn(text: string): string[] {
  return text.split('\n').filter((line) => {
    const bare = examples.reduce((l, e) => l.replaceAll(e, ''), line)
    return assigned.test(bare) || inAddress.test(bare) || inSql.test(bare)
  })
}

test('a secret that is written down is seen', () => {
  for (const line of [
    "const password = 'changeme'",
    '{ user: tmidb, password: "tmidb" }',
    'POSTGRES_PASSWORD: "postgres"',
    "alter role admin password 'admin'",
    "connect('postgres://admin:admin@localhost/tmidb')",
    "jwtSecret: 'super-secret-key'",
    "const apiKey = 'abcdef'",
  ])
    assert.deepEqual(secretsIn(line), [line])
})

test('no default secret ships: not in the source, the SQL, the image or compose', () => {
  const shipped = trackedFiles().filter(
    (path) => /^(src|db|bin)\/|^(compose\.yaml|Dockerfile|package\.json)$/.test(path) && !path.endsWith('/common-passwords.txt'),
  )
  assert.ok(shipped.length > 300)
  assert.deepEqual(
    shipped.flatMap((path) => secretsIn(readFileSync(join(root, path), 'utf8')).map((line) => `${path}: ${line.trim()}`)),
    [],
  )
})

test('compose.yaml does not start without passwords of one’s own', () => {
  const text = readFileSync(join(root, 'compose.yaml'), 'utf8')
  for (const name of ['POSTGRES_PASSWORD', 'NATS_PASSWORD', 'NATS_SPEAKER_PASSWORD']) {
    assert.ok(text.includes(`\${${name}:?`), name)
    assert.ok(!text.includes(`\${${name}:-`), name)
  }
})

test('a new database has no account, no token and no session', async () => {
  await using db = await testDatabase()
  const [row] =
    await db.query(`select (select count(*)::int from tmidb.account) as accounts, (select count(*)::int from tmidb.token) as tokens,
    (select count(*)::int from tmidb.session) as sessions`)
  assert.deepEqual(row, { accounts: 0, tokens: 0, sessions: 0 })
})
