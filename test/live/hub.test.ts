// SPDX-License-Identifier: MIT
// The hub on a real database: every event once and in order, from any cursor on, while writing continues.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TmiError } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/retry.ts'
import { type Access, type Identity, openAccess } from '../../src/db/access.ts'
import { decodeCursor } from '../../src/live/cursor.ts'
import { type Hub, type LiveEvent, openHub, type Wish } from '../../src/live/hub.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let access: Access
let hub: Hub
let reader: Identity
let readerToken = ''
const targets = Array.from({ length: 12 }, (_, i) => `t${i}`)

before(async () => {
  db = await testDatabase()
  readerToken = (await db.query<{ t: string }>(`select tmidb.create_listener('reader') as t`))[0]?.t ?? ''
  await db.query(`select tmidb.subscribe('reader', 'sensor', null, array['n'])`)
  await db.query(`select tmidb.ingest('sensor', 'first', '{"n": 0}'), tmidb.publish_views()`)
  access = await openAccess(db.url('tmidb_api'))
  hub = await openHub(db.url('tmidb_api'), access)
  reader = await access.identify(readerToken)
})
after(async () => {
  await hub[Symbol.asyncDispose]()
  await access[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

let written = 0
/** One reading of each target in one transaction. */
async function write(): Promise<void> {
  const n = ++written
  await db.query(`select tmidb.ingest('sensor', $1::jsonb)`, [
    JSON.stringify(targets.map((target) => ({ target, data: { n, hidden: 'x' } }))),
  ])
}

interface Seen {
  events: LiveEvent[]
  ended: TmiError | null
  cursor: string
  detach(): void
}
async function attach(wish: Partial<Wish> = {}): Promise<Seen> {
  const seen: Seen = { events: [], ended: null, cursor: '', detach: () => {} }
  const { cursor, detach } = await hub.attach(
    { identity: reader, caller: { authorization: `Bearer ${readerToken}` }, ...wish },
    { push: (event) => seen.events.push(event), end: (why) => (seen.ended = why) },
  )
  return Object.assign(seen, { cursor, detach })
}
const keys = (events: LiveEvent[]) => events.map((e) => `${e.target} ${(JSON.parse(e.text) as { data: { n: number } }).data.n}`)
const all = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => targets.map((t) => `${t} ${from + i}`))
    .flat()
    .sort()
async function until(done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i++) {
    assert.ok(i < 1000, 'not within 10 s')
    await sleep(10)
  }
}

test('an event is the text that goes on the wire, with only the fields that may be seen', async () => {
  const seen = await attach({ category: 'sensor', major: 1 })
  await write()
  await until(() => seen.events.length === targets.length)
  const [event] = seen.events as [LiveEvent]
  const { ts, cursor, ...rest } = JSON.parse(event.text) as Record<string, unknown>
  assert.deepEqual(rest, { type: 'event', category: 'sensor', version: '1.1', target: event.target, data: { n: written } })
  assert.match(String(ts), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  assert.deepEqual([cursor, event.ts, event.version, event.row(1)], [event.cursor, ts, '1.1', { n: written }])
  decodeCursor(event.cursor)
  seen.detach()
})

test('from any event’s cursor on, every later event comes once and in the order of its target, while writing goes on', async () => {
  const start = await attach()
  const from = written + 1
  for (let i = 0; i < 15; i++) await write()
  await until(() => start.events.length === 15 * targets.length)
  let writing = true
  const writer = (async () => {
    while (writing) await write()
  })()
  const places = [
    ...new Set([
      0,
      1,
      17,
      100,
      start.events.length - 1,
      ...Array.from({ length: 8 }, () => Math.floor(Math.random() * start.events.length)),
    ]),
  ]
  const resumed = await Promise.all(places.map((i) => attach({ since: start.events[i]?.cursor ?? '' })))
  const fromStart = await attach({ since: start.cursor })
  await sleep(400)
  writing = false
  await writer
  const complete = all(from, written)
  await until(() => start.events.length === complete.length && fromStart.events.length === complete.length)
  assert.deepEqual(keys(start.events).sort(), complete, 'the one that was there all the time')
  assert.deepEqual(keys(fromStart.events).sort(), complete, 'the one that came back to the start')
  for (const [i, seen] of resumed.entries()) {
    const place = places[i] as number
    const rest = complete.length - place - 1
    await until(() => seen.events.length >= rest)
    assert.deepEqual(keys(seen.events).sort(), keys(start.events.slice(place + 1)).sort(), `resumed behind event ${place}`)
  }
  await sleep(100)
  for (const seen of [start, fromStart, ...resumed]) {
    for (const target of targets) {
      const numbers = keys(seen.events)
        .filter((k) => k.startsWith(`${target} `))
        .map((k) => Number(k.split(' ')[1]))
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
        target,
      )
    }
    seen.detach()
  }
})

test('targets and category narrow what comes, in the past and live', async () => {
  const begin = await attach()
  const from = written + 1
  await write()
  const seen = await attach({ targets: ['t3', 'nobody'], category: 'sensor', since: begin.cursor })
  const other = await attach({ category: 'other', since: begin.cursor })
  await write()
  await until(() => seen.events.length === 2)
  await sleep(50)
  assert.deepEqual(keys(seen.events), [`t3 ${from}`, `t3 ${from + 1}`])
  assert.deepEqual(other.events, [])
  for (const s of [begin, seen, other]) s.detach()
})

test('a lost LISTEN connection loses no event', async () => {
  const seen = await attach()
  const from = written + 1
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tmiDB-listen' and datname = current_database()`,
  )
  for (let i = 0; i < 5; i++) await write()
  await until(() => seen.events.length === 5 * targets.length)
  assert.deepEqual(keys(seen.events).sort(), all(from, written))
  seen.detach()
})

