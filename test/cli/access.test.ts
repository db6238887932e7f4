// SPDX-License-Identifier: MIT
// tmictl access on a real database: what it says, and its exit codes.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase

before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.create_target('truck-1', null, '{"site": "busan"}'), tmidb.create_listener('A')`)
  await db.query(`select tmidb.ingest('sensor', t, '{"temp": 20, "hum": 40}') from unnest(array['truck-1', 'truck-2']) t`)
  await db.query('select tmidb.publish_views()')
})

after(async () => await db[Symbol.asyncDispose]())

interface Said {
  code: number
  out: string
  err: string
}

async function access(...args: string[]): Promise<Said> {
  return await new Promise((resolve) => {
    execFile(process.execPath, ['src/cli.ts', 'access', '--postgres', db.url('admin'), ...args], (error, out, err) =>
      resolve({ code: (error?.code as number | undefined) ?? 0, out, err }),
    )
  })
}

test('a group, a grant, what it comes to and the end of it', async () => {
  assert.match((await access('group', 'busan', '--condition', '$.site == "busan"')).out, /1 targets, 0 grants\)\n {4}truck-1/)
  const granted = await access(
    'grant',
    'listener:A',
    '--category',
    'sensor',
    '--group',
    'busan',
    '--fields',
    'temp',
    '--window',
    '24h',
    '--json',
  )
  const [made] = (JSON.parse(granted.out) as { grants: { grant_id: number; words: string }[] }).grants
  assert.equal(made?.words, `grant ${made?.grant_id}: group busan, category sensor, fields temp, last 24 hours`)
  assert.deepEqual(await access('explain', 'listener:A', 'sensor', 'truck-1', 'temp'), {
    code: 0,
    out: `yes: ${made?.words}\n`,
    err: '',
  })
  const no = await access('explain', 'listener:A', 'sensor', 'truck-2')
  assert.equal(no.code, 4)
  assert.match(no.out, /^no: grant \d+: truck-2 is not in group busan/)
  const rows = await access('view', 'listener:A', 'sensor', '--json')
  assert.deepEqual(
    (JSON.parse(rows.out) as { rows: { target: string; temp: number }[] }).rows.map(
      ({ ts: _, ...r }: Record<string, unknown>) => r,
    ),
    [{ target: 'truck-1', temp: 20 }],
  )
  assert.match((await access('view', 'listener:A')).out, /^sensor +temp$/m)
  assert.match((await access('list')).out, /^listener:A +grant/)
  assert.match((await access('revoke', String(made?.grant_id))).out, /^listener:A has no longer: grant/)
  assert.equal((await access('explain', 'listener:A', 'sensor')).code, 4)
})

test('roles are made, shown and removed', async () => {
  assert.equal((await access('role', 'fleet', '--description', 'Drivers')).code, 0)
  assert.match((await access('roles')).out, /^fleet +0 people {2}Drivers$/m)
  assert.equal((await access('role', 'fleet', '--remove')).code, 0)
})

test('what PostgreSQL says is told as a sentence: a wrong login, a host that is not there, a value that cannot be', async () => {
  const wrong = new URL(db.url('admin'))
  wrong.username = 'nobody'
  const [login, host, database, form] = await Promise.all(
    [wrong.href, 'postgres://a:b@nosuch.invalid/x', db.url('admin').replace(/\/[^/]*$/, '/nosuch'), 'postgres://[bad'].map(
      (url) => access('list', '--postgres', url),
    ),
  )
  assert.deepEqual([login?.code, host?.code, database?.code, form?.code], [4, 5, 5, 5])
  for (const { err } of [login, host, database, form] as Said[]) {
    assert.match(err, /Say it as postgres:/)
    assert.doesNotMatch(err, /\n {4}at /)
  }
})

test('what is misspelled is told, each with its exit code', async () => {
  const near = await access('explian', 'listener:A')
  assert.deepEqual([near.code, /Did you mean "explain"/.test(near.err)], [2, true])
  assert.equal((await access('explain', 'listener:nobody')).code, 3)
  assert.equal((await access('revoke', 'seven')).code, 2)
  assert.equal((await access('revoke', '999')).code, 3)
  assert.equal((await access('grant', 'kim')).code, 1)
})
