// SPDX-License-Identifier: MIT
// The newest rows are looked for in the last day first: nobody sees a difference but in time.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { loadCatalog } from '../../src/api/rest/catalog.ts'
import { link } from '../../src/api/rest/link.ts'
import { parseQuery } from '../../src/api/rest/parse.ts'
import { recentOf } from '../../src/api/rest/recent.ts'
import { openPool, readAs } from '../../src/db/pool.ts'
import { seeded } from '../lib/random.ts'
import { type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
  await world.db.query(`select tmidb.make_chunk(now() - n * interval '1 day') from generate_series(0, 20) n`)
  // busy: every hour; slow: every four days; old: nothing of the last ten days.
  await world.db.query(`
    select tmidb.ingest('sensor', 'busy', jsonb_build_object('temperature', n % 17, 'status', 'ok'), now() - n * interval '1 hour') from generate_series(1, 400) n;
    select tmidb.ingest('sensor', 'slow', jsonb_build_object('temperature', n), now() - n * interval '4 days') from generate_series(0, 4) n;
    select tmidb.ingest('sensor', 'old', jsonb_build_object('temperature', n), now() - n * interval '1 day') from generate_series(10, 20) n`)
})
after(async () => await world[Symbol.asyncDispose]())

const rows = async (address: string) => {
  const res = await world.get(address, 'all')
  return [res.status, res.headers.get('content-range'), await res.json()]
}

test('an answer is what it is when a time from long ago is given, which looks everywhere', async () => {
  const random = seeded(7)
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  for (let n = 0; n < 120; n++) {
    const target = one([
      '',
      'target=eq.busy',
      'target=eq.slow',
      'target=eq.old',
      'target=in.(busy,slow)',
      'target=in.(old,slow)',
      'target=eq.none',
    ])
    const filter = one(['', '', 'temperature=gt.8', 'status=eq.ok', 'or=(temperature.lt.3,status.is.null)'])
    const order = one(['', 'order=ts.desc', 'order=ts.desc,temperature.asc', 'order=temperature.desc', 'order=ts.asc'])
    const said = [target, filter, order, `limit=${one([0, 1, 2, 5, 24, 25, 60])}`, 'select=target,ts,temperature']
      .filter(Boolean)
      .join('&')
    // Twice: what did not fill the page is not tried again at once.
    for (let again = 0; again < 2; again++) {
      assert.deepEqual(await rows(`/api/v1/sensor?${said}`), await rows(`/api/v1/sensor?${said}&ts=gte.1900-01-01`), said)
    }
  }
})

test('PostgreSQL leaves the chunks of other days out before it begins', async () => {
  const pool = openPool(world.db.url('tmidb_api'), { max: 1, application: 'recent-test' })
  try {
    const catalog = await loadCatalog(pool)
    const relation = catalog.relations.get('sensor_v1')
    assert.ok(relation)
    const linked = link(
      { catalog, major: 1, role: 'tmidb_admin', isKnown: () => true },
      relation,
      parseQuery('target=eq.busy&limit=5'),
    )
    const statement = recentOf(linked, { limit: 5, offset: 0, count: null, shape: 'objects' })?.next(Date.now())
    assert.ok(statement)
    const { rows } = await readAs<{ 'QUERY PLAN': string }>(
      pool,
      { role: 'tmidb_admin' },
      {
        text: `explain (costs off) ${statement.text}`,
        values: statement.values,
      },
    )
    const plan = rows.map((r) => r['QUERY PLAN']).join('\n')
    const read = new Set(plan.match(/ts_obs_\d{8}/g))
    assert.ok(read.size >= 1 && read.size <= 6, plan)
  } finally {
    await pool.end()
  }
})

test('a page that the last day does not fill is looked for everywhere, and then not tried for some time', async () => {
  const pool = openPool(world.db.url('tmidb_api'), { max: 1, application: 'recent-test' })
  try {
    const catalog = await loadCatalog(pool)
    const relation = catalog.relations.get('sensor_v1')
    assert.ok(relation)
    const of = (search: string) =>
      recentOf(link({ catalog, major: 1, role: 'tmidb_admin', isKnown: () => true }, relation, parseQuery(search)), {
        limit: 5,
        offset: 0,
        count: null,
        shape: 'objects',
      })
    const recent = of('target=eq.old')
    assert.ok(recent)
    assert.ok(recent.next(0))
    recent.filled(false)
    assert.equal(recent.next(0), null)
    assert.ok(recent.next(0))
    recent.filled(false)
    assert.deepEqual([recent.next(0), recent.next(0)], [null, null])
    assert.ok(recent.next(0))
    recent.filled(true)
    assert.ok(recent.next(0))
    for (const search of [
      'order=ts.asc',
      'ts=lt.2026-01-01',
      'or=(ts.gt.2026-01-01,temperature.gt.3)',
      'order=temperature',
      'after=',
    ]) {
      assert.equal(of(search), null, search)
    }
  } finally {
    await pool.end()
  }
})
