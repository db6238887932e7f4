// SPDX-License-Identifier: MIT
// tmictl token, on a real database by --postgres.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { looksRight } from '../../src/db/access.ts'
import { run } from '../lib/instance.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
  await db.query(
    `select tmidb.create_listener('A'), tmidb.create_speaker('truck'), tmidb.create_account('kim', '$argon2id$', 'editor')`,
  )
})
after(() => db[Symbol.asyncDispose]())

const token = (...args: string[]) => run(['token', ...args, '--postgres', db.url('admin')])

test('create prints the token alone, list shows what is known of it', async () => {
  const made = await token(
    'create',
    'user:kim',
    ...['--label', 'laptop', '--expires', '90d', '--scope', 'read,write', '--from', '10.0.0.0/8', '--from', '::1'],
  )
  assert.equal(made.code, 0, made.stderr)
  assert.ok(looksRight(made.stdout.trimEnd()))
  assert.match(made.stderr, /not shown again/)
  const { stdout } = await token('list', 'user:kim')
  assert.match(
    stdout,
    /^ +\d+ {2}tmi_user_\w{8} +user:kim +read,write {2}from 10\.0\.0\.0\/8,::1\/128 {2}never used {2}until 20\S+Z {2}laptop\n$/,
  )
  const { tokens } = JSON.parse((await token('list', '--json')).stdout) as { tokens: { owner: string; hash?: string }[] }
  assert.deepEqual(tokens.map((t) => t.owner).sort(), ['A', 'kim', 'truck'])
  assert.ok(tokens.every((t) => t.hash === undefined))
})

test('rotate makes another one and lets the old one stand for the overlap; revoke ends it', async () => {
  const old = (await token('create', 'speaker:truck', '--label', 'turn')).stdout.trim()
  const fresh = JSON.parse((await token('rotate', old.slice(0, 20), '--overlap', '2h', '--json')).stdout) as { token: string }
  assert.notEqual(fresh.token, old)
  const hours = `select round(extract(epoch from expires_at - now()) / 3600) as h from tmidb.token where label = 'turn' order by token_id`
  assert.deepEqual(await db.query(hours), [{ h: '2' }, { h: null }])
  const [{ id } = { id: '' }] = await db.query<{ id: string }>(`select max(token_id) as id from tmidb.token where label = 'turn'`)
  const ended = await token('revoke', id, old)
  assert.equal(ended.stdout, '2 revoked; what they had open is closed.\n')
  const shown = await Promise.all([token('list', 'speaker:truck'), token('list', 'speaker:truck', '--all')])
  assert.deepEqual(
    shown.map(({ stdout }) => stdout.split('\n').filter((l) => l.includes('turn')).length),
    [0, 2],
  )
  assert.match(shown[1].stdout, / revoked {2}turn/)
})

test('several tokens are revoked all or none, and the one that is unknown is named', async () => {
  const one = (await token('create', 'speaker:truck', '--label', 'kept')).stdout.trim()
  const refused = await token('revoke', one, 'nosuch')
  assert.equal(refused.code, 3)
  assert.match(refused.stderr, /^There is no token "nosuch", or it is over already\. Nothing was revoked\.\n/)
  assert.match((await token('list', 'speaker:truck')).stdout, / {2}kept\n/)
})

test('the tokens of nobody end with 3, of somebody who has none with 0', async () => {
  await db.query(`select tmidb.create_account('lee', '$argon2id$', 'viewer')`)
  const codes = await Promise.all(['nobody', 'listener:nobody', 'user:lee'].map(async (who) => (await token('list', who)).code))
  assert.deepEqual(codes, [3, 3, 0])
})

test('a label cannot command the terminal, nor look like another line', async () => {
  await db.query(`select tmidb.create_token('speaker', 'truck', 'odd')`)
  // From before such labels were refused.
  await db.query(`update tmidb.token set label = $1 where label = 'odd'`, ['a\u001b[2Jb\nc\u009bd'])
  const { stdout } = await token('list', 'speaker:truck')
  assert.match(stdout, / {2}a\\u001b\[2Jb\\u000ac\\u009bd\n/)
})

test('what is not there ends with 3 and names what is near; a wrong word with 2; what cannot be with 1', async () => {
  const [prefix] = await db.query<{ p: string }>(`select prefix as p from tmidb.token where kind = 'listener'`)
  const typed = `${prefix?.p.slice(0, -1)}_`
  const [near, owner, verb, bare, time, scope] = await Promise.all([
    token('revoke', typed),
    token('create', 'listener:nobody'),
    token('rotat', 'x'),
    token('create', 'kim'),
    token('create', 'user:kim', '--expires', 'soon'),
    token('create', 'listener:A', '--scope', 'write'),
  ])
  assert.deepEqual(
    [near, owner, verb, bare, time, scope].map((e) => e.code),
    [3, 3, 2, 2, 2, 1],
  )
  assert.match(near.stderr, new RegExp(`Did you mean "${prefix?.p}"`))
  assert.match(verb.stderr, /Did you mean "rotate"\?/)
  assert.match(scope.stderr, /may not be given the scope write\.\n {2}It may have: read\./)
})