test('history that is stored late is live when it is stored', async () => {
  const seen = await attach()
  await db.query(`select tmidb.ingest('sensor', 'old', '{"n": -1}', '2001-01-01T00:00:00Z')`)
  await db.query('select tmidb.store_parked()')
  await until(() => seen.events.length === 1)
  assert.equal(seen.events[0]?.ts, '2001-01-01T00:00:00.000000Z')
  seen.detach()
})

test('TM304, TM100 and TM102 are thrown where one attaches', async () => {
  const code = (c: string) => (e: unknown) => e instanceof TmiError && e.code === c
  await assert.rejects(attach({ since: 'nonsense' }), code('TM304'))
  await assert.rejects(attach({ identity: await access.identify(undefined), caller: undefined }), code('TM100'))
  const speaker = (await db.query<{ t: string }>(`select tmidb.create_speaker('writer') as t`))[0]?.t ?? ''
  await assert.rejects(attach({ identity: await access.identify(speaker), caller: undefined }), code('TM102'))
})

test('a member is bound by its windows and groups: what comes late is no news to it', async () => {
  await db.query(`select tmidb.create_role('fleet'), tmidb.create_account('kim', null, 'fleet'), tmidb.create_group('odd', '$.odd == true'),
    tmidb.create_target('t1', null, '{"odd": true}'), tmidb.create_target('t3', null, '{"odd": true}'),
    tmidb.grant_access('role:fleet', p_category => 'sensor', p_group => 'odd', p_fields => '{n}', p_window => '1 hour')`)
  const [kim] = await db.query<{ account_id: string }>(`select account_id from tmidb.account where login = 'kim'`)
  const identity: Identity = {
    ...reader,
    kind: 'account',
    claims: { role: 'tmidb_member', account_id: kim?.account_id as string },
  }
  const seen = await attach({ identity, caller: undefined })
  const start = seen.cursor
  await db.query(`select tmidb.ingest('sensor', 't1', '{"n": -2}', now() - interval '3 hours')`)
  await write()
  await until(() => seen.events.length === 2)
  assert.deepEqual(keys(seen.events).sort(), [`t1 ${written}`, `t3 ${written}`])
  await db.query(`update tmidb.target set meta = '{}' where key = 't1'`)
  await write()
  await until(() => seen.events.length === 3)
  await sleep(50)
  assert.deepEqual(keys(seen.events.slice(2)), [`t3 ${written}`])
  const again = await attach({ identity, caller: undefined, since: start })
  await until(() => again.events.length === 2)
  assert.deepEqual(keys(again.events), [`t3 ${written - 1}`, `t3 ${written}`])
  for (const s of [seen, again]) s.detach()
})

test('a token that is revoked while it attaches gets nothing', async () => {
  const tokens: string[] = []
  for (let i = 0; i < 12; i++)
    tokens.push((await db.query<{ t: string }>(`select tmidb.create_token('listener', 'reader') as t`))[0]?.t ?? '')
  const outcomes = await Promise.all(
    tokens.map(async (token) => {
      const caller = { authorization: `Bearer ${token}` }
      const identity = await access.identify(caller)
      const attaching = attach({ identity, caller }).catch((e: unknown) => e as TmiError)
      await db.query('select tmidb.revoke_token($1)', [token])
      return await attaching
    }),
  )
  await until(() => outcomes.every((o) => o instanceof TmiError || o.ended !== null))
  for (const o of outcomes) assert.equal((o instanceof TmiError ? o : o.ended)?.code, 'TM101')
  // And one that the door let in long ago.
  await assert.rejects(attach({ caller: { authorization: `Bearer ${tokens[0]}` } }), { code: 'TM101' })
})

test('rights that change are followed without a new attachment; a revoked token ends it', async () => {
  const seen = await attach()
  await db.query(`select tmidb.subscribe('reader', 'sensor', null, array['hidden'])`)
  await sleep(300)
  await write()
  await until(() => seen.events.length === targets.length)
  assert.deepEqual((JSON.parse(seen.events[0]?.text ?? '') as { data: unknown }).data, { hidden: 'x' })
  await db.query('select tmidb.revoke_token($1)', [readerToken])
  await until(() => seen.ended !== null)
  assert.equal(seen.ended?.code, 'TM101')
  await write()
  await sleep(100)
  assert.equal(seen.events.length, targets.length)
})
