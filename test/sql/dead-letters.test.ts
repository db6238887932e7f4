// SPDX-License-Identifier: MIT
// What could not be stored: kept, listed, repaired, replayed exactly once or thrown away, and always in the ledger.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { withClient } from '../../src/db/superuser.ts'
import { epochMicros } from '../../src/edge/time.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.create_speaker('gateway'), tmidb.create_speaker('truck', 'truck-1')`)
  await db.query(`insert into tmidb.speaker (name, may_create) values ('guest', false)`)
})
after(() => db[Symbol.asyncDispose]())
beforeEach(async () => {
  await db.query('truncate tmidb.ts_obs, tmidb.raw_bucket, tmidb.ledger, tmidb.removal')
})

interface Entry {
  code?: string
  speaker?: string
  shard?: number
  category?: string | null
  target?: string | null
  raw: string | Buffer
  ts?: number
  mid?: string
  payload?: boolean
}

/** As the drain parks it; resolves to its raw_id. */
async function park(entry: Entry): Promise<string> {
  const { code = 'TM201', speaker = 'gateway', shard = 3, category = 'sensor', target = 't', raw, ...more } = entry
  const [who] = await db.query<{ id: string }>('select speaker_id as id from tmidb.speaker where name = $1', [speaker])
  const row = {
    code,
    message: 'refused',
    speaker: who?.id,
    shard,
    category,
    target,
    raw: Buffer.from(raw).toString('base64'),
    ...more,
  }
  await db.query('select tmidb.quarantine($1)', [JSON.stringify([row])])
  const [kept] = await db.query<{ id: string }>('select max(raw_id) as id from tmidb.raw_bucket')
  return kept?.id ?? ''
}

interface Batch {
  r: { tried: number; replayed: number; stored: number; failed: unknown[]; last: string | null }
}

const replay = async (id: string) =>
  (await db.query<{ r: Record<string, unknown> }>('select tmidb.replay_dead_letter($1) as r', [id]))[0]?.r ?? {}
const readings = () =>
  db.query(
    `select t.key as target, to_char(o.ts at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as ts, o.payload
     from tmidb.ts_obs o join tmidb.target t using (target_id) order by o.position`,
  )
const balance = () => db.query('select * from tmidb.ledger_check()')
const ledger = () =>
  db.query(
    'select sum(received)::int as received, sum(stored)::int as stored, sum(duplicate)::int as duplicate, sum(quarantined)::int as quarantined, sum(discarded)::int as discarded from tmidb.ledger',
  )

test('a broken message is repaired and replayed once, with its own time and id', async () => {
  const id = await park({ raw: '{"ts": "2026-01-02T03:04:05.000006Z", "mid": "m1", "temperature": 21.50' })
  assert.deepEqual(await balance(), [])
  const failed = await replay(id)
  assert.equal(failed.replayed, false)
  assert.equal(failed.code, 'TM201')
  assert.deepEqual(await db.query('select reason, attempts from tmidb.raw_bucket'), [{ reason: 'TM201', attempts: 1 }])
  await db.query('select tmidb.edit_dead_letter($1, p_raw => $2)', [
    id,
    '{"ts": "2026-01-02T03:04:05.000006Z", "mid": "m1", "temperature": 21.50}',
  ])
  assert.equal((await replay(id)).stored, 1)
  await assert.rejects(replay(id), { code: 'TM107' })
  assert.deepEqual(await readings(), [{ target: 't', ts: '2026-01-02 03:04:05.000006', payload: { temperature: 21.5 } }])
  const [digest] = await db.query(`select digest = hashtextextended('m1', 1) as by_mid from tmidb.ts_obs`)
  assert.deepEqual(digest, { by_mid: true })
  assert.deepEqual(await ledger(), [{ received: 1, stored: 1, duplicate: 0, quarantined: 0, discarded: 0 }])
  assert.deepEqual(await balance(), [])
})

