// SPDX-License-Identifier: MIT
// What connectors are made of in SQL: schedules, values, times, definitions, old runs.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())

async function value<T>(sql: string, values: unknown[] = []): Promise<T> {
  const [row] = await db.query<{ v: T }>(`select ${sql} as v`, values)
  return row?.v as T
}
const next = async (schedule: string, after: string, since = after) =>
  await value<string | null>(`to_char(tmidb.next_run($1, $2, $3) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')`, [
    schedule,
    since,
    after,
  ])

test('a schedule comes at its step, and what was missed comes once', async () => {
  assert.equal(await next('every 60 s', '2026-01-01T00:00:00Z'), '2026-01-01 00:01:00')
  assert.equal(await next('60', '2026-01-01T00:00:00Z'), '2026-01-01 00:01:00')
  assert.equal(await next('every 5m', '2026-01-01T00:12:00Z', '2026-01-01T00:00:30Z'), '2026-01-01 00:15:30')
  assert.equal(await next('every 1 d', '2026-03-01T12:00:00Z', '2026-01-01T00:00:00Z'), '2026-03-02 00:00:00')
})

test('a cron line is understood as cron understands it', async () => {
  const cases: [string, string, string | null][] = [
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01 00:01:00'],
    ['*/15 * * * *', '2026-01-01T00:15:00Z', '2026-01-01 00:30:00'],
    ['0 9-17/4 * * 1-5', '2026-01-02T17:30:00Z', '2026-01-05 09:00:00'],
    ['30 4 1,15 * 5', '2026-01-01T05:00:00Z', '2026-01-02 04:30:00'],
    ['0 0 * * 7', '2026-01-01T00:00:00Z', '2026-01-04 00:00:00'],
    ['0 0 29 2 *', '2097-01-01T00:00:00Z', '2104-02-29 00:00:00'],
    ['59 23 31 12 *', '2026-12-31T23:59:00Z', '2027-12-31 23:59:00'],
    ['5/20 0 1 1 *', '2026-06-01T00:00:00Z', '2027-01-01 00:05:00'],
    ['0 0 30 2 *', '2026-01-01T00:00:00Z', null],
  ]
  for (const [line, since, expected] of cases) assert.equal(await next(line, since), expected, line)
})

test('a schedule that cannot be is refused', async () => {
  for (const schedule of [
    'every 4 s',
    '',
    'now',
    '60 * * * *',
    '* * * *',
    '* * * * * *',
    '*/0 * * * *',
    '5-1 * * * *',
    'every 999 d',
    '-5',
    '1.5 m',
  ])
    await assert.rejects(next(schedule, '2026-01-01T00:00:00Z'), { code: 'TM108' }, schedule)
})

test('values are read as the type that is said, exactly', async () => {
  const cases: [string, string, string, string | null][] = [
    ['"1,234.5 kW"', 'number', '.', '1234.5'],
    ['"1.234,5"', 'number', ',', '1234.5'],
    ['"12 345 678"', 'number', '.', '12345678'],
    ['"−3.5°C"', 'number', '.', '-3.5'],
    ['"0.12345678901234567890"', 'number', '.', '0.12345678901234567890'],
    ['"1e3"', 'number', '.', '1000'],
    ['true', 'number', '.', '1'],
    ['"n/a"', 'number', '.', null],
    ['" "', 'number', '.', null],
    ['"Yes"', 'boolean', '.', 'true'],
    ['0', 'boolean', '.', 'false'],
    ['21.50', 'text', '.', '"21.50"'],
    ['"21.50"', 'auto', '.', '21.50'],
    ['"007"', 'auto', '.', '"007"'],
    ['"12345678901234567890123"', 'auto', '.', '12345678901234567890123'],
    ['"True"', 'auto', '.', 'true'],
    ['"-"', 'auto', '.', null],
    ['"1e9999"', 'auto', '.', '"1e9999"'],
    ['[1]', 'json', '.', '[1]'],
  ]
  for (const [from, type, decimal, expected] of cases)
    assert.equal(await value('tmidb.value_as($1::jsonb, $2, $3)::text', [from, type, decimal]), expected, `${from} as ${type}`)
  for (const [from, type] of [
    ['"warm"', 'number'],
    ['"perhaps"', 'boolean'],
  ])
    await assert.rejects(value('tmidb.value_as($1::jsonb, $2)', [from, type]), { code: 'TM218' })
})

