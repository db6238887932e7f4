// SPDX-License-Identifier: MIT
// Connectors of kind postgres: another real PostgreSQL database as the foreign one, and servers that only pretend to be one.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { readForeign } from '../../src/db/foreign.ts'
import { withClient } from '../../src/db/superuser.ts'
import { type Connectors, openConnectors } from '../../src/tasks/connectors.ts'
import { emptyDatabase, type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let foreign: TestDatabase
let connectors: Connectors
let n = 0

before(async () => {
  db = await testDatabase()
  foreign = await emptyDatabase()
  connectors = openConnectors({ url: db.url('tmidb_drain'), allow: ['127.0.0.1'], gapMs: 0 })
  await foreign.query(`create table m (id bigserial primary key, at timestamptz not null default now(), machine text, temp numeric, more jsonb);
    create table victim (x int); insert into victim values (1)`)
})
after(async () => {
  await connectors[Symbol.asyncDispose]()
  await foreign[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

interface Run {
  status: string
  bytes: number
  accepted: number
  stored: number
  rejected: number
  code: string | null
  message: string | null
}

async function connector(config: object): Promise<string> {
  const name = `p${++n}`
  await db.query('select tmidb.create_connector($1, $2, $3, null, $4, $5)', [
    name,
    'postgres',
    name,
    'every 5 s',
    JSON.stringify({ url: foreign.superUrl, ...config }),
  ])
  return name
}

async function run(name: string, by: Connectors = connectors): Promise<Run> {
  const [{ id, run } = { id: '', run: '' }] = await db.query<{ id: string; run: string }>(
    'select tmidb.connector_named($1) as id, tmidb.run_connector_now($1) as run',
    [name],
  )
  await by.run({ connector: id, run })
  const [row] = await db.query<Run>('select * from tmidb.connector_run where run_id = $1', [run])
  assert.ok(row, 'the run has a row')
  return row
}

const stored = (category: string) =>
  db.query<{ target: string; data: string; ts: string }>(
    `select t.key as target, to_json(o.ts)#>>'{}' as ts, o.payload::text as data from tmidb.ts_obs o
     join tmidb.target t using (target_id) join tmidb.category c using (category_id) where c.name = $1 order by o.payload->'id', o.ts`,
    [category],
  )

test('rows become readings: columns for target and time, numbers exact, from the watermark on', async () => {
  await foreign.query(`truncate m restart identity; insert into m (at, machine, temp, more) values
    (now() - interval '2 min', 'press', 0.12345678901234567890123, '{"big": 9007199254740993}'), (now() - interval '1 min', 'saw', 1e20, null)`)
  const name = await connector({ table: 'public.m', watermark: 'id', target: 'machine', ts: 'at' })
  const first = await run(name)
  assert.deepEqual([first.status, first.accepted, first.stored, first.rejected], ['ok', 2, 2, 0], JSON.stringify(first))
  assert.deepEqual(
    (await stored(name)).map((r) => [r.target, r.data]),
    [
      ['press', '{"id": 1, "more": {"big": 9007199254740993}, "temp": 0.12345678901234567890123}'],
      ['saw', '{"id": 2, "more": null, "temp": 100000000000000000000}'],
    ],
  )
  assert.equal((await run(name)).status, 'unchanged')
  await foreign.query(`insert into m (machine, temp) values ('saw', 3)`)
  assert.equal((await run(name)).stored, 1)
  const [state] = await db.query('select state->>$2 as watermark, failing_since from tmidb.ingest_connector where name = $1', [
    name,
    'watermark',
  ])
  assert.deepEqual(state, { watermark: '3', failing_since: null })
})

test('rows of one watermark are all read, also those committed late, each once', async () => {
  await foreign.query(`drop table if exists tie; create table tie (at timestamp, v int);
    insert into tie select '2026-01-01 10:00', i from generate_series(1, 25) i; insert into tie select '2026-01-01 10:01', i from generate_series(1, 3) i`)
  const day = new Date(Date.now() - 3_600_000).toISOString().slice(0, 13)
  await foreign.query(`update tie set at = '${day}:00:00'::timestamp + (at - '2026-01-01 10:00')`)
  const name = await connector({ table: 'tie', watermark: 'at', batch: 10 })
  assert.equal((await run(name)).stored, 25, 'a batch of ten takes all rows of its last watermark')
  assert.equal((await run(name)).stored, 3)
  await foreign.query(`insert into tie values ('${day}:01:00', 4)`)
  assert.equal((await run(name)).stored, 1, 'late, with the same watermark')
  assert.equal((await run(name)).status, 'unchanged')
  const rows = await stored(name)
  assert.equal(rows.length, 29)
  assert.equal(rows.at(-1)?.ts, `${day}:01:00+00:00`, 'a watermark that is a time is the time of the reading')
})

test('an id as watermark and no time: nothing is stored twice although the last row is read again', async () => {
  await foreign.query(
    'drop table if exists plain; create table plain (id int, v int); insert into plain select i, i from generate_series(1, 5) i',
  )
  const name = await connector({ query: 'select id, v from plain;', watermark: 'id' })
  assert.equal((await run(name)).stored, 5)
  assert.equal((await run(name)).status, 'unchanged')
  await foreign.query('insert into plain values (5, 6), (6, 6)')
  assert.equal((await run(name)).stored, 2)
  assert.equal((await stored(name)).length, 7)
})

test('a backlog is worked off batch after batch without waiting for the schedule', async () => {
  await foreign.query(
    'drop table if exists back; create table back (id int primary key, v int); insert into back select i, i from generate_series(1, 250) i',
  )
  const name = await connector({ table: 'back', columns: ['v'], watermark: 'id', batch: 100 })
  const due = async () =>
    (
      await db.query<{ due: boolean }>('select next_run_at <= now() as due from tmidb.ingest_connector where name = $1', [name])
    )[0]?.due
  await db.query(`update tmidb.ingest_connector set next_run_at = now() + interval '1 hour' where name = $1`, [name])
  assert.equal((await run(name)).stored, 100)
  assert.equal(await due(), true)
  assert.equal((await run(name)).stored, 100)
  assert.equal((await run(name)).stored, 50)
  assert.equal(await due(), false)
})

test('a process that is lost between reading and storing loses and doubles nothing', async () => {
  await foreign.query(
    'drop table if exists lost; create table lost (id int primary key, v int); insert into lost select i, i from generate_series(1, 40) i',
  )
  const name = await connector({ table: 'lost', watermark: 'id', batch: 10 })
  const [{ id } = { id: '' }] = await db.query<{ id: string }>('select tmidb.connector_named($1) as id', [name])
  for (let i = 0; i < 12; i++) {
    const dying = openConnectors({ url: db.url('tmidb_drain'), allow: ['127.0.0.1'], gapMs: 0 })
    dying.start({ connector: id })
    await new Promise((resolve) => setTimeout(resolve, i * 25))
    // Its backends end in the middle of whatever they do.
    await db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tmiDB-connectors' and datname = current_database()`,
    )
    await dying[Symbol.asyncDispose]()
  }
  await using next = openConnectors({ url: db.url('tmidb_drain'), allow: ['127.0.0.1'], gapMs: 0 })
  for (let i = 0; i < 6; i++) await run(name, next)
  const rows = await stored(name)
  assert.deepEqual(
    rows.map((r) => (JSON.parse(r.data) as { id: number }).id),
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
})

test('a row of a wrong kind is kept out by itself', async () => {
  const name = await connector({
    query: `select i as id, case i when 2 then null else 'm' || i end as machine, case i when 3 then 'soon' else now()::text end as at, 'NaN'::float8 as v from generate_series(1, 4) i`,
    watermark: 'id',
    target: 'machine',
    ts: 'at',
  })
  const ran = await run(name)
  assert.deepEqual([ran.accepted, ran.rejected], [2, 2], JSON.stringify(ran))
  assert.deepEqual(await db.query('select reason from tmidb.raw_bucket where category = $1 order by 1', [name]), [
    { reason: 'TM211' },
    { reason: 'TM213' },
  ])
})

test('no query writes, runs programs or brings a second statement', async () => {
  const hostile = [
    `copy (select 1) to program 'touch /tmp/tmidb-canary'`,
    `delete from victim returning x as id`,
    `insert into victim values (2) returning x as id`,
    `with gone as (delete from victim returning x) select x as id from gone`,
    `select 1 as id) q; delete from victim; select * from (select 1 as id`,
    `select 1 as id; delete from victim`,
    `select 1 as id) q where true; drop table victim; --`,
    `select 1 as id) q; copy (select 1) to program 'touch /tmp/tmidb-canary'; --`,
    `select 1 as id /* `,
    `select 1 as id -- `,
    `select nextval('m_id_seq') as id`,
    `select setval('m_id_seq', 5) as id`,
    `select lo_create(0) as id`,
    `select lo_import('/etc/passwd') as id`,
    `select set_config('transaction_read_only', 'off', false)::text as id`,
    `select pg_notify('x', 'y')::text as id, (select set_config('default_transaction_read_only', 'off', false))`,
    `select query_to_xml('delete from victim', true, true, '')::text as id`,
    `select x as id from victim for update`,
    `commit`,
    `rollback; delete from victim`,
    `do $$ begin delete from victim; end $$`,
    `create table other (x int)`,
    `vacuum victim`,
    `call pg_sleep(1)`,
    `prepare transaction 'x'`,
  ]
  const count = async () =>
    (
      await foreign.query(`select (select array_agg(x) from victim)::text as victim, (select last_value from m_id_seq)::int as seq,
      (select count(*)::int from pg_largeobject_metadata) as objects, (select count(*)::int from pg_class where relname = 'other') as tables`)
    )[0]
  const before = await count()
  for (const query of hostile) {
    const ran = await run(await connector({ query, watermark: 'id', timeout_s: 3 }))
    if (!/^select pg_notify|^select 1 as id -- |^select set_config/.test(query))
      assert.equal(ran.status, 'error', `${query}: ${JSON.stringify(ran)}`)
  }
  assert.deepEqual(await count(), before)
  assert.equal(existsSync('/tmp/tmidb-canary'), false)
})

test('endless rows, huge values and slow queries are cut off', async () => {
  const cases: [string, object, RegExp][] = [
    [
      'select g as id from generate_series(1, 9223372036854775807) g',
      { timeout_s: 2 },
      /statement timeout|too|longer|temp|cannot|write/,
    ],
    [
      `select i as id, repeat('x', 100000000) as v from generate_series(1, 5) i`,
      {},
      /sends more than 20000000 bytes|longer than|statement timeout/,
    ],
    [
      `select i as id, repeat('x', 1000000) as v from generate_series(1, 500) i`,
      { max_bytes: 3_000_000 },
      /sends more than 3000000 bytes|longer than|statement timeout/,
    ],
    ['select 1 as id, pg_sleep(60)::text', { timeout_s: 1 }, /statement timeout|longer than 1 s/],
  ]
  for (const [query, more, message] of cases) {
    const ran = await run(await connector({ query, watermark: 'id', ...more }))
    assert.deepEqual([ran.status, ran.code], ['error', 'TM222'], query)
    assert.match(ran.message ?? '', message)
  }
  // PostgreSQL notices that nobody reads any more when it writes the next time.
  const left = async () =>
    (
      await foreign.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where application_name = 'tmiDB-connector' and state = 'active'`,
      )
    )[0]?.n
  for (let n = 0; n < 250 && (await left()) !== 0; n++) await sleep(20)
  assert.equal(await left(), 0)
})

/** A server that answers the start-up like PostgreSQL, and then as it likes. */
async function pretender(onConnect: (socket: Socket) => void): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => onConnect(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const message = (type: string, body: Buffer) => {
  const head = Buffer.alloc(5)
  head.write(type, 0)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
const greeting = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))])

test('a server that only pretends to be PostgreSQL harms nobody', async () => {
  const tricks: ((socket: Socket) => void)[] = [
    (s) => s.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    (s) => s.write(Buffer.alloc(1_000_000, 0xff)),
    (s) => s.end(),
    () => {},
    (s) => s.write(Buffer.concat([greeting, Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff])])),
    (s) => s.write(Buffer.concat([greeting, message('D', Buffer.from([0x7f, 0xff, 0, 0]))])),
    (s) => s.write(message('R', Buffer.from([0, 0, 0, 10, 0x53]))),
    (s) => s.write(message('T', Buffer.from([0x7f, 0xff]))),
    (s) => {
      s.write(greeting)
      const flood = message('N', Buffer.concat([Buffer.from('M'), Buffer.alloc(60_000, 0x61), Buffer.from([0, 0])]))
      const pour = () => {
        while (!s.destroyed && s.write(flood));
        s.once('drain', pour)
      }
      pour()
    },
    (s) => {
      s.write(greeting)
      const rows = Buffer.concat([
        message(
          'T',
          Buffer.concat([
            Buffer.from([0, 1]),
            Buffer.from('w\0'),
            Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0, 0, 0, 0, 0, 0]),
          ]),
        ),
        message('D', Buffer.from([0, 1, 0, 0, 0, 1, 0x31])),
      ])
      s.on('data', () => s.write(rows))
    },
  ]
  for (const [i, trick] of tricks.entries()) {
    await using server = await pretender(trick)
    await assert.rejects(
      readForeign({
        url: `postgres://u:p@127.0.0.1:${server.port}/d`,
        statement: 'select 1',
        allow: ['127.0.0.1'],
        timeoutMs: 1000,
        maxRows: 100,
        maxBytes: 5_000_000,
      }),
      { code: 'TM222' },
      `trick ${i}`,
    )
  }
})

test('a database inside is not connected to unless its host is allowed by name', async () => {
  let touched = 0
  await using server = await pretender(() => touched++)
  const hosts = [
    '127.0.0.1',
    'localhost',
    '0.0.0.0',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0x7f000001',
    '127.1',
    '%31%32%37.0.0.1',
    '%2Ftmp',
    '%2Fvar%2Frun%2Fpostgresql',
  ]
  for (const host of hosts)
    await assert.rejects(
      readForeign({
        url: `postgres://u:p@${host}:${server.port}/d`,
        statement: 'select 1',
        allow: [],
        timeoutMs: 1500,
        maxRows: 1,
        maxBytes: 1000,
      }),
      (e: { code: string }) => ['TM221', 'TM222'].includes(e.code),
      host,
    )
  assert.equal(touched, 0)
})

test('the password is stored and shown to nobody', async () => {
  const name = await connector({ table: 'm', watermark: 'id' })
  const password = new URL(foreign.superUrl).password
  const asAdmin = (sql: string) => withClient(db.url('admin'), (c) => c.query(sql))
  const shown = await asAdmin(`select * from tmidb.connectors('${name}')`)
  assert.doesNotMatch(JSON.stringify(shown.rows), new RegExp(password))
  assert.match(JSON.stringify(shown.rows), /postgres:\*\*\*@/)
  await assert.rejects(asAdmin('select secret from tmidb.ingest_connector'), { code: '42501' })
  await assert.rejects(asAdmin('select * from tmidb.ingest_connector'), { code: '42501' })
  await assert.rejects(asAdmin(`select tmidb.lease_connector(1, gen_random_uuid())`), { code: '42501' })
  await asAdmin('select name, config, state from tmidb.ingest_connector')
  await asAdmin(
    `select tmidb.set_connector('${name}', (select config || '{"batch": 5}' from tmidb.ingest_connector where name = '${name}'))`,
  )
  assert.notEqual((await run(name)).status, 'error', 'the password was kept')
})