test('a reading that brought no time keeps that of its arrival, and its message id', async () => {
  const id = await park({ code: 'TM105', target: null, raw: '{"a": 1}', ts: 1767323045000006, mid: 'outer' })
  assert.equal((await replay(id)).code, 'TM213')
  await db.query(`select tmidb.edit_dead_letter($1, p_target => 'late')`, [id])
  assert.equal((await replay(id)).stored, 1)
  assert.deepEqual(await readings(), [{ target: 'late', ts: '2026-01-02 03:04:05.000006', payload: { a: 1 } }])
  const [digest] = await db.query(`select digest = hashtextextended('outer', 1) as by_mid from tmidb.ts_obs`)
  assert.deepEqual(digest, { by_mid: true })
  const bare = await park({ code: 'TM105', raw: '{"a": 2}' })
  const [arrival] = await db.query<{ ts: Date }>('select ts from tmidb.raw_bucket')
  await replay(bare)
  const [stored] = await db.query<{ ts: Date }>(`select ts from tmidb.ts_obs where payload = '{"a": 2}'`)
  assert.equal(stored?.ts.getTime(), arrival?.ts.getTime())
  assert.deepEqual(await balance(), [])
})

test('a message of several readings is stored whole or stays whole', async () => {
  const batch = (bad: string) => `[{"ts": 1767323045, "a": 1}, {"target": "u", "ts": 1767323045000, "a": 2}, ${bad}, {"a": 4}]`
  const id = await park({ raw: batch('3') })
  assert.equal((await replay(id)).code, 'TM202')
  assert.deepEqual(await readings(), [])
  await db.query('select tmidb.edit_dead_letter($1, p_raw => $2)', [id, batch('{"data": {"a": 3}, "target": "v"}')])
  assert.equal((await replay(id)).stored, 4)
  assert.deepEqual((await readings()).map((r) => r.target).sort(), ['t', 't', 'u', 'v'])
  assert.deepEqual(await ledger(), [{ received: 4, stored: 4, duplicate: 0, quarantined: 0, discarded: 0 }])
  assert.deepEqual(await balance(), [])
})

test('replaying what is stored already is a duplicate', async () => {
  for (let i = 0; i < 2; i++) await replay(await park({ raw: '{"ts": 1767323045, "a": 1}' }))
  assert.deepEqual(await ledger(), [{ received: 2, stored: 1, duplicate: 1, quarantined: 0, discarded: 0 }])
  assert.deepEqual(await balance(), [])
})

test('a poison reading is only fields: nothing in it is taken for an envelope', async () => {
  const id = await park({
    code: 'TM218',
    raw: '{"target": "field", "ts": "no time", "n": 12345678901234567890}',
    ts: 1767323045000000,
  })
  assert.equal((await replay(id)).stored, 1)
  const [row] = await db.query(`select t.key, o.payload::text as text from tmidb.ts_obs o join tmidb.target t using (target_id)`)
  assert.deepEqual(row, { key: 't', text: '{"n": 12345678901234567890, "ts": "no time", "target": "field"}' })
  const zero = await park({ code: 'TM218', raw: '{"a": "\\u0000"}' })
  assert.equal((await replay(zero)).code, 'TM208')
  await db.query(`select tmidb.edit_dead_letter($1, '{"a": ""}')`, [zero])
  assert.equal((await replay(zero)).stored, 1)
  assert.deepEqual(await balance(), [])
})

const refused: [string, string | Buffer, string][] = [
  ['broken JSON', '{"a":', 'TM201'],
  ['a bare value', '21.5', 'TM202'],
  ['an empty list', '[]', 'TM202'],
  ['deep nesting', `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`, 'TM203'],
  ['very deep nesting', '['.repeat(100_000), 'TM203'],
  ['a key twice', '{"b": {"a": 1, "a": 2}}', 'TM210'],
  ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d]), 'TM209'],
  ['a lone surrogate', '{"a": "\\ud800"}', 'TM209'],
  ['U+0000', '{"a": "\\u0000"}', 'TM208'],
  ['a time that is none', '{"ts": "yesterday", "a": 1}', 'TM211'],
  ['a time without a zone', '{"ts": "2026-01-01T00:00:00", "a": 1}', 'TM211'],
  ['a time to come', '{"ts": "2126-01-01T00:00:00Z", "a": 1}', 'TM216'],
  ['keys beside data', '{"data": {}, "a": 1}', 'TM215'],
  ['a message id that is none', '{"mid": 1.5, "a": 1}', 'TM214'],
  ['a target that is none', '{"target": [], "a": 1}', 'TM105'],
  ['a number beyond float64', '{"a": 1e999}', 'TM207'],
]
for (const [what, raw, code] of refused) {
  test(`${what} is refused again with ${code}`, async () => {
    const id = await park({ raw })
    assert.equal((await replay(id)).code, code)
    assert.deepEqual(await balance(), [])
  })
}

