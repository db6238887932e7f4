// SPDX-License-Identifier: MIT
// Limits of requests: several processes, one count.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { TmiError } from '../../src/base/errors.ts'
import { openPool, type Pool } from '../../src/db/pool.ts'
import { type RateLimits, rateLimits } from '../../src/db/rate-limits.ts'
import { type Counted, type Endpoint, networkOf } from '../../src/db/rate-rules.ts'
import { withClient } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
const pools: Pool[] = []
let at = Date.parse('2026-01-01T00:00:10Z')
const minute = 60_000

before(async () => {
  db = await testDatabase()
  for (const login of ['tmidb_api', 'tmidb_edge', 'tmidb_api'] as const) {
    pools.push(openPool(db.url(login), { max: 2, application: 'test' }))
  }
})
after(async () => {
  for (const pool of pools) await pool.end()
  await db[Symbol.asyncDispose]()
})
// Each test has its own minutes.
beforeEach(() => {
  at += 10 * minute
})

const set = (scope: string, endpoint: string, limit: number | null, subject: string | null = null) =>
  db.query('select tmidb.set_rate_limit($1, $2, $3, $4)', [scope, endpoint, limit, subject])
const open = async (i = 0) => await opened(pools[i] as Pool)

async function opened(pool: Pool): Promise<RateLimits> {
  const limits = rateLimits(pool, () => at)
  await limits.load()
  return limits
}

/** So many requests at once; how many were let through. */
async function send(limits: RateLimits, n: number, endpoint: Endpoint, who: Counted): Promise<number> {
  const all = await Promise.allSettled(Array.from({ length: n }, async () => await limits.count(endpoint, who)))
  for (const r of all) if (r.status === 'rejected') assert.equal((r.reason as TmiError).code, 'TM403')
  return all.filter((r) => r.status === 'fulfilled').length
}

test('three processes with ten times a limit let through what it says, never more, in each minute', async () => {
  await set('token', 'read', 997)
  const three = await Promise.all([open(0), open(1), open(2)])
  for (let n = 0; n < 2; n++, at += minute) {
    let all = 0
    // In small steps, so that they interleave and each one has a lease under way.
    for (let step = 0; step < 70; step++) {
      const through = await Promise.all(three.map((limits) => send(limits, 48, 'read', { token: '1' })))
      for (const t of through) all += t
      assert.ok(all <= 997, `${all} after ${step} steps`)
    }
    assert.ok(all >= 997 * 0.95, `only ${all}`)
  }
})

test('requests that come one by one, while a lease is under way, lose nothing of it', async () => {
  await set('token', 'read', 200)
  const limits = await open()
  const all: Promise<boolean>[] = []
  for (let n = 0; n < 600; n++) {
    all.push(
      Promise.resolve(limits.count('read', { token: '1' })).then(
        () => true,
        () => false,
      ),
    )
    await new Promise(setImmediate)
  }
  assert.equal((await Promise.all(all)).filter(Boolean).length, 200)
})

test('a process that stops with a lease in its hands leaves at most 2 % unused', async () => {
  await set('token', 'read', 1000)
  const [one, other] = await Promise.all([open(0), open(1)])
  assert.equal(await send(one, 1, 'read', { token: '1' }), 1)
  const through = await send(other, 2000, 'read', { token: '1' })
  assert.ok(through >= 980 && through <= 999, String(through))
})

test('each token, user and address has its own count; the smallest of the three decides', async () => {
  await set('token', 'write', 5)
  await set('user', 'write', 8)
  await set('address', 'write', 10)
  const limits = await open()
  assert.equal(await send(limits, 20, 'write', { token: '1', user: 'listener:a', address: '192.0.2.1' }), 5)
  assert.equal(await send(limits, 20, 'write', { token: '2', user: 'listener:a', address: '192.0.2.1' }), 3)
  // What one of them refused took nothing from the others.
  assert.equal(await send(limits, 20, 'write', { token: '3', user: 'listener:b', address: '192.0.2.1' }), 2)
  assert.equal(await send(limits, 20, 'write', { token: '4', user: 'listener:b', address: '192.0.2.2' }), 5)
  assert.equal(await send(limits, 20, 'read', { token: '1' }), 20)
  await set('user', 'write', null)
  await set('address', 'write', null)
})

test('one subject may have a limit of its own, or none', async () => {
  await db.query(`select tmidb.create_listener('busy'), tmidb.create_listener('free')`)
  await set('user', 'live', 3)
  await set('user', 'live', 7, 'listener:busy')
  await set('user', 'live', 0, 'listener:free')
  const limits = await open()
  assert.equal(await send(limits, 20, 'live', { user: 'listener:other' }), 3)
  assert.equal(await send(limits, 20, 'live', { user: 'listener:busy' }), 7)
  assert.equal(await send(limits, 20, 'live', { user: 'listener:free' }), 20)
})

test('where nothing is limited, nothing is asked or written', async () => {
  const limits = await open()
  const [before] = await db.query('select count(*)::int as n from tmidb.rate_count')
  assert.equal(await limits.count('ingest', { token: '1', user: 'speaker:a', address: '192.0.2.1' }), null)
  assert.equal(limits.pace('ingest', { token: '1' }), null)
  assert.deepEqual(await db.query('select count(*)::int as n from tmidb.rate_count'), [before])
})

test('an answer says what is left, a refusal when to come again', async () => {
  await set('token', 'read', 100)
  const limits = await open()
  assert.deepEqual(await limits.count('read', { token: '1' }), {
    'RateLimit-Policy': '"token-read";q=100;w=60',
    RateLimit: '"token-read";r=99;t=50',
  })
  await send(limits, 200, 'read', { token: '1' })
  at += 20_000
  const e = await Promise.resolve(limits.count('read', { token: '1' })).catch((e: unknown) => e)
  assert.ok(e instanceof TmiError)
  assert.equal(e.status, 429)
  assert.equal(e.message, 'This token has 100 reads a minute.')
  assert.deepEqual(e.headers, {
    'RateLimit-Policy': '"token-read";q=100;w=60',
    RateLimit: '"token-read";r=0;t=30',
    'Retry-After': '30',
  })
})

