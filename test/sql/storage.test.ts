// SPDX-License-Identifier: MIT
// Where readings lie: hot and cold chunks behind the same views, retention, message ids, and the way over from the layout before.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { history, migrate, migrateDown } from '../../src/db/migrate.ts'
import { withClient } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

/** TimescaleDB makes room by itself and has no packed chunks here: its compression is not in the Apache edition. */
const hypertable = process.env.TMIDB_TEST_HYPERTABLE === '1'
const native = { skip: hypertable && 'ts_obs is a hypertable' }

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())

const daysAgo = (n: number): string => new Date(Date.now() - n * 86_400_000).toISOString()
const ingest = (category: string, rows: object[]) =>
  db.query<{ r: { stored: number; duplicate: number; quarantined: number } }>('select tmidb.ingest($1, $2) as r', [
    category,
    JSON.stringify(rows),
  ])

/** Stores history: it is parked first, stored when its chunk is made, and merged into the roll-ups, before which nothing is packed or dropped. */
async function history_(category: string, rows: object[]): Promise<void> {
  await ingest(category, rows)
  while ((await db.query<{ n: number }>('select tmidb.store_parked() as n'))[0]?.n !== 0);
  await db.query('select tmidb.roll_up() from generate_series(1, 16)')
}

test('what is packed comes out as it went in', async () => {
  const value = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0')),
    fc.constantFrom<unknown>(true, false, null, '', 'e', '\n', -0.5, 1e300, 1e-300, {}, [], { a: ['\n', { b: 'c\n' }] }),
  )
  const names = ['a', 'b', 'point.x', 'ümläut', 'e', 'c"d']
  const samples = fc.sample(
    fc.subarray(names).chain((keys) => fc.record(Object.fromEntries(keys.map((k) => [k, value])))),
    500,
  )
  const wrong = await db.query(
    `select p, tmidb.unpack($1::text[], tmidb.pack($1::text[], p)) as back from unnest($2::jsonb[]) p
     where tmidb.unpack($1::text[], tmidb.pack($1::text[], p)) is distinct from p`,
    [names, samples.map((s) => JSON.stringify(s))],
  )
  assert.deepEqual(wrong, [])
})

test('a payload with a field of no name is not packed', async () => {
  assert.deepEqual(await db.query(`select tmidb.pack('{a}', '{"a": 1, "b": 2}') as p`), [{ p: null }])
})