test('what a speaker may not do it may not do by replay either, unless an administrator says the target', async () => {
  const other = await park({ speaker: 'truck', raw: '{"target": "truck-2", "a": 1}' })
  assert.equal((await replay(other)).code, 'TM102')
  await db.query(`select tmidb.edit_dead_letter($1, p_target => 'truck-2')`, [other])
  assert.equal((await replay(other)).stored, 1)
  const own = await park({ speaker: 'truck', target: null, raw: '{"a": 1}' })
  assert.equal((await replay(own)).stored, 1)
  const made = await park({ speaker: 'guest', raw: '{"target": "unheard-of", "a": 1}' })
  assert.equal((await replay(made)).code, 'TM103')
})

test('a time out of range needs an edited one', async () => {
  await db.query(`select tmidb.ingest('sensor', 't', '{"a": 1}', '2126-01-01Z')`)
  const [row] = await db.query<{ raw_id: string }>('select raw_id from tmidb.raw_bucket')
  const id = row?.raw_id ?? ''
  assert.equal((await replay(id)).code, 'TM216')
  await assert.rejects(db.query(`select tmidb.edit_dead_letter($1, p_ts => '2126-01-01Z')`, [id]), { code: 'TM216' })
  await db.query(`select tmidb.edit_dead_letter($1, p_ts => '2006-01-01Z')`, [id])
  assert.equal((await replay(id)).stored, 1)
  assert.deepEqual(await readings(), [{ target: 't', ts: '2006-01-01 00:00:00.000000', payload: { a: 1 } }])
  assert.deepEqual(await balance(), [])
})

test('one that fails does not hold up the others of its batch', async () => {
  for (let i = 0; i < 20; i++) await park({ raw: i % 5 === 0 ? '{' : `{"ts": 1767323045, "a": ${i}}` })
  // Sound for the gate, refused by the table: what a poison reading is.
  await park({ raw: '{"ts": 1767323045, "a": 1000}' })
  await db.query(`alter table tmidb.ts_obs add constraint poison check (payload->>'a' <> '1000') not valid`)
  const seen = { tried: 0, replayed: 0, stored: 0, failed: 0 }
  let after: string | null = null
  for (;;) {
    const [row]: Batch[] = await db.query<Batch>(
      'select tmidb.replay_dead_letters(p_category => $1, p_limit => 8, p_after => $2) as r',
      ['sensor', after],
    )
    if (!row || row.r.last === null) break
    after = row.r.last
    seen.tried += row.r.tried
    seen.replayed += row.r.replayed
    seen.stored += row.r.stored
    seen.failed += row.r.failed.length
  }
  await db.query('alter table tmidb.ts_obs drop constraint poison')
  assert.deepEqual(seen, { tried: 21, replayed: 16, stored: 16, failed: 5 })
  assert.deepEqual(await db.query('select reason, count(*)::int as n from tmidb.raw_bucket group by 1 order by 1'), [
    { reason: 'TM201', n: 4 },
    { reason: 'TM218', n: 1 },
  ])
  assert.deepEqual(await balance(), [])
})

test('two who replay the same at once store it once', async () => {
  for (let i = 0; i < 50; i++) await park({ raw: `{"ts": 1767323045, "a": ${i}}` })
  const all = async () => (await db.query<{ r: { stored: number } }>('select tmidb.replay_dead_letters() as r'))[0]?.r.stored ?? 0
  const stored = await Promise.all([all(), all(), all()])
  assert.equal(
    stored.reduce((a, b) => a + b),
    50,
  )
  assert.deepEqual(await ledger(), [{ received: 50, stored: 50, duplicate: 0, quarantined: 0, discarded: 0 }])
})

