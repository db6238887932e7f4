// SPDX-License-Identifier: MIT
// REST as seen in headers and status codes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
})
after(async () => await world[Symbol.asyncDispose]())

const code = async (res: Response) => [res.status, ((await res.json()) as { code: string }).code]

test('Content-Range says which rows these are', async () => {
  assert.equal((await world.get('/api/v1/sensor', 'all')).headers.get('content-range'), '0-6/*')
  assert.equal(
    (await world.get('/api/v1/sensor?limit=2&offset=1', 'all', { prefer: 'count=exact' })).headers.get('content-range'),
    '1-2/7',
  )
  assert.equal(
    (await world.get('/api/v1/sensor?target=eq.x', 'all', { prefer: 'count=exact' })).headers.get('content-range'),
    '*/0',
  )
  assert.equal((await world.get('/api/v1/sensor?target=eq.x', 'all')).headers.get('content-range'), '*/*')
})

test('a Range header pages, and narrows limit and offset', async () => {
  const range = async (path: string, value: string) =>
    (await world.get(path, 'all', { range: value, 'range-unit': 'items' })).headers.get('content-range')
  assert.equal(await range('/api/v1/sensor', '2-3'), '2-3/*')
  assert.equal(await range('/api/v1/sensor', '5-'), '5-6/*')
  assert.equal(await range('/api/v1/sensor?limit=3', '1-10'), '1-2/*')
  assert.deepEqual(await code(await world.get('/api/v1/sensor', 'all', { range: '5-2' })), [416, 'PGRST103'])
})

test('a page has 50 rows unless asked, and 1,000 at most', async () => {
  await world.db.query(
    `select tmidb.ingest('many', jsonb_agg(jsonb_build_object('target', 'm', 'ts', now() - make_interval(secs => i), 'data', jsonb_build_object('i', i))))
     from generate_series(1, 1200) i`,
  )
  await world.db.query('select tmidb.publish_views()')
  await world.catalog.reload()
  const range = async (query: string) => (await world.get(`/api/v1/many${query}`, 'all')).headers.get('content-range')
  assert.equal(await range(''), '0-49/*')
  assert.equal(await range('?limit=5000'), '0-999/*')
  assert.equal(await range('?limit=5000&offset=1150'), '1150-1199/*')
  const page = (await (await world.get('/api/v1/many?select=i&limit=3&offset=2', 'all')).json()) as { i: number }[]
  assert.deepEqual(
    page.map((r) => r.i),
    [3, 4, 5],
  )
})

test('Preference-Applied names what was followed; strict handling refuses the rest', async () => {
  assert.equal(
    (await world.get('/api/v1/sensor', 'all', { prefer: 'count=exact, x=y' })).headers.get('preference-applied'),
    'count=exact',
  )
  assert.deepEqual(await code(await world.get('/api/v1/sensor', 'all', { prefer: 'handling=strict, x=y' })), [400, 'PGRST122'])
})

test('a deprecated major says so and names its successor', async () => {
  const old = await world.get('/api/v1/sensor', 'all')
  assert.match(old.headers.get('deprecation') ?? '', /^@\d{10}$/)
  assert.equal(old.headers.get('link'), '</api/v2/sensor>; rel="successor-version"')
  assert.equal((await world.get('/api/v2/sensor', 'all')).headers.get('deprecation'), null)
})

test('other methods are 405 with Allow; OPTIONS names them', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    const res = await world.get('/api/v1/sensor', 'all', {}, method)
    assert.deepEqual([res.status, res.headers.get('allow')], [405, 'GET, HEAD, POST, OPTIONS'], method)
  }
  const all = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
  assert.equal((await world.get('/api/v1/sensor', undefined, {}, 'OPTIONS')).headers.get('allow'), all)
})

test('a media type that we do not have is 406 PGRST107', async () => {
  assert.deepEqual(await code(await world.get('/api/v1/sensor', 'all', { accept: 'image/png' })), [406, 'PGRST107'])
  assert.equal((await world.get('/api/v1/sensor', 'all', { accept: 'text/html,*/*;q=0.8' })).status, 200)
})

