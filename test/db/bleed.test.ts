// SPDX-License-Identifier: MIT
// Fifty people over two connections: errors, statements that take too long, connections that die, functions that leave settings behind.
// Whatever happened to the one before, nobody gets a row of somebody else's, and a connection that is given back is nobody's.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Claims, openPool, type Pool, readAs, writeAs } from '../../src/db/pool.ts'
import { withClient } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'
import { seeded, seedOf } from '../lib/random.ts'

const people = 50
const requests = 10_000
const seed = seedOf()

let db: TestDatabase
let pool: Pool
let claims: Claims[]
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 'own-' || i, 'ts', now() - n * interval '1 minute',
    'data', jsonb_build_object('temperature', i)))) from generate_series(1, ${people}) i, generate_series(1, 3) n`)
  await db.query(`select tmidb.publish_views(); select tmidb.create_listener('l' || i) from generate_series(1, ${people}) i;
    select tmidb.subscribe('l' || i, 'sensor', array['own-' || i]) from generate_series(1, ${people}) i;
    -- A user's function that leaves behind what it can.
    set session authorization admin;
    create function app.litter(who text) returns text language plpgsql volatile as $$
      begin perform set_config('tmidb.claims', who, false), set_config('statement_timeout', '7h', false), set_config('search_path', 'nowhere', false); return who; end $$;
    grant execute on function app.litter to tmidb_listener`)
  const known = await db.query<{ name: string; id: string }>('select name, listener_id::text as id from tmidb.listener')
  const ids = new Map(known.map((l) => [l.name, l.id]))
  claims = Array.from({ length: people }, (_, i) => ({
    role: 'tmidb_listener',
    name: `l${i + 1}`,
    listener_id: ids.get(`l${i + 1}`) ?? '',
  }))
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'bleed' })
})
after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

/** What a connection says of itself between two people. */
const neutral = `select session_user::text as session, current_user::text as who, current_setting('role') as role,
  coalesce(current_setting('tmidb.claims', true), '') as claims, current_setting('statement_timeout') as timeout,
  current_setting('transaction_read_only') as read_only, current_setting('search_path') as path`

test(`${requests} requests of ${people} people over 2 connections: no foreign row, and no trace of anybody (TMIDB_SEED=${seed})`, async (t) => {
  const random = seeded(seed)
  const seen = { rows: 0, foreign: 0, errors: 0, cancelled: 0, lost: 0, litter: 0, neutral: 0 }
  const unlike: unknown[] = []
  const untouched = (await pool.query(neutral)).rows[0] as Record<string, string>
  assert.deepEqual([untouched.who, untouched.role, untouched.claims], ['tmidb_api', 'none', ''])
  let left = requests

  await withClient(db.superUrl, async (killer) => {
    const request = async (i: number): Promise<void> => {
      const who = claims[i] as Claims
      const mine = `own-${i + 1}`
      const count = (rows: { target: string }[]) => {
        seen.rows += rows.length
        seen.foreign += rows.filter((r) => r.target !== mine).length
      }
      const what = random()
      if (what < 0.7) {
        const text = random() < 0.8 ? 'select target, temperature from api.sensor_v1' : `select target from api.latest('sensor')`
        count(
          (await readAs<{ target: string }>(pool, who, { text, name: `bleed_${text.length}`, onlyOurs: random() < 0.5 })).rows,
        )
      } else if (what < 0.8) {
        await readAs(pool, who, { text: 'select target, 1 / (temperature - temperature)::int from api.sensor_v1' })
      } else if (what < 0.82) {
        await readAs(pool, { ...who, timeout_ms: 5 }, { text: 'select pg_sleep(5)' })
      } else if (what < 0.84) {
        await readAs(pool, who, { text: 'select no_such_column from api.sensor_v1' })
      } else if (what < 0.9) {
        const other = JSON.stringify(claims[Math.floor(random() * people)])
        await writeAs(pool, who, { text: 'select app.litter($1)', values: [other] }, { rollback: random() < 0.5 })
        seen.litter++
      } else if (what < 0.995) {
        count(
          (
            await writeAs<{ target: string }>(
              pool,
              who,
              { text: 'select target from api.sensor_v1 order by ts' },
              { rollback: random() < 0.3 },
            )
          ).rows,
        )
      } else {
        await killer.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'tmidb_api' order by random() limit 1`,
        )
      }
    }
    const person = async (i: number): Promise<void> => {
      for (let n = left--; n > 0; n = left--) {
        await request(i).catch((e: Error & { code?: string }) => {
          if (e.code === '57014') seen.cancelled++
          else if (e.code !== undefined && /^(22012|42703)$/.test(e.code)) seen.errors++
          else seen.lost++
        })
        if (n % 100 === 0) {
          const now = await pool.query(neutral).catch(() => null)
          if (now === null) continue
          seen.neutral++
          if (JSON.stringify(now.rows[0]) !== JSON.stringify(untouched)) unlike.push(now.rows[0])
        }
      }
    }
    await Promise.all(Array.from({ length: people }, (_, i) => person(i)))
  })
  t.diagnostic(JSON.stringify(seen))
  assert.equal(seen.foreign, 0)
  assert.deepEqual(unlike, [])
  // What should have happened did.
  for (const [what, n] of Object.entries(seen)) if (what !== 'foreign') assert.ok(n > 10, `${what}: ${n}`)
})