test('replay, parked readings, discarding and ingest at once neither wait for each other for ever nor miscount', async () => {
  for (let i = 0; i < 120; i++)
    await park({ raw: `{"target": "t${i % 9}", "ts": ${1767323045 - i * 86400 * 20}, "a": ${i}}`, shard: i % 8 })
  const end = Date.now() + 2500
  const loop = async (sql: string) => {
    let n = 0
    while (Date.now() < end) await db.query(sql, sql.includes('$1') ? [n++] : [])
  }
  await Promise.all([
    loop(`select tmidb.replay_dead_letters(p_limit => 7)`),
    loop(`select tmidb.replay_dead_letters(p_limit => 5)`),
    loop(`select tmidb.store_parked(50)`),
    loop(
      `select tmidb.ingest('sensor', (select jsonb_agg(jsonb_build_object('target', 't' || i, 'n', $1::int, 'i', i)) from generate_series(0, 8) i))`,
    ),
    loop(
      `select tmidb.ingest('sensor', (select jsonb_agg(jsonb_build_object('target', 't' || i, 'ts', timestamptz '1950-01-01Z' + $1::int * interval '40 days', 'n', $1::int)) from generate_series(0, 8) i))`,
    ),
    loop(`select tmidb.discard_dead_letters(p_category => 'none')`),
  ])
  await db.query('select tmidb.replay_dead_letters(p_limit => 5000), tmidb.store_parked()')
  assert.deepEqual(await balance(), [])
  assert.deepEqual(await db.query('select reason from tmidb.raw_bucket'), [])
})

test('what is discarded is counted, and the audit names it', async () => {
  const one = await park({ raw: '{' })
  await park({ raw: '{', category: 'other' })
  await db.query('select tmidb.discard_dead_letter($1)', [one])
  await assert.rejects(db.query('select tmidb.discard_dead_letter($1)', [one]), { code: 'TM107' })
  assert.deepEqual(await db.query(`select tmidb.discard_dead_letters(p_category => 'other') as n`), [{ n: 1 }])
  assert.deepEqual(await ledger(), [{ received: 2, stored: 0, duplicate: 0, quarantined: 2, discarded: 2 }])
  const audit = await db.query(`select detail->'letters'->0->>1 as reason from tmidb.audit where kind = 'dead_letter.discarded'`)
  assert.deepEqual(audit, [{ reason: 'TM201' }, { reason: 'TM201' }])
  assert.deepEqual(await balance(), [])
})

test('the list filters and pages, newest first', async () => {
  const ids: string[] = []
  for (let i = 0; i < 5; i++)
    ids.unshift(await park({ raw: '{', ...(i === 2 ? { code: 'TM209', category: 'log', raw: Buffer.from([255]) } : {}) }))
  const list = async (args: string) =>
    (await db.query<{ raw_id: string }>(`select raw_id from tmidb.dead_letters(${args})`)).map((r) => r.raw_id)
  assert.deepEqual(await list(''), ids)
  assert.deepEqual(await list('p_limit => 2'), ids.slice(0, 2))
  assert.deepEqual(await list(`p_limit => 2, p_after => ${ids[1]}`), ids.slice(2, 4))
  assert.deepEqual(await list(`'TM209'`), [ids[2]])
  assert.deepEqual(await list(`p_category => 'log', p_speaker => 'gateway'`), [ids[2]])
  assert.deepEqual(await list(`p_speaker => 'nobody'`), [])
  assert.deepEqual(await list(`p_since => now() + interval '1 s'`), [])
})

test('the ledger check sees what is lost, what is doubled and what was removed without a word', async () => {
  await db.query(`select tmidb.ingest('sensor', 't', '{"a": 1}'), tmidb.ingest('sensor', 't', '{"a": 2}')`)
  assert.deepEqual(await balance(), [])
  await db.query('delete from tmidb.ts_obs where payload = \'{"a": 1}\'')
  assert.deepEqual(
    (await balance()).map((r) => r.what),
    ['stored - removed = rows of ts_obs'],
  )
  await db.query(`select tmidb.record_removal('test', 1)`)
  assert.deepEqual(await balance(), [])
  await park({ raw: '{' })
  await db.query('delete from tmidb.raw_bucket')
  assert.deepEqual(
    (await balance()).map((r) => r.what),
    ['quarantined - discarded = rows of raw_bucket'],
  )
  await db.query('update tmidb.ledger set received = received - quarantined, quarantined = 0')
})

