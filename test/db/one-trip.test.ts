// SPDX-License-Identifier: MIT
// One statement as somebody in one message: what holds inside, what is over behind it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openPool, type Pool, readAs, runAs } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool
before(async () => {
  db = await testDatabase()
  await db.query(`create table app.box (n int primary key, owner text)`)
  await db.query(`grant select, insert on app.box to tmidb_editor`)
  await db.query(`create table app.late (n int references app.box deferrable initially deferred)`)
  await db.query(`grant select, insert on app.late to tmidb_editor`)
  // One connection: what one statement leaves behind, the next one would meet.
  pool = openPool(db.url('tmidb_api'), { max: 1, application: 'one-trip' })
})
after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

const viewer = { role: 'tmidb_viewer', name: 'v' } as const
const editor = { role: 'tmidb_editor', claims: '{"role": "tmidb_editor"}', timeoutMs: 1000, readOnly: false }

test('role, claims, timeout and read-only hold for the statement and for nothing behind it', async () => {
  const text = `select current_user::text as role, current_setting('tmidb.claims') as claims, current_setting('statement_timeout') as timeout,
    current_setting('transaction_read_only') as read_only`
  const claims = { ...viewer, timeout_ms: 1500 }
  const inside = await readAs(pool, claims, { text, name: 'inside' })
  assert.deepEqual(inside.rows, [{ role: 'tmidb_viewer', claims: JSON.stringify(claims), timeout: '1500ms', read_only: 'on' }])
  const outside = await pool.query(text)
  assert.deepEqual(outside.rows, [{ role: 'tmidb_api', claims: '', timeout: '0', read_only: 'off' }])
})

test('a prepared statement is sent once and answers each time with its own values', async () => {
  for (const n of [1, 2, 3]) {
    const { rows } = await readAs<{ n: number; t: string }>(pool, viewer, {
      text: 'select $1::int as n, $2::text as t',
      values: [n, `é"${n}`],
      name: 'twice',
    })
    assert.deepEqual(rows, [{ n, t: `é"${n}` }])
  }
  const { rows } = await pool.query(
    `select count(*)::int as n from pg_prepared_statements where name in ('twice', 'tmidb_claims')`,
  )
  assert.equal(rows[0].n, 2)
})

test('25006: a read-only statement writes nothing; the same one writes where it may', async () => {
  const insert = { text: `insert into app.box values (1, 'a') returning n` }
  await assert.rejects(runAs(pool, { ...editor, readOnly: true }, insert), { code: '25006' })
  assert.deepEqual((await runAs(pool, editor, insert)).rows, [{ n: 1 }])
  await assert.rejects(runAs(pool, { ...editor, role: 'tmidb_viewer' }, insert), { code: '42501' })
  assert.equal((await db.query('select * from app.box')).length, 1)
})

test('57014: a statement that takes too long ends, and the connection goes on', async () => {
  await assert.rejects(runAs(pool, { ...editor, timeoutMs: 50 }, { text: 'select pg_sleep(5)' }), { code: '57014' })
  assert.deepEqual((await runAs(pool, editor, { text: 'select 1 as n' })).rows, [{ n: 1 }])
})

test('23503, 23505: what fails only at the commit is told, and nothing is kept', async () => {
  await assert.rejects(runAs(pool, editor, { text: 'insert into app.late values (77)' }), { code: '23503' })
  await assert.rejects(runAs(pool, editor, { text: `insert into app.box values (1, 'again')` }), { code: '23505' })
  assert.equal((await db.query('select * from app.late')).length, 0)
})

test('who sees few targets has prepared statements of its own: a plan that is kept for one kind is none for the other', async () => {
  const named = { text: 'select 1 as kinds', name: 'kinds' }
  for (const claims of [viewer, { ...viewer, few: true } as const]) await readAs(pool, claims, named)
  const { rows } = await pool.query(`select name from pg_prepared_statements where statement = '${named.text}' order by 1`)
  assert.deepEqual(rows, [{ name: 'few_kinds' }, { name: 'kinds' }])
})

test('a statement that cannot be parsed leaves no trace: the name is free again', async () => {
  await assert.rejects(readAs(pool, viewer, { text: 'select nonsense from nowhere', name: 'named' }), { code: '42P01' })
  assert.deepEqual((await readAs(pool, viewer, { text: 'select 1 as n', name: 'named' })).rows, [{ n: 1 }])
})

test('many at once on one connection each get their own answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      readAs<{ n: number }>(pool, viewer, {
        text: n % 7 === 0 ? 'select 1 / 0' : 'select $1::int as n',
        values: n % 7 === 0 ? [] : [n],
      }).then(
        ({ rows }) => rows[0]?.n,
        (e: { code: string }) => e.code,
      ),
    ),
  )
  assert.deepEqual(
    answers,
    answers.map((_, n) => (n % 7 === 0 ? '22012' : n)),
  )
})

test('rows as arrays, nulls, no rows and statements without rows', async () => {
  assert.deepEqual((await runAs(pool, editor, { text: `select 1 as a, null as a` }, 'array')).rows, [[1, null]])
  assert.deepEqual((await runAs(pool, editor, { text: 'select 1 where false' })).rows, [])
  const { rowCount, rows } = await runAs(pool, editor, { text: `insert into app.box values (5, 'b'), (6, 'c')` })
  assert.deepEqual([rowCount, rows], [2, []])
})

test('what a function of a user leaves in its session is gone before the next one comes', async () => {
  await db.query(`create function app.leave(out text) language plpgsql as $$ begin
      perform set_config('app.tenant', 'other', false), set_config('search_path', 'pg_temp', false), set_config('role', 'tmidb_viewer', false);
      $1 := 'left'; end $$;
    grant execute on function app.leave to tmidb_editor, tmidb_viewer`)
  const look = `select current_setting('app.tenant', true) as tenant, current_setting('search_path') as path, current_user::text as role,
    current_setting('TimeZone') as zone`
  const before = (await pool.query(look)).rows
  for (const readOnly of [true, false]) {
    assert.deepEqual((await runAs(pool, { ...editor, readOnly }, { text: 'select app.leave()' })).rows, [{ leave: 'left' }])
    assert.deepEqual((await pool.query(look)).rows, [{ ...before[0], tenant: '' }])
  }
})

test('26000: a connection on which a user forgot all statements is thrown away, and the question asked again', async () => {
  await db.query(`create function app.forget() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$;
    grant execute on function app.forget to tmidb_editor`)
  await runAs(pool, editor, { text: 'select 1 as n', name: 'forgotten' })
  await runAs(pool, editor, { text: 'select app.forget()' })
  assert.deepEqual((await runAs(pool, editor, { text: 'select 1 as n', name: 'forgotten' })).rows, [{ n: 1 }])
})
