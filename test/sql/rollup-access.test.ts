// SPDX-License-Identifier: MIT
// Roll-ups show a listener what the rules show it of the readings: its targets and fields, and of the rest not even that it exists.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openPool, type Pool, type RequestRole, readAs } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool
const listeners = new Map<string, string>()
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 'truck-' || t, 'ts', date_trunc('hour', now()) - n * interval '7 minutes',
    'data', jsonb_build_object('temperature', n, 'humidity', 2 * n)))) from generate_series(1, 4) t, generate_series(1, 60) n`)
  await db.query(`select tmidb.ingest('secret', 'truck-1', '{"temperature": 1}')`)
  for (const name of ['a', 'b', 'c', 'none']) await db.query('select tmidb.create_listener($1)', [name])
  await db.query(`select tmidb.subscribe('a', 'sensor', array['truck-1', 'truck-2'], array['temperature']);
    select tmidb.subscribe('b', 'sensor', array['truck-3']);
    select tmidb.subscribe('b', null, array['truck-2'], array['humidity']);
    select tmidb.subscribe('c', 'sensor', null, array['humidity'])`)
  for (const row of await db.query<{ name: string; id: string }>('select name, listener_id as id from tmidb.listener'))
    listeners.set(row.name, row.id)
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
})
after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

const ask = async (who: string, text: string, values: unknown[] = []) => {
  const id = listeners.get(who)
  const role: RequestRole = id === undefined ? 'tmidb_admin' : 'tmidb_listener'
  return (
    await readAs<Record<string, unknown>>(pool, { role, ...(id === undefined ? {} : { listener_id: id }) }, { text, values })
  ).rows
}
const byTarget = async (who: string, field: string, targets: string[] | null = null, category = 'sensor', fill = 'none') =>
  (
    await ask(
      who,
      `select target, sum(count)::int as n from api.series_by_target($1, $2, now() - interval '1 day', now(), '1 hour', $3, fill => $4) group by 1 order by 1`,
      [category, field, targets, fill],
    )
  ).map((r) => `${r.target}:${r.n}`)

const matrix: [who: string, field: string, sees: string[]][] = [
  ['a', 'temperature', ['truck-1:60', 'truck-2:60']],
  ['a', 'humidity', []],
  ['b', 'temperature', ['truck-3:60']],
  ['b', 'humidity', ['truck-2:60', 'truck-3:60']],
  ['c', 'temperature', []],
  ['c', 'humidity', ['truck-1:60', 'truck-2:60', 'truck-3:60', 'truck-4:60']],
  ['none', 'temperature', []],
  ['admin', 'temperature', ['truck-1:60', 'truck-2:60', 'truck-3:60', 'truck-4:60']],
]

for (const merged of [false, true]) {
  test(`each sees its targets and fields and nothing else, ${merged ? 'from roll-ups' : 'from readings that are not merged yet'}`, async () => {
    if (merged) {
      await db.query('select tmidb.roll_up() from generate_series(1, 16)')
      assert.ok((await db.query('select from tmidb.rollup_hour')).length > 0)
    }
    for (const [who, field, sees] of matrix) {
      assert.deepEqual(await byTarget(who, field), sees, `${who} ${field}`)
      assert.deepEqual(
        await byTarget(who, field, ['truck-1', 'truck-2', 'truck-3', 'truck-4', 'nobody']),
        sees,
        `${who} ${field} by name`,
      )
    }
    assert.deepEqual(await byTarget('a', 'temperature', null, 'secret'), [])
    assert.deepEqual(await byTarget('admin', 'temperature', null, 'secret'), ['truck-1:1'])
  })
}

test('a hidden field, target or category looks like one that does not exist, with filled buckets too', async () => {
  const series = (who: string, category: string, target: string, field: string, fill: string) =>
    ask(who, `select * from api.series($1, $2, $3, now() - interval '1 day', now(), '1 hour', 'UTC', $4)`, [
      category,
      target,
      field,
      fill,
    ])
  for (const fill of ['none', 'null', 'previous', 'linear']) {
    assert.ok((await series('a', 'sensor', 'truck-1', 'temperature', fill)).length >= 7)
    for (const [category, target, field] of [
      ['sensor', 'truck-1', 'humidity'],
      ['sensor', 'truck-3', 'temperature'],
      ['secret', 'truck-1', 'temperature'],
      ['sensor', 'nobody', 'temperature'],
      ['sensor', 'truck-1', 'nothing'],
      ['nothing', 'truck-1', 'temperature'],
    ] as const)
      assert.deepEqual(await series('a', category, target, field, fill), [], `${category} ${target} ${field} ${fill}`)
  }
})

test('a right that is taken away is gone with the next query', async () => {
  await db.query(`select tmidb.subscribe('b', 'sensor', array['truck-4'], array['temperature'])`)
  assert.deepEqual(await byTarget('b', 'temperature'), ['truck-3:60', 'truck-4:60'])
  await db.query(`select tmidb.unsubscribe('b', 'sensor', array['truck-4'])`)
  assert.deepEqual(await byTarget('b', 'temperature'), ['truck-3:60'])
})

test('speakers and strangers may not ask, and nobody but an administrator reads the tables behind', async () => {
  const call = `select * from api.series('sensor', 'truck-1', 'temperature', now() - interval '1 day', now(), '1 hour')`
  for (const role of ['tmidb_anonymous', 'tmidb_speaker'] as const) {
    await assert.rejects(readAs(pool, { role }, { text: call }), { code: '42501' }, role)
  }
  for (const text of [
    'select * from tmidb.rollup_hour',
    'select * from tmidb.rollup_series',
    `select * from tmidb.series_rows('sensor', null, 'temperature', now() - interval '1 day', now(), '1 hour', 'UTC')`,
    'select tmidb.roll_up()',
    `select tmidb.set_retention('sensor', '1 day')`,
  ]) {
    await assert.rejects(ask('a', text), { code: '42501' }, text)
  }
})
