// SPDX-License-Identifier: MIT
// tmictl limits, on a real database by --postgres.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { run } from '../lib/instance.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.create_listener('dashboard')`)
})
after(() => db[Symbol.asyncDispose]())

const limits = (...args: string[]) => run(['limits', ...args, '--postgres', db.url('admin')])

test('limits are set for one or for each, listed, and taken back', async () => {
  const one = await limits('set', 'user', 'read', '600', '--of', 'listener:dashboard')
  assert.equal(one.stdout, 'listener:dashboard: 600/minute (read)\n')
  await limits('set', 'token', 'read', 'none')
  const list = await limits('list')
  assert.match(list.stdout, /^user {4}read +600\/minute {2}listener:dashboard$/m)
  assert.match(list.stdout, /^token {3}read +no limit {2}each token$/m)
  await limits('set', 'user', 'read', 'default', '--of', 'listener:dashboard')
  const { limits: left } = JSON.parse((await limits('list', '--json')).stdout) as {
    limits: { scope: string; subject: string | null }[]
  }
  assert.ok(left.length > 4 && left.every((l) => l.scope !== 'user'))
})

test('a token is named by its prefix too; a network, and a word that is none, are refused', async () => {
  const [token] = await db.query<{ prefix: string; id: string }>('select prefix, token_id as id from tmidb.token')
  const set = await limits('set', 'token', 'write', '7', '--of', token?.prefix ?? '')
  assert.equal(set.code, 0, set.stderr)
  assert.match((await limits('list')).stdout, new RegExp(`^token +write +7/minute +${token?.id}$`, 'm'))
  const refused = await Promise.all([
    limits('set', 'address', 'read', '2', '--of', '10.0.0.0/8'),
    limits('set', 'usr', 'read', '5'),
    limits('set', 'token', 'read', '5', '--of', 'nosuch'),
  ])
  assert.deepEqual(
    refused.map((r) => r.code),
    [2, 2, 3],
  )
  assert.match(refused[0].stderr, /is a network/)
  assert.match(refused[1].stderr, /Did you mean "user"\?/)
})

test('a limit of nobody ends with 3, one that makes no sense with 2 or 1', async () => {
  const codes = await Promise.all([
    limits('set', 'user', 'read', '5', '--of', 'listener:nobody'),
    limits('set', 'user', 'read', 'five'),
    limits('set', 'token', 'login', '5'),
    limits('set', 'token', 'read', 'default'),
  ])
  assert.deepEqual(
    codes.map((c) => c.code),
    [3, 2, 1, 2],
  )
})
