// SPDX-License-Identifier: MIT
// What stands, per permission class: the newest reading a target and category, only what the class may see.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase

before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.make_chunk(now() - interval '2 days')`)
  for (const [category, target, payload, ts] of [
    ['sensor', 'a', '{"t": 1.50, "secret": 7}', '2 hours'],
    ['sensor', 'a', '{"t": 9007199254740993, "secret": 8}', '1 hour'],
    ['sensor', 'a', '{"t": 0, "secret": 6}', '5 hours'],
    ['sensor', 'b', '{"t": 3}', '2 days'],
    ['log', 'a', '{"line": "x"}', '1 minute'],
  ]) {
    await db.query(`select tmidb.ingest($1, $2, $3::jsonb, now() - $4::interval)`, [category, target, payload, ts])
  }
  for (const name of ['all', 'one', 'fields', 'none', 'log']) await db.query(`select tmidb.create_listener($1)`, [name])
  await db.query(`select tmidb.subscribe('all', null), tmidb.subscribe('one', 'sensor', array['b', 'later']),
    tmidb.subscribe('fields', 'sensor', null, array['t']), tmidb.subscribe('log', 'log')`)
})
after(() => db[Symbol.asyncDispose]())

interface Row {
  category: string
  target: string
  data: string
}

async function lastOf(listener: string, category: string | null = null, targets: string[] | null = null): Promise<string[]> {
  const rows = await db.query<Row>(
    `select v.category, v.target, ('{' || v.tail)::jsonb ->> 'data' as data from tmidb.listener l, tmidb.last_values(l.class_id, $2, $3) v
     where l.name = $1`,
    [listener, category, targets],
  )
  return rows.map((r) => `${r.category} ${r.target} ${r.data}`)
}

test('the newest by its own time, whatever came last, with its numbers as they were', async () => {
  assert.deepEqual(await lastOf('all'), [
    'log a {"line": "x"}',
    'sensor a {"t": 9007199254740993, "secret": 8}',
    'sensor b {"t": 3}',
  ])
})

test('a class gets its categories, targets and fields, and nothing else', async () => {
  assert.deepEqual(await lastOf('one'), ['sensor b {"t": 3}'])
  assert.deepEqual(await lastOf('fields'), ['sensor a {"t": 9007199254740993}', 'sensor b {"t": 3}'])
  assert.deepEqual(await lastOf('log'), ['log a {"line": "x"}'])
  assert.deepEqual(await lastOf('none'), [])
})

test('asked for one category or some targets it gives those', async () => {
  assert.deepEqual(await lastOf('all', 'log'), ['log a {"line": "x"}'])
  assert.deepEqual(await lastOf('all', 'sensor', ['b']), ['sensor b {"t": 3}'])
  assert.deepEqual(await lastOf('one', 'sensor', ['a']), [])
  assert.deepEqual(await lastOf('all', 'nothing'), [])
})

const native = { skip: process.env.TMIDB_TEST_HYPERTABLE === '1' && 'a hypertable has no packed chunks' }
test('of a target that went silent long ago the last value comes from a packed chunk', native, async () => {
  await db.query(`select tmidb.make_chunk(now() - interval '100 days')`)
  await db.query(`select tmidb.ingest('sensor', 'old', '{"t": 4.0}'::jsonb, now() - interval '100 days')`)
  await db.query('select tmidb.roll_up() from generate_series(1, 16)')
  await db.query(`select tmidb.freeze_chunks()`)
  assert.equal(((await db.query(`select from tmidb.ts_obs where compact is not null`)) as unknown[]).length, 1)
  assert.deepEqual(await lastOf('all', 'sensor', ['old']), ['sensor old {"t": 4.0}'])
})

test('it takes one step into the index for each pair', async () => {
  const plan = await db.query<{ 'QUERY PLAN': string }>(
    `explain select r.ts from tmidb.ts_obs r where r.target_id = gen_random_uuid() and r.category_id = 1 order by r.ts desc limit 1`,
  )
  assert.ok(plan.some((r) => r['QUERY PLAN'].includes('Index Scan')))
})

test('only the API’s login may call it', async () => {
  const [row] = await db.query<{ logins: string[] }>(
    `select array_agg(r order by r) as logins from unnest(array['tmidb_api', 'tmidb_edge', 'tmidb_drain', 'tmidb_listener', 'tmidb_anonymous']) r
     where has_function_privilege(r, 'tmidb.last_values(bigint, text, text[])', 'execute')`,
  )
  assert.deepEqual(row?.logins, ['tmidb_api'])
})