test('times are read as every other way in reads them', async () => {
  const cases: [string, string | null][] = [
    ['"2026-01-02T03:04:05Z"', '2026-01-02 03:04:05'],
    ['"2026-01-02T03:04:05.123456+09:00"', '2026-01-01 18:04:05.123456'],
    ['"2026-01-02 03:04"', '2026-01-02 03:04:00'],
    ['"2026-01-02"', '2026-01-02 00:00:00'],
    ['"Fri, 02 Jan 2026 03:04:05 GMT"', '2026-01-02 03:04:05'],
    ['1767323045', '2026-01-02 03:04:05'],
    ['1767323045.123456', '2026-01-02 03:04:05.123456'],
    ['"1767323045123"', '2026-01-02 03:04:05.123'],
    ['1767323045123456', '2026-01-02 03:04:05.123456'],
    ['null', null],
    ['""', null],
  ]
  for (const [from, expected] of cases)
    assert.equal(await value(`(tmidb.reading_ts($1::jsonb) at time zone 'UTC')::text`, [from]), expected, from)
  for (const from of [
    '"now"',
    '"yesterday"',
    '"infinity"',
    '"-infinity"',
    '"soon"',
    '"01/02/2026"',
    '"2026-13-01"',
    '{}',
    'true',
    '1e30',
    '"99999999999999999999"',
  ])
    await assert.rejects(value('tmidb.reading_ts($1::jsonb)', [from]), { code: 'TM211' }, from)
})

test('a definition with a mistake is refused with the place of it', async () => {
  const cases: [string, object, RegExp][] = [
    ['url', {}, /url cannot be used/],
    ['ftp', { url: 'http://a/' }, /no kind of connector/],
    ['url', { url: 'http://a/', fields: {} }, /fields is not known/],
    ['url', { url: 'http://a/', extract: { item: '$' } }, /extract\.item is not known/],
    ['url', { url: 'http://a/', extract: { target: '$.[' } }, /extract\.target cannot be used/],
    ['url', { url: 'http://a/', extract: { fields: { v: { path: '$.v', type: 'float' } } } }, /extract\.fields\.v/],
    ['url', { url: 'http://a/', method: 'DELETE' }, /method/],
    ['url', { url: 'http://a/', format: 'xml' }, /format/],
    ['url', { url: 'http://a/', format: 'html' }, /html\.items/],
    ['url', { url: 'http://a/', headers: { Host: 'b' } }, /header/],
    ['url', { url: 'http://a/', headers: { a: 'b\r\nc: d' } }, /header/],
    ['url', { url: 'http://a/', timeout_s: 31 }, /timeout_s/],
    ['url', { url: 'http://a/', max_bytes: 5_000_001 }, /max_bytes/],
    ['url', { url: 'http://a/', allow: 'b' }, /allow/],
    ['postgres', { url: 'postgres://a/b' }, /query or table/],
    ['postgres', { url: 'postgres://a/b', table: 't' }, /watermark/],
    ['postgres', { url: 'postgres://a/b', table: 't; drop', watermark: 'id' }, /table/],
    ['postgres', { url: 'postgres://a/b?host=/tmp', table: 't', watermark: 'id' }, /url/],
    ['postgres', { url: 'postgres://a/b?sslrootcert=/etc/passwd', table: 't', watermark: 'id' }, /url/],
    ['postgres', { url: 'postgres:///b', table: 't', watermark: 'id' }, /url/],
    ['postgres', { url: 'postgres://a/b', table: 't', watermark: 'id', batch: 10_001 }, /batch/],
  ]
  for (const [kind, config, message] of cases)
    await assert.rejects(
      db.query(`select tmidb.create_connector('x', $1, 'c', null, '60', $2)`, [kind, JSON.stringify(config)]),
      (e: { code: string; message: string }) => e.code === 'TM108' && message.test(e.message),
      JSON.stringify(config),
    )
  assert.deepEqual(await db.query('select from tmidb.ingest_connector'), [])
})

