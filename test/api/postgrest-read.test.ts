// SPDX-License-Identifier: MIT
// Reads of a user's own tables with PostgREST's own client; what is expected is written from PostgREST's documentation (Tables and
// Views, Pagination and Count, Resource Representation, Errors).
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postgrestWorld } from './postgrest-world.ts'
import type { RestWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await postgrestWorld()
})
after(async () => await world[Symbol.asyncDispose]())

// biome-ignore lint/suspicious/noExplicitAny: the client's own word for a schema that is not declared
const from = (relation: string): any => world.as('admin').from(relation)
const sites = (select = 'name') => from('sites').select(select).order('id')
interface Answer {
  data: unknown
  error: { code: string; message: string; details: unknown; hint: string | null } | null
  status: number
}
const rows = ({ data, error }: Answer): unknown => {
  assert.equal(error, null)
  return data
}
const names = (answer: Answer): string[] => (rows(answer) as { name: string }[]).map((r) => r.name)

test("a user's table is read with its own types: dates, ranges, arrays, JSON, enums", async () => {
  assert.deepEqual(rows(await sites('*').eq('id', 1).single()), {
    id: 1,
    name: 'Busan',
    city: 'Busan',
    opened: '2020-03-01',
    area: '[1,10)',
    tags: ['port', 'cold'],
    info: { docks: 4, boss: { name: 'Kim' } },
    about: 'The harbour of fishing boats',
    parent_id: null,
  })
  assert.deepEqual(rows(await from('trucks').select('price,mileage,bought_at,state').eq('plate', 'B-1').single()), {
    price: '99999.50',
    mileage: '9007199254740993',
    bought_at: '2024-02-03T04:05:06.000000Z',
    state: 'driving',
  })
})

test('it is there with and without a major in the address', async () => {
  for (const path of ['/api/sites', '/api/v1/sites', '/api/v9/sites']) {
    const res = await world.get(`${path}?select=id&limit=1`, 'admin')
    assert.deepEqual([res.status, await res.json()], [200, [{ id: 1 }]], path)
  }
})

test('of equal names the schema app comes first, and a profile chooses another', async () => {
  const read = async (headers: Record<string, string>) =>
    (await (await world.get('/api/sites?select=*&limit=1', 'admin', headers)).json()) as { name?: string }[]
  assert.equal((await read({}))[0]?.name, 'Busan')
  assert.deepEqual(await read({ 'accept-profile': 'fleet' }), [{ id: 7, code: 'F7' }])
})

test('in takes numbers and texts, and an enum', async () => {
  assert.deepEqual(names(await sites().in('id', [1, 3])), ['Busan', 'Ulsan'])
  assert.deepEqual(rows(await from('trucks').select('plate').in('state', ['broken', 'parked'])), [{ plate: 'B-2' }])
})

test('is takes null, not_null and unknown', async () => {
  assert.deepEqual(names(await sites().is('city', null)), ['Empty'])
  assert.deepEqual(names(await sites().filter('opened', 'is', 'not_null')), ['Busan', 'Pohang', 'Empty'])
  assert.equal((await sites().filter('name', 'is', 'unknown')).error?.code, '42804')
})

test('eq(any), gt(all) and ilike(any)', async () => {
  assert.deepEqual(names(await sites().filter('id', 'eq(any)', '{1,4}')), ['Busan', 'Empty'])
  assert.deepEqual(names(await sites().filter('id', 'gt(all)', '{1,2}')), ['Ulsan', 'Empty'])
  assert.deepEqual(names(await sites().ilikeAnyOf('name', ['b%', 'u%'])), ['Busan', 'Ulsan'])
})

test('arrays: cs, cd and ov', async () => {
  assert.deepEqual(names(await sites().contains('tags', ['port'])), ['Busan', 'Empty'])
  assert.deepEqual(names(await sites().containedBy('tags', ['port', 'steel'])), ['Pohang', 'Ulsan', 'Empty'])
  assert.deepEqual(names(await sites().overlaps('tags', ['cold', 'steel'])), ['Busan', 'Pohang'])
})

test('ranges: cs, ov, sl, sr, nxr, nxl and adj', async () => {
  assert.deepEqual(names(await sites().contains('area', '[3,4]')), ['Busan'])
  assert.deepEqual(names(await sites().overlaps('area', '[8,12]')), ['Busan', 'Pohang'])
  assert.deepEqual(names(await sites().rangeLt('area', '[10,11]')), ['Busan'])
  assert.deepEqual(names(await sites().rangeGt('area', '[1,19]')), ['Empty'])
  assert.deepEqual(names(await sites().rangeLte('area', '[12,20)')), ['Busan', 'Pohang'])
  assert.deepEqual(names(await sites().rangeGte('area', '[10,12]')), ['Pohang', 'Empty'])
  assert.deepEqual(names(await sites().rangeAdjacent('area', '[20,30)')), ['Pohang', 'Empty'])
})

