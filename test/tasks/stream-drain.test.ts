// SPDX-License-Identifier: MIT
// From the streams into PostgreSQL, with a real NATS and a real database: across the upgrade from eight streams, and past readings
// that PostgreSQL refuses.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { jetstream } from '@nats-io/jetstream'
import { sleep } from '../../src/base/retry.ts'
import { history, migrate, migrateDown } from '../../src/db/migrate.ts'
import { openPool, type Pool } from '../../src/db/pool.ts'
import { openStoredWatch } from '../../src/edge/stored.ts'
import { FrameBuilder, type Row } from '../../src/nats-bridge/frame.ts'
import { openPublisher, type Places } from '../../src/nats-bridge/publish.ts'
import { shardOf } from '../../src/nats-bridge/shard.ts'
import {
  ensureStreams,
  type JetStreamManager,
  type NatsConnection,
  openNats,
  streamCount,
} from '../../src/nats-bridge/streams.ts'
import { openStreamDrain } from '../../src/tasks/stream-drain.ts'
import { natsServer } from '../lib/nats-server.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let nats: Awaited<ReturnType<typeof natsServer>>
let nc: NatsConnection
let manager: JetStreamManager
let db: TestDatabase
let pool: Pool
const ended = new AbortController()

before(async () => {
  nats = await natsServer()
  nc = await openNats(nats.url, ended.signal)
})
after(async () => {
  await nc.close()
  await nats[Symbol.asyncDispose]()
})
beforeEach(async () => {
  manager = await ensureStreams(nc, 64 * 2 ** 20)
  for await (const name of manager.streams.names()) await manager.streams.delete(name)
  manager = await ensureStreams(nc, 64 * 2 ** 20)
  db = await testDatabase()
  pool = openPool(db.url('tmidb_drain'), { max: 4, application: 'drain' })
})
afterEach(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

const row = (target: string, n: number, more: Partial<Row> = {}): Row => ({
  category: 'sensor',
  target,
  speaker: '7',
  sig: 42n,
  descriptor: '{"n":"integer"}',
  ts: Date.now() * 1000 + n,
  mid: null,
  payload: Buffer.from(`{"n":${n}}`),
  ...more,
})

/** Drains until the database has seen so many readings; returns the drains' errors. */
async function drainUntil(received: number): Promise<string[]> {
  const errors: string[] = []
  const drains = Array.from({ length: streamCount }, (_, stream) =>
    openStreamDrain(stream, { nc, manager, pool, onStored: () => {} }),
  )
  let enough = false
  const running = drains.map(async (drain) => {
    while (!enough) await drain.run(Date.now() + 300).catch((e: Error) => errors.push(e.message))
  })
  const started = Date.now()
  for (;;) {
    const [ledger] = await db.query<{ n: number }>('select coalesce(sum(received), 0)::int as n from tmidb.ledger')
    if ((ledger?.n ?? 0) >= received) break
    assert.ok(Date.now() - started < 60_000, `${ledger?.n} of ${received} within a minute: ${errors.slice(0, 3)}`)
    await sleep(50)
  }
  enough = true
  await Promise.all(running)
  return errors
}

/** What is stored of each target, in the order of positions. */
async function numbers(): Promise<Map<string, number[]>> {
  const rows = await db.query<{ target: string; numbers: number[] }>(
    `select t.key as target, array_agg((o.payload->>'n')::int order by o.position) as numbers
     from tmidb.ts_obs o join tmidb.target t using (target_id) group by 1`,
  )
  return new Map(rows.map((r) => [r.target, r.numbers]))
}

test('what an older tmiDB left in its eight streams is stored first, from its cursors on, in order and once', async () => {
  const targets = Array.from({ length: 24 }, (_, i) => `truck-${i}`)
  assert.equal(new Set(targets.map(shardOf)).size, 8)
  const js = jetstream(nc)
  for (let shard = streamCount; shard < 8; shard++)
    await manager.streams.add({ name: `TMI_IN_${shard}`, subjects: [`tmi.in.${shard}`], storage: 'file', discard: 'new' })
  // Readings 1 to 40, a frame each; the first ten of each shard's frames are stored already, as the older cursors say.
  const frames: number[] = Array(8).fill(0)
  for (let n = 1; n <= 40; n++) {
    for (const target of targets) {
      const frame = new FrameBuilder()
      frame.add(row(target, n))
      await js.publish(`tmi.in.${shardOf(target)}`, frame.encode())
      frames[shardOf(target)]!++
    }
  }
  const steps = (await history({ superuserUrl: db.superUrl })).filter((s) => s.name >= '0004')
  await migrateDown({ superuserUrl: db.superUrl }, steps.length)
  const skipped: number[] = []
  for (let shard = 0; shard < 8; shard++) {
    const { created } = await manager.streams.info(`TMI_IN_${shard}`)
    const ofShard = targets.filter((t) => shardOf(t) === shard).length
    skipped[shard] = 10 * ofShard
    await db.query('update tmidb.ingest_cursor set stream_created = $1, last_seq = $2 where shard = $3', [
      created,
      skipped[shard],
      shard,
    ])
  }
  await migrate({ superuserUrl: db.superUrl })

  const publisher = openPublisher(nc)
  for (let n = 41; n <= 60; n++) await publisher.publish(targets.map((t) => row(t, n)))
  const errors = await drainUntil(targets.length * 50)
  assert.deepEqual(errors, [])
  const expected = Array.from({ length: 50 }, (_, i) => i + 11)
  for (const [target, got] of await numbers()) assert.deepEqual(got, expected, target)
  assert.equal((await numbers()).size, targets.length)

  // They go when their messages have aged out, not before: a restored backup may ask for them.
  for await (const name of manager.streams.names()) await manager.streams.purge(name)
  await publisher.publish(targets.map((t) => row(t, 61)))
  await drainUntil(targets.length * 51)
  const names: string[] = []
  for await (const name of manager.streams.names()) names.push(name)
  assert.deepEqual(names.sort(), ['TMI_IN_0', 'TMI_IN_1'])
  await publisher[Symbol.asyncDispose]()
})

test('1 % poison in 20,000 readings: each parked with its reason, all others stored in order, within a minute', async (t) => {
  await db.query(`alter table tmidb.ts_obs add constraint no_poison check ((payload->>'n')::int % 100 <> 77)`)
  const targets = Array.from({ length: 50 }, (_, i) => `truck-${i}`)
  const publisher = openPublisher(nc)
  for (let n = 1; n <= 400; n++) {
    await publisher.publish(targets.map((target) => row(target, n, { mid: n % 2 ? `m${n}` : null })))
  }
  const started = performance.now()
  assert.deepEqual(await drainUntil(20_000), [])
  t.diagnostic(`${Math.round(performance.now() - started)} ms`)
  const good = Array.from({ length: 400 }, (_, i) => i + 1).filter((n) => n % 100 !== 77)
  for (const [target, got] of await numbers()) assert.deepEqual(got, good, target)
  const parked = await db.query(
    `select reason, message ~ 'violates check constraint "no_poison"' as message, count(*)::int as count,
       count(distinct target || convert_from(raw, 'UTF8'))::int as different from tmidb.raw_bucket group by 1, 2`,
  )
  assert.deepEqual(parked, [{ reason: 'TM218', message: true, count: 200, different: 200 }])
  assert.deepEqual(
    await db.query(
      'select sum(received)::int as received, sum(stored)::int as stored, sum(quarantined)::int as quarantined from tmidb.ledger',
    ),
    [{ received: 20_000, stored: 19_800, quarantined: 200 }],
  )
  await publisher[Symbol.asyncDispose]()
})

test('a message that is no frame, and one whose text PostgreSQL cannot even read, are parked and hold nothing up', async () => {
  const publisher = openPublisher(nc)
  const js = jetstream(nc)
  await publisher.publish([row('t', 1)])
  const subject = `tmi.in.${shardOf('t') % streamCount}`
  await js.publish(subject, Buffer.from('something else'))
  await publisher.publish([row('t', 2), row('t', 3, { payload: Buffer.from([0x7b, 0xff, 0x7d]) })])
  await publisher.publish([row('t', 4)])
  await drainUntil(5)
  assert.deepEqual(
    (await db.query<{ raw: Buffer; ts: number }>(`select raw from tmidb.raw_bucket order by raw_id`)).map((r) =>
      r.raw.toString('latin1'),
    ),
    ['something else', '{"n":2}', '{\xff}'],
  )
  assert.deepEqual((await numbers()).get('t'), [1, 4])
  await publisher[Symbol.asyncDispose]()
})

test('stored says so as soon as the cursors have passed, and no when the time is over', async () => {
  const publisher = openPublisher(nc)
  const edge = openPool(db.url('tmidb_edge'), { max: 1, application: 'edge' })
  const isStored = openStoredWatch(edge)
  const at: Places = []
  await publisher.publish(
    Array.from({ length: 20 }, (_, i) => row(`truck-${i}`, 1)),
    at,
  )
  assert.equal(at.length, streamCount)
  assert.equal(await isStored(at, 200), false)
  const [said] = await Promise.all([isStored(at), drainUntil(20)])
  assert.equal(said, true)
  await edge.end()
  await publisher[Symbol.asyncDispose]()
})