test('a cold chunk shows the same rows through the views, to each listener what it may see', native, async () => {
  const rows = [0, 1, 2].flatMap((t) =>
    Array.from({ length: 200 }, (_, n) => ({
      target: `cold-${t}`,
      ts: new Date(Date.parse(daysAgo(45)) + n * 1000).toISOString(),
      temperature: 20 + n / 10,
      status: n % 7 === 3 ? null : 'ok',
      ...(n % 3 === 0 ? { nested: { deep: [n] } } : {}),
    })),
  )
  await history_('cold', rows)
  await db.query('select tmidb.publish_views()')
  await db
    .query(`select tmidb.create_listener('cold-one'), tmidb.create_login('cold_one', 'password1', 'listener', 'cold-one')`)
    .catch(() => db.query(`select tmidb.create_listener('cold-one')`))
  await db.query(`select tmidb.subscribe('cold-one', 'cold', array['cold-1'], array['temperature'])`)
  const view = () =>
    db.query('select target, ts, reading_id, temperature, status, nested_deep from api.cold_v1 order by target, ts, reading_id')
  const asListener = async () => {
    const [l] = await db.query<{ id: string }>(`select listener_id as id from tmidb.listener where name = 'cold-one'`)
    return await withClient(db.url('tmidb_api'), async (c) => {
      await c.query(`begin; set local role tmidb_listener`)
      await c.query(`select set_config('tmidb.claims', $1, true)`, [
        JSON.stringify({ role: 'tmidb_listener', listener_id: l?.id }),
      ])
      const { rows: seen } = await c.query('select target, ts, temperature, status from api.cold_v1 order by ts')
      await c.query('rollback')
      return seen
    })
  }
  const [before_, mine] = [await view(), await asListener()]
  assert.equal(before_.length, 600)
  assert.equal(mine.length, 200)
  assert.ok(mine.every((r) => r.target === 'cold-1' && r.status === null))
  const [chunk] = await db.query<{ from_ts: Date; name: string }>(
    'select from_ts, name from tmidb.chunk where from_ts <= $1 and to_ts > $1',
    [daysAgo(45)],
  )
  assert.deepEqual(await db.query('select tmidb.rewrite_chunk($1)::int as n', [chunk?.from_ts]), [{ n: 600 }])
  assert.deepEqual(await db.query(`select count(*)::int as n from tmidb_parts.${chunk?.name} where payload is not null`), [
    { n: 0 },
  ])
  assert.deepEqual(await view(), before_)
  assert.deepEqual(await asListener(), mine)

  // Sent again, and something new: the first is known, the second lies beside the packed ones.
  const again = [rows[5], { target: 'cold-1', ts: daysAgo(45), temperature: -1.5 }] as object[]
  await history_('cold', again)
  assert.equal((await view()).length, 601)
  const [ledger] = await db.query('select sum(duplicate)::int as duplicate, sum(stored)::int as stored from tmidb.ledger')
  assert.deepEqual(ledger, { duplicate: 1, stored: 601 })
  assert.deepEqual(await db.query('select tmidb.rewrite_chunk($1)::int as n', [chunk?.from_ts]), [{ n: 601 }])
  const packed = await view()
  // And hot again.
  assert.deepEqual(await db.query('select tmidb.rewrite_chunk($1, false)::int as n', [chunk?.from_ts]), [{ n: 601 }])
  assert.deepEqual(await view(), packed)
  assert.deepEqual(
    (await ingest('cold', again)).map((r) => r.r),
    [{ stored: 0, duplicate: 2, quarantined: 0 }],
  )
})

test('freeze_chunks takes the oldest chunk that is due, one at a time', native, async () => {
  await history_('cold', [{ target: 'x', ts: daysAgo(400), temperature: 1 }])
  assert.deepEqual(await db.query('select tmidb.freeze_chunks()::int as n'), [{ n: 1 }])
  const [row] = await db.query('select count(*)::int as n from tmidb.chunk where cold_at is not null')
  assert.deepEqual(row, { n: 1 })
})

test('readings that their category keeps no longer go with their table, others stay', async () => {
  await history_('brief', [{ target: 't', ts: daysAgo(6), a: 1 }])
  await db.query(`update tmidb.category set retention = '5 days' where name = 'brief'`)
  // Made after the retention was set: a table of its own.
  await history_('brief', [{ target: 't', ts: daysAgo(4), a: 2 }])
  await history_('lasting', [
    { target: 't', ts: daysAgo(6), a: 3 },
    { target: 't', ts: daysAgo(4), a: 4 },
  ])
  const [own] = await db.query<{ name: string }>(
    `select c.relname as name from tmidb.ts_obs o join tmidb.category g using (category_id) join pg_class c on c.oid = o.tableoid
     where g.name = 'brief' and o.payload->>'a' = '2'`,
  )
  if (!hypertable) assert.match(own?.name ?? '', /_c\d+$/)
  await db.query('select tmidb.drop_expired()')
  const left = () =>
    db.query(`select payload->>'a' as a from tmidb.ts_obs join tmidb.category using (category_id)
    where name in ('brief', 'lasting') order by 1`)
  assert.deepEqual(await left(), [{ a: '2' }, { a: '3' }, { a: '4' }])
  await db.query(`update tmidb.category set retention = '2 days' where name = 'brief'`)
  await db.query('select tmidb.drop_expired()')
  assert.deepEqual(await left(), [{ a: '3' }, { a: '4' }])
  if (!hypertable)
    assert.deepEqual(await db.query(`select to_regclass($1) as gone`, [`tmidb_parts.${own?.name}`]), [{ gone: null }])
  // The audit tells of all that went, however it went.
  const gone = await db.query(`select distinct kind from tmidb.audit where kind in ('retention.dropped', 'retention.deleted')`)
  assert.equal(gone.length, hypertable ? 1 : 2)
  assert.deepEqual(
    await db.query(`select sum((detail->>'readings')::int) as n from tmidb.audit where kind like 'retention.%'`),
    await db.query(`select sum(readings) as n from tmidb.removal where reason = 'retention'`),
  )
  // What comes later than it would be kept goes to quarantine.
  assert.deepEqual(
    (await ingest('brief', [{ target: 't', ts: daysAgo(3), a: 5 }])).map((r) => r.r),
    [{ stored: 0, duplicate: 0, quarantined: 1 }],
  )
})