test('full text: fts, plfts, phfts and wfts, with and without a language', async () => {
  assert.deepEqual(names(await sites().textSearch('about', 'fish & boat', { config: 'english' })), ['Busan'])
  assert.deepEqual(names(await sites().textSearch('about', 'boats fishing', { type: 'plain', config: 'english' })), ['Busan'])
  assert.deepEqual(names(await sites().textSearch('about', 'boats fishing', { type: 'phrase', config: 'english' })), [])
  assert.deepEqual(names(await sites().textSearch('about', 'steel or nobody', { type: 'websearch' })), ['Pohang', 'Empty'])
  assert.deepEqual(names(await sites().not('about', 'fts(english)', 'fishing')), ['Pohang', 'Empty'])
  assert.deepEqual(names(await sites().textSearch('info', 'kim', { config: 'simple' })), ['Busan'])
  const { status, error } = await sites().textSearch('about', 'a', { config: 'klingon' })
  assert.deepEqual([status, error?.code], [400, '42704'])
})

test('isdistinct counts null, match is a regular expression', async () => {
  assert.deepEqual(names(await sites().filter('city', 'isdistinct', 'Busan')), ['Pohang', 'Ulsan', 'Empty'])
  assert.deepEqual(names(await sites().filter('name', 'match', '^[BE]')), ['Busan', 'Empty'])
  assert.deepEqual(names(await sites().filter('name', 'imatch', '^[be]')), ['Busan', 'Empty'])
})

test('or, and, not nest; values with reserved characters are quoted', async () => {
  assert.deepEqual(names(await sites().or('id.eq.4,and(id.gt.1,not.and(city.eq.Pohang,id.eq.2))')), ['Ulsan', 'Empty'])
  assert.deepEqual(names(await sites().or('area.adj."[20,30)",tags.cs.{cold}')), ['Busan', 'Pohang', 'Empty'])
  assert.deepEqual(names(await sites().or('name.in.("Busan",Empty),id.eq.3')), ['Busan', 'Ulsan', 'Empty'])
})

test('JSON is walked in select, filter and order', async () => {
  assert.deepEqual(
    rows(await sites('docks:info->docks,info->boss->>name').not('info->docks', 'is', null).eq('info->>docks', '4')),
    [{ docks: 4, name: 'Kim' }],
  )
  assert.deepEqual(names(await sites().gt('info->docks', 3)), ['Busan'])
  assert.deepEqual(names(await from('sites').select('name').not('info->>docks', 'is', null).order('info->docks')), [
    'Pohang',
    'Busan',
  ])
})

test('arrays are walked as JSON is', async () => {
  assert.deepEqual(rows(await sites('first:tags->0,last:tags->>-1').eq('id', 1)), [{ first: 'port', last: 'cold' }])
})

test('casts: to text, numbers, times', async () => {
  assert.deepEqual(rows(await from('trucks').select('price::text,whole:price::int,day:bought_at::date').eq('plate', 'B-1')), [
    { price: '99999.50', whole: 100000, day: '2024-02-03' },
  ])
})

test('order by two columns, nulls first and last', async () => {
  assert.deepEqual(
    names(await from('sites').select('name').order('parent_id', { nullsFirst: true }).order('name', { ascending: false })),
    ['Empty', 'Busan', 'Ulsan', 'Pohang'],
  )
  assert.deepEqual(names(await from('sites').select('name').order('opened', { ascending: false, nullsFirst: false })), [
    'Empty',
    'Pohang',
    'Busan',
    'Ulsan',
  ])
})

test('limit, offset and range give the same page, and Content-Range says which', async () => {
  assert.deepEqual(names(await sites().range(1, 2)), ['Pohang', 'Ulsan'])
  const res = await world.get('/api/sites?select=id', 'admin', { range: '1-2', 'range-unit': 'items', prefer: 'count=exact' })
  assert.deepEqual(
    [res.status, res.headers.get('content-range'), res.headers.get('preference-applied'), await res.json()],
    [206, '1-2/4', 'count=exact', [{ id: 2 }, { id: 3 }]],
  )
})

test('count: exact, planned, estimated; head sends none of the rows', async () => {
  for (const count of ['exact', 'planned', 'estimated'] as const) {
    assert.equal((await from('sites').select('*', { count }).limit(1)).count, 4)
  }
  const head = await from('sites').select('*', { count: 'exact', head: true }).gt('id', 1)
  assert.deepEqual([head.status, head.count, head.data], [200, 3, null])
})

test('a page beyond the counted end is PGRST103 and 416', async () => {
  const { status, error } = await from('sites').select('*', { count: 'exact' }).range(9, 12)
  assert.deepEqual(
    [status, error?.code, error?.details],
    [416, 'PGRST103', 'An offset of 9 was requested, but there are only 4 rows.'],
  )
})

test('csv quotes what needs it; arrays and JSON are their text', async () => {
  assert.equal(
    rows(await sites('name,tags,docks:info->docks,about').in('id', [1, 3]).csv()),
    'name,tags,docks,about\nBusan,"{port,cold}",4,The harbour of fishing boats\nUlsan,{},,',
  )
})