test('a setting that changes counts at once; what is unchanged keeps its count', async () => {
  await set('token', 'read', 10)
  await set('token', 'write', 10)
  const limits = await open()
  assert.equal(await send(limits, 20, 'read', { token: '1' }), 10)
  assert.equal(await send(limits, 20, 'write', { token: '1' }), 10)
  await set('token', 'read', 15)
  await limits.load()
  assert.equal(await send(limits, 20, 'read', { token: '1' }), 5)
  assert.equal(await send(limits, 20, 'write', { token: '1' }), 0)
})

test('what can wait waits for the next minute, in its order, and goes on at once when the limit goes', async () => {
  await set('token', 'ingest', 2)
  const limits = await open()
  const done: number[] = []
  const all = [1, 2, 3, 4].map((n) => limits.pace('ingest', { token: '1' })?.then(() => done.push(n)))
  await Promise.all(all.slice(0, 2))
  assert.deepEqual(done, [1, 2])
  await set('token', 'ingest', 0)
  await limits.load()
  await Promise.all(all)
  assert.deepEqual(done, [1, 2, 3, 4])
})

test('while PostgreSQL is away a process lets the limit through by itself', async () => {
  await set('token', 'read', 50)
  const pool = openPool(db.url('tmidb_api'), { max: 1, application: 'test' })
  const limits = await opened(pool)
  await pool.end()
  assert.equal(await send(limits, 200, 'read', { token: '1' }), 50)
  at += minute
  assert.equal(await send(limits, 200, 'read', { token: '1' }), 50)
})

test('whoever locks the counts holds nobody up', async () => {
  await set('token', 'read', 50)
  const limits = await open()
  await withClient(db.superUrl, async (client) => {
    await client.query('begin; lock table tmidb.rate_count')
    assert.equal(await send(limits, 200, 'read', { token: '1' }), 50)
  })
  // When PostgreSQL is back it is asked again.
  await limits.load()
  at += 2000
  assert.equal(await send(limits, 200, 'read', { token: '1' }), 50)
  assert.deepEqual(
    await db.query(`select taken from tmidb.rate_count where key = 'token read 1' and ends_at = $1`, [
      new Date(Math.ceil(at / minute) * minute),
    ]),
    [{ taken: 50 }],
  )
})

test('an IPv6 customer has one network, as the doors and the settings write it', async () => {
  const written = ['2001:DB8::1', '2001:db8:0:1:2::5', '2001:db8:1:2:3:4:5:6', '::1', 'fe80::1%eth0', '1::', '192.0.2.7']
  assert.deepEqual(written.map(networkOf), ['2001:db8::', '2001:db8:0:1::', '2001:db8:1:2::', '::', 'fe80::', '1::', '192.0.2.7'])
  for (const address of written.filter((a) => !a.includes('%'))) await set('address', 'read', 1, address)
  const rows = await db.query<{ subject: string }>(
    `select subject from tmidb.rate_limit where scope = 'address' and endpoint = 'read' and subject is not null`,
  )
  const expected = new Set(written.map(networkOf).filter((n) => n !== 'fe80::'))
  assert.deepEqual(new Set(rows.map((r) => r.subject)), expected)
  await db.query(`delete from tmidb.rate_limit where scope = 'address' and endpoint = 'read'`)
})

test('a limit of nothing known is refused (TM107, TM108), and one that is set is in the audit', async () => {
  const code = (...args: Parameters<typeof set>) =>
    set(...args).then(
      () => null,
      (e: { code?: string }) => e.code,
    )
  assert.equal(await code('token', 'login', 1), 'TM108')
  assert.equal(await code('planet', 'read', 1), 'TM108')
  assert.equal(await code('token', 'read', -1), 'TM108')
  assert.equal(await code('token', 'read', 1, '999999'), 'TM107')
  assert.equal(await code('user', 'read', 1, 'listener:nobody'), 'TM107')
  assert.equal(await code('address', 'read', 1, 'nowhere'), 'TM107')
  assert.equal(await code('address', 'read', null, '192.0.2.99'), 'TM107')
  await set('address', 'login', 31)
  const [written] = await db.query(
    `select resource, before, after from tmidb.audit where kind = 'limit.changed' order by audit_id desc limit 1`,
  )
  assert.deepEqual(written, { resource: 'limit:address login', before: { per_minute: 30 }, after: { per_minute: 31 } })
})

test('a window may have any length, and what is over is forgotten', async () => {
  const take = async (key: string, time: string) =>
    (
      await db.query<{ granted: number }>(
        `select granted from tmidb.take_from_limits(array[$1], array[2], array[1], '15 minutes', $2)`,
        [key, time],
      )
    )[0]?.granted
  const seen: (number | undefined)[] = []
  for (const time of ['00:00', '00:10', '00:14', '00:15']) seen.push(await take('login kim', `2026-01-01T${time}:00Z`))
  assert.deepEqual(seen, [1, 1, 0, 1])
  // A clock that is behind by less than a window counts into the one that runs.
  assert.equal(await take('login kim', '2026-01-01T00:14:59Z'), 1)
  assert.equal(await take('login kim', '2026-01-01T00:15:01Z'), 0)
  assert.ok(Number((await db.query('select tmidb.forget_counts() as n'))[0]?.n) > 0)
  assert.equal(await take('login kim', '2026-01-01T00:15:02Z'), 1)
})
