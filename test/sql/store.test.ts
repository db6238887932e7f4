// SPDX-License-Identifier: MIT
// tmidb.store and tmidb.ingest_batch: once and only once, with a ledger that balances.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())
beforeEach(async () => {
  await db.query('truncate tmidb.ts_obs, tmidb.raw_bucket, tmidb.ledger')
  await db.query('delete from tmidb.stream_cursor')
})

interface Result {
  stored: number
  duplicate: number
  quarantined: number
}
const created = '2026-01-01T00:00:00Z'
const now = new Date().toISOString()

/** Readings of the target "t" as the drain sends them, as sequences first..last of the stream "S". */
async function batch(
  first: number,
  last: number,
  payloads: string[],
  more: { ts?: string[]; mids?: (string | null)[]; created?: string; sift?: boolean; unique?: number[] } = {},
) {
  const n = payloads.length
  const ones = Array<number>(n).fill(1)
  const rows = await db.query<{ r: Result }>(
    `select tmidb.ingest_batch('S', $1, $2, $3, null, $10, array['t'], array[tmidb.shard_of('t')], array['sensor'],
       array[42], array['{"a":"integer"}'], array[7], $4, $5, $6, $7, $8, $9, $11) as r`,
    [
      more.created ?? created,
      first,
      last,
      ones,
      ones,
      ones,
      more.ts ?? Array<string>(n).fill(now),
      more.mids ?? Array<null>(n).fill(null),
      payloads,
      more.sift ?? false,
      more.unique ?? null,
    ],
  )
  return rows[0]?.r
}
const open = (stream = created, from = 1, upto = 1000) =>
  db.query<{ seq: string }>(`select tmidb.open_stream('S', $1, $2, $3) as seq`, [stream, from, upto])
const ledger = () => db.query<Result>('select received::int, stored::int, duplicate::int, quarantined::int from tmidb.ledger')
const count = async () => (await db.query('select from tmidb.ts_obs')).length

test('the same batch twice in one stream is TM001, and changes nothing', async () => {
  await open()
  assert.deepEqual(await batch(1, 2, ['{"a":1}', '{"a":2}']), { stored: 2, duplicate: 0, quarantined: 0 })
  await assert.rejects(batch(1, 2, ['{"a":1}', '{"a":2}']), { code: 'TM001' })
  assert.equal(await count(), 2)
  assert.deepEqual(await ledger(), [{ received: 2, stored: 2, duplicate: 0, quarantined: 0 }])
})

test('a batch that leaves a gap, or counts in another stream, is TM002, and changes nothing', async () => {
  await open()
  await batch(1, 1, ['{"a":1}'])
  await assert.rejects(batch(3, 3, ['{"a":3}']), { code: 'TM002' })
  await assert.rejects(batch(2, 2, ['{"a":2}'], { created: '2026-02-02T00:00:00Z' }), { code: 'TM002' })
  assert.equal(await count(), 1)
  await batch(2, 2, ['{"a":2}'])
  assert.equal(await count(), 2)
})

test('the same readings in a stream made anew are duplicates, not rows', async () => {
  await open()
  await batch(1, 1, ['{"a":1}', '{"a":2}'])
  const anew = '2026-03-03T00:00:00Z'
  assert.deepEqual(await open(anew), [{ seq: '0' }])
  assert.deepEqual(await batch(1, 1, ['{"a":1}', '{"a":2}', '{"a":3}'], { created: anew }), {
    stored: 1,
    duplicate: 2,
    quarantined: 0,
  })
  assert.deepEqual(await ledger(), [{ received: 5, stored: 3, duplicate: 2, quarantined: 0 }])
})

test('a stream that lost messages behind the cursor goes on, and an audit row says which', async () => {
  await open()
  await batch(1, 5, ['{"a":1}'])
  assert.deepEqual(await open(created, 9), [{ seq: '8' }])
  const [row] = await db.query(`select detail - 'stream' as detail from tmidb.audit where kind = 'ingest.gap'`)
  assert.deepEqual(row, { detail: { from: 6, to: 8 } })
})

test('a stream that ends before the cursor has lost its end: all it holds is read again, and what was stored is a repeat', async () => {
  await open()
  await batch(1, 5, ['{"a":1}', '{"a":2}'])
  assert.deepEqual(await open(created, 1, 3), [{ seq: '0' }])
  assert.deepEqual(await batch(1, 3, ['{"a":1}', '{"a":3}']), { stored: 1, duplicate: 1, quarantined: 0 })
  const [row] = await db.query(`select detail - 'stream' as detail from tmidb.audit where kind = 'ingest.cut'`)
  assert.deepEqual(row, { detail: { stored: 5, last: 3 } })
})