test('single and maybeSingle', async () => {
  assert.deepEqual(rows(await sites().eq('id', 2).single()), { name: 'Pohang' })
  assert.deepEqual(rows(await sites().eq('id', 99).maybeSingle()), null)
  const { status, error } = await sites().single()
  assert.deepEqual(
    [status, error?.code, error?.message, error?.details],
    [406, 'PGRST116', 'Cannot coerce the result to a single JSON object', 'The result contains 4 rows'],
  )
})

test('nulls are stripped when asked, in arrays and single objects', async () => {
  assert.deepEqual(rows(await sites('id,city,opened').in('id', [3, 4]).stripNulls()), [
    { id: 3, city: 'Ulsan' },
    { id: 4, opened: '2024-01-01' },
  ])
  const accept = 'application/vnd.pgrst.object+json;nulls=stripped'
  const res = await world.get('/api/sites?select=id,opened&id=eq.3', 'admin', { accept })
  assert.deepEqual([res.headers.get('content-type'), await res.json()], [`${accept}; charset=utf-8`, { id: 3 }])
})

test('aggregates are not allowed: PGRST123', async () => {
  for (const select of ['count()', 'id.sum()', 'city,total:id.avg()', 'id.max()::text', 'drivers!drivers_backup(count())']) {
    const { status, error } = await from('sites').select(select)
    assert.deepEqual(
      [status, error?.code, error?.message],
      [400, 'PGRST123', 'Use of aggregate functions is not allowed'],
      select,
    )
  }
})

test('what the grammar does not know is PGRST100', async () => {
  for (const answer of [
    await sites().filter('id', 'xx', 1),
    await sites('id,,name'),
    await sites('id::money'),
    await from('sites').select('drivers!drivers_backup(name'),
    await sites().or('id'),
  ]) {
    assert.deepEqual([answer.status, answer.error?.code], [400, 'PGRST100'])
  }
})

test('unknown columns, values and relations: 42703, 22P02, PGRST205', async () => {
  const refused = async (answer: PromiseLike<Answer>) => [(await answer).status, (await answer).error?.code]
  assert.deepEqual(await refused(sites('nope')), [400, '42703'])
  assert.deepEqual(await refused(sites().eq('id', 'one')), [400, '22P02'])
  assert.deepEqual(await refused(from('nope').select()), [404, 'PGRST205'])
})

test('what a listener has no right on is not there, a right on some columns is a right on those', async () => {
  const read = async (who: 'few' | 'speaker', relation: string, select: string) => {
    const { status, error } = await world.as(who).from(relation).select(select).limit(1)
    return [status, error?.code]
  }
  assert.deepEqual(await read('few', 'drivers', 'name'), [404, 'PGRST205'])
  assert.deepEqual(await read('speaker', 'drivers', 'name'), [403, '42501'])
  assert.deepEqual(await read('few', 'sites', 'name'), [200, undefined])
  await world.db.query('grant select (id) on app.drivers to tmidb_listener')
  await world.catalog.reload()
  assert.deepEqual(await read('few', 'drivers', 'id'), [200, undefined])
  assert.deepEqual(await read('few', 'drivers', 'name'), [400, '42703'])
})

test('a table and a column are there after a reload', async () => {
  await world.db.query(`set role admin; create table app.yards (id int primary key); insert into app.yards values (5)`)
  await world.catalog.reload()
  assert.deepEqual(rows(await from('yards').select()), [{ id: 5 }])
  await world.db.query(
    `set role admin; alter table app.yards add site_id int references app.sites; update app.yards set site_id = 1`,
  )
  await world.catalog.reload()
  assert.deepEqual(rows(await from('yards').select('*,sites(name)')), [{ id: 5, site_id: 1, sites: { name: 'Busan' } }])
  await world.db.query('drop table app.yards')
  await world.catalog.reload()
  assert.equal((await from('yards').select()).error?.code, 'PGRST205')
})

test("a user's function is called, selected from and filtered", async () => {
  const call = (args: object) => world.as('admin').rpc('open_sites', args)
  assert.deepEqual(rows(await call({ since: '2021-01-01' }).select('name').gt('id', 2)), [{ name: 'Empty' }])
  assert.deepEqual(names((await call({ since: '2020-01-01' })) as Answer), ['Busan', 'Pohang', 'Empty'])
  assert.deepEqual(rows(await call({ since: '2021-01-01' }).select('name,drivers!drivers_site_id_fkey(name)')), [
    { name: 'Pohang', drivers: [{ name: 'Choi' }] },
    { name: 'Empty', drivers: [] },
  ])
})

test('a name of the catalog is not a listener, and a name that is neither is not found', async () => {
  const status = async (path: string, who: 'few' | 'admin') => (await world.get(path, who)).status
  assert.equal(await status('/api/sites', 'few'), 200)
  assert.equal(await status('/api/few', 'few'), 200)
  assert.equal(await status('/api/nothing', 'few'), 404)
  assert.equal(await status('/api/nothing', 'admin'), 404)
})