test('a message id tells a reading without a time of its own for a day; the same id with another payload is another reading', async () => {
  const store = (at: string, payload: string, unique: number[] | null) =>
    db.query<{ r: { stored: number; duplicate: number } }>(
      `select tmidb.store(array['m'], array[tmidb.shard_of('m')], array['mids'], array[1], array['{"a":"integer"}'], array[1], '{1}', '{1}', '{1}',
         array[$1::timestamptz], array['id-1'], array[$2], $3) as r`,
      [at, payload, unique],
    )
  const result = async (...args: Parameters<typeof store>) => (await store(...args))[0]?.r
  const [t1, t2] = [new Date().toISOString(), new Date(Date.now() + 5).toISOString()]
  assert.deepEqual(await result(t1, '{"a":1}', [1]), { stored: 1, duplicate: 0, quarantined: 0 })
  assert.deepEqual(await result(t2, '{"a":1}', [1]), { stored: 0, duplicate: 1, quarantined: 0 })
  assert.deepEqual(await result(t2, '{"a":2}', [1]), { stored: 1, duplicate: 0, quarantined: 0 })
  // With a time of its own the id says nothing beyond that time.
  assert.deepEqual(await result(daysAgo(0.01), '{"a":1}', null), { stored: 1, duplicate: 0, quarantined: 0 })
})

test('readings of the layout before move over, and back', async () => {
  await using old = await testDatabase()
  const steps = (await history({ superuserUrl: old.superUrl })).map((s) => s.name)
  const later = steps.length - steps.indexOf('0002_readings') - 1
  await migrateDown({ superuserUrl: old.superUrl }, later)
  await old.query(`insert into tmidb.category (name) values ('sensor');
    insert into tmidb.schema_version (category_id, major, minor, fields) select category_id, 1, 0, '[{"name": "a", "type": "integer", "column": "a", "graphql": "a"}]' from tmidb.category;
    insert into tmidb.target (key) values ('t');
    insert into tmidb.ts_obs (ts, target_id, digest, position, version_id, category_id, shard, payload)
    select now() + n * interval '1 ms', target_id, n, n, version_id, c.category_id, n % 8, jsonb_build_object('a', n)
    from tmidb.target, tmidb.category c, tmidb.schema_version, generate_series(1, 100) n`)
  const read = (shard: string, number: string) =>
    old.query(`select ts, digest, ${shard} as shard, ${number} as number, payload from tmidb.ts_obs order by ts`)
  const before_ = await read('shard::int', 'position::int')
  await migrate({ superuserUrl: old.superUrl })
  const there = await read('(position >> 50)::int', '(position & ((1::bigint << 50) - 1))::int')
  assert.deepEqual(there, before_)
  assert.equal((await old.query('select from api.sensor_v1')).length, 100)
  await migrateDown({ superuserUrl: old.superUrl }, later)
  assert.deepEqual(await read('shard::int', 'position::int'), before_)
})