test('a connector is made, changed and removed once, and each is written down', async () => {
  const config = JSON.stringify({ url: 'https://example.org/x' })
  await db.query(`select tmidb.create_connector('one', 'url', 'c', null, 'every 60 s', $1)`, [config])
  await assert.rejects(db.query(`select tmidb.create_connector('one', 'url', 'c', null, 'every 60 s', $1)`, [config]), {
    code: 'TM106',
  })
  await assert.rejects(db.query(`select tmidb.set_connector('two', p_schedule => '60')`), { code: 'TM107' })
  await db.query(`select tmidb.set_connector('one', p_schedule => '0 * * * *', p_is_enabled => false)`)
  assert.deepEqual(await db.query('select name, schedule, is_enabled, speaker, source from tmidb.connectors()'), [
    { name: 'one', schedule: '0 * * * *', is_enabled: false, speaker: 'connectors', source: 'https://example.org/x' },
  ])
  await db.query(`select tmidb.remove_connector('one')`)
  assert.deepEqual(
    await db.query(`select kind, detail->>'connector' as name from tmidb.audit where kind like 'connector.%' order by audit_id`),
    [
      { kind: 'connector.created', name: 'one' },
      { kind: 'connector.changed', name: 'one' },
      { kind: 'connector.removed', name: 'one' },
    ],
  )
  assert.deepEqual(await db.query(`select from graphile_worker.jobs where key like 'connector:%'`), [])
})

test('only administrators make connectors, only the consumer runs them', async () => {
  const rights = await db.query<{ who: string; what: string }>(
    `select r.rolname as who, p.proname as what from pg_proc p cross join pg_roles r
     where p.pronamespace = 'tmidb'::regnamespace and p.proname ~ '(connector|_run$)' and r.rolname ~ '^tmidb_' and r.rolname <> 'tmidb_owner'
       and has_function_privilege(r.oid, p.oid, 'execute') order by 1, 2`,
  )
  assert.deepEqual(
    rights.map((r) => `${r.who}: ${r.what}`),
    [
      ...['connector_runs', 'connectors', 'create_connector', 'remove_connector', 'run_connector_now', 'set_connector'].map(
        (f) => `tmidb_admin: ${f}`,
      ),
      ...['fail_run', 'finish_run', 'lease_connector', 'tick_connectors'].map((f) => `tmidb_drain: ${f}`),
    ],
  )
})

test('runs are kept for seven days, and a thousand of each connector', async () => {
  await db.query(`select tmidb.create_connector('many', 'url', 'c', null, 'every 60 s', '{"url": "https://example.org/x"}')`)
  const runs = (each: string, series: string) =>
    db.query(`insert into tmidb.connector_run (connector_id, started_at, status)
      select tmidb.connector_named('many'), now() - i * interval '${each}', 'ok' from generate_series(${series}, -1) i`)
  await runs('1 day', '20, 8')
  await runs('1 minute', '1500, 1')
  assert.equal(await value('tmidb.tick_connectors(gen_random_uuid())'), 1, 'it is due')
  assert.deepEqual(
    await db.query("select count(*)::int as n, min(started_at) > now() - interval '7 days' as young from tmidb.connector_run"),
    [{ n: 1000, young: true }],
  )
})

test('readings in the name of a speaker: all or the first fault, or the good ones with the bad ones kept', async () => {
  await db.query(`select tmidb.create_speaker('s')`)
  const readings = JSON.stringify([
    { target: 'a', data: { v: 1 } },
    { target: 'b', data: 5 },
    { target: 'c', ts: 'soon', data: { v: 1 } },
    { target: 'd', data: { v: 2 } },
  ])
  const id = await value<string>(`(select speaker_id from tmidb.speaker where name = 's')`)
  await assert.rejects(db.query(`select tmidb.ingest_for($1, 'f', $2)`, [id, readings]), { code: 'TM202' })
  assert.deepEqual(await value(`tmidb.ingest_for($1, 'f', $2, 10)`, [id, readings]), {
    stored: 2,
    duplicate: 0,
    quarantined: 0,
    refused: 2,
    code: 'TM202',
    message: 'A reading is a JSON object.',
  })
  assert.deepEqual(await db.query(`select reason, target, payload from tmidb.raw_bucket order by raw_id`), [
    { reason: 'TM202', target: 'b', payload: 5 },
    { reason: 'TM211', target: 'c', payload: { v: 1 } },
  ])
})
