// SPDX-License-Identifier: MIT
// Pages after a cursor: no row twice, none left out, in both directions of time, while readings come in.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
  // 4 targets, 3 readings of each instant, over two days.
  await world.db.query(
    `select tmidb.ingest('tick', jsonb_agg(jsonb_build_object('target', 't' || i % 4, 'ts', date_trunc('day', now()) - make_interval(hours => i / 6),
       'data', jsonb_build_object('i', i, 'a-b', i % 3)))) from generate_series(0, 119) i`,
  )
  await world.db.query('select tmidb.publish_views()')
  await world.db.query(`set role admin;
    create table app.steps (place text, n int, note text, primary key (place, n));
    insert into app.steps select 'p' || i % 3, i, case when i % 2 = 0 then 'even' end from generate_series(1, 30) i`)
  await world.catalog.reload()
})
after(async () => await world[Symbol.asyncDispose]())

const get = async (path: string, headers: Record<string, string> = {}) => {
  const res = await world.get(path, 'admin', headers)
  return { res, body: (await res.json()) as { i: number }[] & { code?: string } }
}
/** Follows the links to the last page. */
async function walk(path: string, onPage?: (n: number) => Promise<unknown>): Promise<number[][]> {
  const pages: number[][] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const { res, body } = await get(next)
    assert.equal(res.status, 200)
    pages.push(body.map((r) => r.i))
    await onPage?.(pages.length)
    next = /<([^>]+)>; rel="next"/.exec(res.headers.get('link') ?? '')?.[1]
  }
  return pages
}
const all = async (path: string) => (await get(path)).body.map((r) => r.i)

for (const [what, filter] of [
  ['all targets', ''],
  ['one target', '&target=eq.t1'],
  ['some targets', '&target=in.(t0,t3)'],
  ['a filter on a field', '&i=gt.20'],
]) {
  test(`the pages of ${what} are the whole, newest first and oldest first`, async () => {
    for (const order of ['', '&order=ts.desc', '&order=ts.asc', '&order=target,ts']) {
      const whole = await all(`/api/v1/tick?select=i&limit=1000${order}${filter}`)
      const pages = await walk(`/api/v1/tick?select=i&limit=7&after=${order}${filter}`)
      assert.deepEqual(pages.flat(), whole, order)
      assert.equal(pages.length, Math.floor(whole.length / 7) + 1)
    }
  })
}

test('readings that come in meanwhile move nothing', async () => {
  const whole = await all('/api/v1/tick?select=i&limit=1000')
  const pages = await walk('/api/v1/tick?select=i&limit=20&after=', async (n) => {
    await world.db.query(`select tmidb.ingest('tick', 't1', jsonb_build_object('i', 1000 + $1::int), now())`, [n])
  })
  assert.deepEqual(pages.flat(), whole)
})

test('the last cursor goes on where it stood, when there is more', async () => {
  const { res } = await get('/api/v1/tick?select=i&order=ts.asc&limit=1000&after=')
  assert.equal(res.headers.get('link'), null)
  const cursor = res.headers.get('next-cursor')
  const rest = async () => await get(`/api/v1/tick?select=i&order=ts.asc&after=${cursor}`)
  const none = await rest()
  assert.deepEqual([none.body.length, none.res.headers.get('next-cursor')], [0, cursor])
  await world.db.query(`select tmidb.ingest('tick', 't2', '{"i": 5000}', now())`)
  assert.deepEqual(
    (await rest()).body.map((r) => r.i),
    [5000],
  )
})

test('a table pages by its key, in every mix of directions', async () => {
  for (const order of ['', '&order=n', '&order=place.desc', '&order=place.asc,n.desc', '&order=n.desc,place.asc']) {
    const whole = await all(`/api/steps?select=i:n&limit=1000${order}`)
    assert.deepEqual((await walk(`/api/steps?select=i:n&limit=4&after=${order}`)).flat(), whole, order)
  }
})

test('csv, one object and a count come with a cursor too', async () => {
  const csv = await world.get('/api/steps?select=place,n&order=n&limit=2&after=', 'admin', { accept: 'text/csv' })
  assert.equal(await csv.text(), 'place,n\np1,1\np2,2')
  const cursor = csv.headers.get('next-cursor')
  const one = await world.get(`/api/steps?select=n&order=n&limit=1&after=${cursor}`, 'admin', {
    accept: 'application/vnd.pgrst.object+json',
    prefer: 'count=exact',
  })
  assert.deepEqual([await one.json(), one.headers.get('content-range')], [{ n: 3 }, '0-0/30'])
})

test('embedded relations come along', async () => {
  const { body, res } = await get('/api/v1/tick?select=i,target(key)&order=ts.asc&limit=1&after=&target=eq.t1')
  assert.deepEqual(body, [{ i: 117, target: { key: 't1' } }])
  assert.ok(res.headers.get('next-cursor'))
})

test('a cursor that does not belong is TM304', async () => {
  const cursor = (await get('/api/v1/tick?select=i&limit=1&after=')).res.headers.get('next-cursor') ?? ''
  const changed = Buffer.from(Buffer.from(cursor, 'base64url').toString().replace('Z"', 'x"')).toString('base64url')
  for (const path of [
    `/api/v1/tick?order=ts.asc&after=${cursor}`,
    `/api/v1/sensor?after=${cursor}`,
    `/api/steps?after=${cursor}`,
    '/api/v1/tick?after=nonsense',
    `/api/v1/tick?after=${cursor.slice(0, -4)}`,
    '/api/v1/tick?after=&order=i',
    '/api/steps?after=&order=note',
    '/api/v1/tick?after=&order=a-b',
  ]) {
    const { res, body } = await get(path)
    assert.deepEqual([res.status, body.code], [400, 'TM304'], path)
  }
  const { res } = await get(`/api/v1/tick?after=${changed}`)
  assert.equal(res.status, 400)
  assert.equal((await get(`/api/v1/tick?after=${cursor}&offset=5`)).body.code, 'PGRST100')
  assert.equal((await get(`/api/v1/tick?after=${cursor}`, { range: '3-5' })).body.code, 'PGRST100')
})

test('without after there is no cursor', async () => {
  assert.equal((await get('/api/v1/tick?limit=1')).res.headers.get('next-cursor'), null)
})