test('negative and unreadable limits are refused', async () => {
  assert.deepEqual(await code(await world.get('/api/v1/sensor?limit=-1', 'all')), [416, 'PGRST103'])
  assert.deepEqual(await code(await world.get('/api/v1/sensor?limit=x', 'all')), [400, 'PGRST100'])
  assert.deepEqual(await code(await world.get('/api/v1/sensor?offset=99999999999999999999', 'all')), [400, 'PGRST100'])
})

test('nothing in the address or a value becomes SQL', async () => {
  const hostile = `x'); drop table tmidb.target; --`
  for (const query of [
    `?target=eq.${encodeURIComponent(hostile)}`,
    `?select=${encodeURIComponent(`"a${hostile}":target`)}`,
    `?select=${encodeURIComponent(`meta->"${hostile}"`)}`,
    `?order=${encodeURIComponent(`"${hostile}"`)}`,
    `?${encodeURIComponent(hostile)}=eq.1`,
    `?or=(status.eq."${encodeURIComponent(hostile)}")`,
    '?status=eq.%00',
    '?status=match.(',
    '?status=eq.%ff%fe',
    `?select=${'a'.repeat(100)}:target`,
    `?or=${'(or'.repeat(500)}`,
    `?moving=is.true&temperature=is.true`,
    '?meta=gt.{',
    '?temperature=like.a*',
    '?ts=gt.yesterdayish',
  ]) {
    const res = await world.get(`/api/v1/sensor${query}`, 'all')
    assert.ok(res.status < 500, `${query}: ${res.status}`)
    await res.arrayBuffer()
  }
  assert.equal((await world.get('/api/v1/sensor', 'all')).headers.get('content-range'), '0-6/*')
})

const word = fc.constantFrom(
  'select=',
  'order=',
  'or=(',
  'and=(',
  'target=',
  'temperature',
  'meta',
  'tags',
  'ts',
  'moving',
  'serial',
  'reading_id',
  '&',
  '=',
  '.',
  ',',
  '(',
  ')',
  'eq.',
  'in.(',
  'is.null',
  'is.true',
  'not.',
  'gt.',
  'like.',
  'match.',
  'cs.',
  'cd.',
  '{',
  '}',
  '->',
  '->>',
  '::int',
  '::date',
  '::jsonb',
  ':',
  '1',
  '-1',
  '9e999',
  'NaN',
  'a',
  '"',
  '*',
  '%00',
  'desc',
  'nullsfirst',
  'limit=',
  'offset=',
  'eq(any).{',
)

test('no address makes an error of ours', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 12 }), async (words) => {
      const res = await world.get(`/api/v1/sensor?${words.join('')}`, 'all')
      const body = (await res.json()) as { code?: string }
      assert.ok(res.status < 500, `${res.status} ${body.code}`)
      assert.ok(res.status === 200 || typeof body.code === 'string')
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  )
})

test('a prepared query goes on answering after the view got a new column', async () => {
  const read = async () => Object.keys(((await (await world.get('/api/v1/grows', 'all')).json()) as object[])[0] ?? {})
  await world.db.query(`select tmidb.ingest('grows', 'g', '{"a": 1}')`)
  await world.db.query('select tmidb.publish_views()')
  await world.catalog.reload()
  for (let i = 0; i < 3; i++) assert.deepEqual(await read(), ['target', 'target_id', 'ts', 'a'])
  await world.db.query(`select tmidb.ingest('grows', 'g', '{"a": 1, "b": 2}')`)
  await world.db.query('select tmidb.publish_views()')
  for (let i = 0; i < 3; i++) assert.deepEqual(await read(), ['target', 'target_id', 'ts', 'a'])
  await world.catalog.reload()
  for (let i = 0; i < 3; i++) assert.deepEqual(await read(), ['target', 'target_id', 'ts', 'a', 'b'])
})

test('paths of others are left alone', async () => {
  for (const path of ['/', '/api', '/api/in/sensor', '/api/rpc', '/api/rpc/f/g', '/graphql', '/api/v1', '/api/v1/a/b']) {
    assert.equal((await world.get(path, 'all')).headers.get('x-fell-through'), '1', path)
  }
})
