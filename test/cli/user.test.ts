// SPDX-License-Identifier: MIT
// tmictl user, on a real database by --postgres.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { run } from '../lib/instance.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
const kim = `kim_${process.pid}`
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.create_account('root', null, 'admin'), tmidb.create_role('fleet')`)
})
after(async () => {
  await db.query(`drop role if exists ${kim}`)
  await db[Symbol.asyncDispose]()
})

const user = (...args: string[]) => run(['user', ...args, '--postgres', db.url('admin')])

test('user create makes an account with a password that is shown once, and a PostgreSQL login with --sql', async () => {
  const { code, stdout } = await user('create', kim, '--role', 'fleet', '--email', 'kim@example.com', '--sql', '--json')
  const made = JSON.parse(stdout) as { password: string; postgres: string }
  assert.deepEqual([code, made.password.length], [0, 24])
  assert.match(made.postgres, new RegExp(`^postgres(ql)?://${kim}:[\\w-]{24}@`))
  const [listed, shown] = await Promise.all([user('list', '--json'), user('list', 'KIM@example.com')])
  const { users } = JSON.parse(listed.stdout) as { users: Record<string, unknown>[] }
  assert.deepEqual(
    users.map((u) => [u.login, u.role, u.must_change_password, u.postgres_login]),
    [
      [kim, 'fleet', true, kim],
      ['root', 'admin', false, null],
    ],
  )
  assert.match(
    shown.stdout,
    new RegExp(`^${kim} +fleet +must change the password, psql, last login never +kim@example\\.com\\n$`),
  )
})

test('a user whose PostgreSQL login cannot be made is not made either', async () => {
  const lee = `lee_${process.pid}`
  await db.query(`create role ${lee}`)
  try {
    const refused = await user('create', lee, '--role', 'viewer', '--generate', '--sql')
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    assert.match(refused.stderr, /^There is a PostgreSQL role named/)
    assert.equal((await user('list', lee)).code, 3)
  } finally {
    await db.query(`drop role ${lee}`)
  }
})

test('user role, disable, enable, password and remove do it; exit codes say why not', async () => {
  const [role, absent, last, usage, word, unsure] = await Promise.all([
    user('role', kim, 'viewer'),
    user('role', 'nobody', 'viewer'),
    user('disable', 'root'),
    user('create', 'x'),
    user('remove', 'a', 'b'),
    user('remove', kim),
  ])
  assert.deepEqual([role.code, role.stdout], [0, `${kim} is viewer now.\n`])
  assert.deepEqual([absent.code, last.code, usage.code, word.code, unsure.code], [3, 4, 2, 2, 1])
  assert.match(last.stderr, /This is the last administrator/)
  const reset = await user('password', kim, '--generate', '--json')
  assert.equal((JSON.parse(reset.stdout) as { password: string }).password.length, 24)
  assert.equal((await user('disable', kim)).code, 0)
  assert.equal((await user('enable', kim)).code, 0)
  assert.equal((await user('sessions', kim)).stdout, `${kim} is signed in nowhere.\n`)
  assert.equal((await user('sessions', kim, '--end', '5')).code, 3)
  assert.equal((await user('remove', kim, '--yes')).code, 0)
  assert.equal((await user('list', kim)).code, 3)
})