test('what PostgreSQL refuses is parked alone with its words (TM218), whatever guards it; all others are stored in order', async () => {
  await open()
  const guards = {
    check: [
      `alter table tmidb.ts_obs add constraint no_13 check ((payload->>'a')::int % 13 <> 0)`,
      'alter table tmidb.ts_obs drop constraint no_13',
    ],
    deferred: [
      `create function pg_temp.no_13() returns trigger language plpgsql as $f$ begin
         if (new.payload->>'a')::int % 13 = 0 then raise exception 'not 13'; end if; return null; end $f$;
       create constraint trigger no_13 after insert on tmidb.ts_obs deferrable initially deferred for each row execute function pg_temp.no_13()`,
      'drop trigger no_13 on tmidb.ts_obs',
    ],
  }
  for (const [guard, [on, off]] of Object.entries(guards)) {
    await db.query('truncate tmidb.ts_obs, tmidb.raw_bucket, tmidb.ledger; delete from tmidb.stream_cursor')
    await open()
    const shared = guard === 'deferred' ? on!.replaceAll('pg_temp.', 'public.') : on!
    await db.query(shared)
    const all = Array.from({ length: 100 }, (_, i) => i + 1)
    const payloads = all.map((a) => `{"a":${a}}`)
    const mids = all.map((a) => (a % 2 ? `m${a}` : null))
    await assert.rejects(batch(1, 1, payloads, { mids }), { message: guard === 'check' ? /no_13/ : /not 13/ })
    assert.deepEqual(await batch(1, 1, payloads, { mids, sift: true }), { stored: 93, duplicate: 0, quarantined: 7 })
    await db.query(off!)
    const rows = await db.query<{ a: number }>(`select (payload->>'a')::int as a from tmidb.ts_obs order by position`)
    assert.deepEqual(
      rows.map((r) => r.a),
      all.filter((a) => a % 13 !== 0),
    )
    const parked = await db.query<{ reason: string; message: string; raw: string; target: string }>(
      `select reason, message, convert_from(raw, 'UTF8') as raw, target from tmidb.raw_bucket order by raw_id`,
    )
    assert.deepEqual(
      parked.map((p) => [p.reason, p.raw, p.target, /13/.test(p.message)]),
      all.filter((a) => a % 13 === 0).map((a) => ['TM218', `{"a":${a}}`, 't', true]),
    )
    assert.deepEqual(await ledger(), [{ received: 100, stored: 93, duplicate: 0, quarantined: 7 }])
  }
})

test('sifting raises what would pass by itself, and nothing moves', async () => {
  await open()
  await db.query(
    `create function public.busy() returns trigger language plpgsql as $f$ begin raise exception 'busy' using errcode = '40001'; end $f$;
     create trigger busy before insert on tmidb.ts_obs for each row execute function public.busy()`,
  )
  await assert.rejects(batch(1, 1, ['{"a":1}'], { sift: true }), { code: '40001' })
  await db.query('drop trigger busy on tmidb.ts_obs')
  assert.deepEqual(await batch(1, 1, ['{"a":1}']), { stored: 1, duplicate: 0, quarantined: 0 })
})

test("a message whose time is the server's is known again by its id alone, sifted or not", async () => {
  await open()
  const later = new Date(Date.now() + 1000).toISOString()
  const third = new Date(Date.now() + 2000).toISOString()
  const one = { mids: ['id'], unique: [1] }
  assert.deepEqual(await batch(1, 1, ['{"a":1}'], one), { stored: 1, duplicate: 0, quarantined: 0 })
  assert.deepEqual(await batch(2, 2, ['{"a":1}'], { ...one, ts: [later] }), { stored: 0, duplicate: 1, quarantined: 0 })
  assert.deepEqual(await batch(3, 3, ['{"a":1}'], { ...one, ts: [third], sift: true }), {
    stored: 0,
    duplicate: 1,
    quarantined: 0,
  })
})

test('stored_upto says how far streams are stored', async () => {
  await open()
  await batch(1, 4, ['{"a":1}'])
  assert.deepEqual(await db.query(`select tmidb.stored_upto(array['nothing', 'S']) as upto`), [{ upto: ['0', '4'] }])
})

test('a reading is the same by its message id, else by its content; two different ones of one instant both stay', async () => {
  await open()
  assert.deepEqual(await batch(1, 1, ['{"a":1}', '{"a": 1.0}', '{"a":2}']), { stored: 2, duplicate: 1, quarantined: 0 })
  assert.deepEqual(await batch(2, 2, ['{"a":8}', '{"a":9}', '{"a":9}'], { mids: ['m', 'm', 'n'] }), {
    stored: 2,
    duplicate: 1,
    quarantined: 0,
  })
})

const native = { skip: process.env.TMIDB_TEST_HYPERTABLE === '1' && 'TimescaleDB makes room by itself' }
test('out of range and without room: kept aside, counted, and what only lacks room is stored afterwards', native, async () => {
  await open()
  const ts = [now, '1899-12-31T23:59:59Z', new Date(Date.now() + 25 * 3600_000).toISOString(), '2003-03-03T00:00:00Z']
  assert.deepEqual(await batch(1, 1, ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}'], { ts }), {
    stored: 1,
    duplicate: 0,
    quarantined: 3,
  })
  assert.deepEqual(await db.query(`select reason, payload->>'a' as a from tmidb.raw_bucket order by 2`), [
    { reason: 'TM216', a: '2' },
    { reason: 'TM216', a: '3' },
    { reason: 'TM217', a: '4' },
  ])
  assert.deepEqual(await db.query('select tmidb.store_parked() as n'), [{ n: 1 }])
  assert.deepEqual(await db.query('select tmidb.store_parked() as n'), [{ n: 0 }])
  assert.deepEqual(await ledger(), [{ received: 4, stored: 2, duplicate: 0, quarantined: 2 }])
  assert.equal(await count(), 2)
})

test('a position where people are is kept as a trace', async () => {
  await db.query(
    `select tmidb.ingest('gps', 'walker', '{"lat": 37.5, "lon": 127.0, "speed": 4}'), tmidb.ingest('gps', 'walker', '{"lat": 137.5, "lon": 127.0}')`,
  )
  assert.deepEqual(await db.query(`select lon, lat from tmidb.geo_trace`), [{ lon: 127, lat: 37.5 }])
})