test('administrators do all, editors list and replay, the others nothing', async () => {
  await park({ raw: '{' })
  const acts: Record<string, string> = {
    list: 'select tmidb.dead_letters()',
    show: 'select tmidb.dead_letter(1)',
    replay: 'select tmidb.replay_dead_letters()',
    edit: `select tmidb.edit_dead_letter(1, p_target => 'x')`,
    discard: 'select tmidb.discard_dead_letters()',
    check: 'select tmidb.ledger_check()',
  }
  const allowed = async (role: string) =>
    await withClient(db.superUrl, async (c) => {
      const may: string[] = []
      for (const [name, sql] of Object.entries(acts)) {
        await c.query(`begin; set local role ${role}`)
        const code = await c.query(sql).then(
          () => '',
          (e: { code?: string }) => e.code,
        )
        await c.query('rollback')
        if (code !== '42501') may.push(name)
      }
      return may
    })
  assert.deepEqual(await allowed('tmidb_admin'), ['list', 'show', 'replay', 'edit', 'discard', 'check'])
  assert.deepEqual(await allowed('tmidb_editor'), ['list', 'show', 'replay'])
  for (const role of [
    'tmidb_viewer',
    'tmidb_listener',
    'tmidb_speaker',
    'tmidb_anonymous',
    'tmidb_edge',
    'tmidb_drain',
    'tmidb_api',
  ])
    assert.deepEqual(await allowed(role), [], role)
})

test('a time is read in SQL as at the other ways in', async () => {
  const times = ['2026-01-02T03:04:05Z', '2026-01-02 03:04:05.123456789+09:00', '2026-12-31T23:59:60-0330', '2026-02-29T00:00:00Z', '2024-02-29T00:00:00+05',
    '2026-01-02T03:04:05', '2026-01-02', 'now', 'infinity', '', 1767323045, 1767323045.5, 1767323045123, 1767323045123456, -1, 0, 99999999999, 100000000000,
    '1767323045', '1.7e9', '9998-12-31T23:59:59Z', '0001-01-01T00:00:00Z', '2026-01-02T24:00:00Z', '2026-01-02T03:04:05+24:00'] // biome-ignore format: a list
  for (const t of times) {
    const micros = await db
      .query<{ m: string }>(`select (extract(epoch from tmidb.reading_time($1)) * 1000000)::bigint as m`, [JSON.stringify(t)])
      .then((r) => Number(r[0]?.m))
      .catch((e: { code?: string }) => (e.code === 'TM211' ? null : e.code))
    assert.equal(micros, epochMicros(t), String(t))
  }
})

const native = { skip: process.env.TMIDB_TEST_HYPERTABLE === '1' && 'TimescaleDB makes room by itself' }
test('status says totals, what waits and the rate of the last minute', native, async () => {
  await db.query('truncate tmidb.ledger_minute')
  await db.query(
    `insert into tmidb.ledger_minute (at, received, stored, duplicate, quarantined) values (now() - interval '60 s', 0, 0, 0, 0)`,
  )
  await db.query(`select tmidb.ingest('sensor', 't', '{"a": 1}', '2002-02-02Z'), tmidb.ingest('sensor', 't', '{"a": 2}')`)
  const [row] = await db.query<{ s: { totals: object; perSecond: { received: number }; shards: unknown[]; ledger: unknown[] } }>(
    'select tmidb.ingest_status() as s',
  )
  assert.deepEqual(row?.s.totals, { received: 2, stored: 1, duplicate: 0, quarantined: 1, discarded: 0, parked: 1, removed: 0 })
  assert.equal(row?.s.shards.length, 8)
  assert.equal(row?.s.ledger.length, 1)
  assert.ok(row?.s.perSecond.received > 0)
  await db.query('select tmidb.store_parked()')
  assert.deepEqual(await balance(), [])
})
