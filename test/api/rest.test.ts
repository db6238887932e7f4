// SPDX-License-Identifier: MIT
// PostgREST's own JavaScript client against us; what is expected is written from PostgREST's documentation.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { day, type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
})
after(async () => await world[Symbol.asyncDispose]())

const sensor = () => world.as('all').from('sensor')
/** The temperatures of an answer, which tell its rows apart. */
const temperatures = (answer: { data: unknown; error: unknown }): (number | null)[] => {
  assert.equal(answer.error, null)
  return (answer.data as { temperature: number | null }[]).map((r) => r.temperature)
}

test('select=* gives target, target_id, ts and the fields, newest first, without reading_id', async () => {
  const { data, error, status } = await sensor().select()
  assert.equal(error, null)
  assert.equal(status, 200)
  assert.equal(data?.length, 7)
  assert.deepEqual(Object.keys(data?.[0] ?? {}).slice(0, 3), ['target', 'target_id', 'ts'])
  assert.ok(!('reading_id' in (data?.[0] ?? {})))
  assert.deepEqual(temperatures({ data, error }), [null, 22.5, -3, 21, 5, 20.5, 19])
})

test('times are RFC 3339 in UTC with microseconds', async () => {
  const { data } = await sensor().select('ts').eq('temperature', 20.5).single()
  assert.equal(data?.ts, `${day}T01:00:00.000001Z`)
})

test('exact numbers and bigints are text, so that nothing is rounded', async () => {
  const { data } = await sensor().select('serial,reading_id').eq('temperature', 20.5).single()
  assert.equal(data?.serial, '9007199254740993')
  assert.match(data?.reading_id, /^-?\d+$/)
})

test('select takes some columns, in the order asked', async () => {
  const { data } = await sensor().select('status,target').eq('temperature', 5)
  assert.equal(JSON.stringify(data), '[{"status":"ok","target":"truck-2"}]')
})

test('select renames by alias:column', async () => {
  const { data } = await sensor().select('t:temperature,x:status,"two words":target').eq('temperature', 5).single()
  assert.deepEqual(data, { t: 5, x: 'ok', 'two words': 'truck-2' })
})

test('select casts by column::type', async () => {
  const { data } = await sensor()
    .select('temperature::text,humidity::int,b:humidity::bigint,d:ts::date,n:humidity::numeric,at:ts::text')
    .eq('temperature', 20.5)
    .single()
  assert.deepEqual(data, { temperature: '20.5', humidity: 40, b: '40', d: day, n: '40', at: `${day}T01:00:00.000001Z` })
})

test('select walks into JSON by -> and ->>', async () => {
  const { data } = await sensor()
    .select('meta->a->1->>b,meta->n,first:meta->a->0,as_text:meta->>a,num:meta->>n::int')
    .eq('temperature', 20.5)
    .single()
  assert.deepEqual(data, { b: 'deep', n: 5, first: 1, as_text: '[1, {"b": "deep"}]', num: 5 })
})

test('* may stand beside other columns', async () => {
  const { data } = await sensor().select('*,again:status').eq('temperature', 5).single()
  assert.equal(data?.again, 'ok')
  assert.equal(data?.humidity, 90)
})

test('eq and neq', async () => {
  assert.deepEqual(temperatures(await sensor().select().eq('status', 'ok')), [5, 20.5, 19])
  assert.deepEqual(temperatures(await sensor().select().neq('status', 'ok')), [null, 22.5, -3, 21])
})

test('gt, gte, lt and lte compare as numbers', async () => {
  assert.deepEqual(temperatures(await sensor().select().gt('temperature', 20.5)), [22.5, 21])
  assert.deepEqual(temperatures(await sensor().select().gte('temperature', 20.5)), [22.5, 21, 20.5])
  assert.deepEqual(temperatures(await sensor().select().lt('temperature', 5)), [-3])
  assert.deepEqual(temperatures(await sensor().select().lte('temperature', 5)), [-3, 5])
})

test('two filters on one column both hold', async () => {
  assert.deepEqual(temperatures(await sensor().select().gt('temperature', 0).lt('temperature', 20)), [5, 19])
})

test('times compare as times, in any zone', async () => {
  assert.deepEqual(temperatures(await sensor().select().gte('ts', `${day}T11:30:00+09:00`)), [null, 22.5, -3])
})

test('like and ilike take * or % as wildcards', async () => {
  assert.deepEqual(temperatures(await sensor().select().like('status', 'Hot%')), [22.5])
  assert.deepEqual(temperatures(await sensor().select().like('status', 'hot*')), [])
  assert.deepEqual(temperatures(await sensor().select().ilike('status', 'hot*')), [22.5])
})

test('like(all) and ilike(any) take several patterns', async () => {
  assert.deepEqual(temperatures(await sensor().select().likeAllOf('status', ['%o%', 'c%'])), [-3])
  assert.deepEqual(temperatures(await sensor().select().ilikeAnyOf('status', ['COLD', 'HOT%'])), [22.5, -3])
})

test('match and imatch are regular expressions', async () => {
  assert.deepEqual(temperatures(await sensor().select().filter('status', 'match', '^Hot \\(')), [22.5])
  assert.deepEqual(temperatures(await sensor().select().filter('status', 'imatch', '^(hot|COLD)')), [22.5, -3])
})

test('is null, is not null and is true', async () => {
  assert.deepEqual(temperatures(await sensor().select().is('temperature', null)), [null])
  assert.deepEqual(temperatures(await sensor().select().not('meta', 'is', null)), [21, 20.5])
  assert.deepEqual(temperatures(await sensor().select().is('moving', true)), [20.5])
  assert.deepEqual(temperatures(await sensor().select().is('moving', false)), [21])
})

test('in takes a list, with commas and quotes in its texts', async () => {
  assert.deepEqual(temperatures(await sensor().select().in('temperature', [5, 19])), [5, 19])
  assert.deepEqual(temperatures(await sensor().select().in('status', ['cold', 'Hot (very)'])), [22.5, -3])
  assert.deepEqual(temperatures(await sensor().select().filter('status', 'in', '("a, \\"b\\"",cold)')), [-3, 21])
  assert.deepEqual(temperatures(await sensor().select().in('status', [])), [])
})

test('not turns any operator round', async () => {
  assert.deepEqual(temperatures(await sensor().select().not('status', 'eq', 'ok').not('temperature', 'gt', 21)), [-3, 21])
  assert.deepEqual(temperatures(await sensor().select().not('temperature', 'in', '(5,19,21)')), [22.5, -3, 20.5])
})

test('cs and cd look into JSON', async () => {
  assert.deepEqual(temperatures(await sensor().select().contains('meta', { n: 5 })), [20.5])
  assert.deepEqual(temperatures(await sensor().select().contains('tags', '["y"]')), [21, 20.5])
  assert.deepEqual(temperatures(await sensor().select().containedBy('tags', '["y","z"]')), [21])
})

test('filters walk into JSON', async () => {
  assert.deepEqual(temperatures(await sensor().select().eq('meta->a->0', 2)), [21])
  assert.deepEqual(temperatures(await sensor().select().eq('meta->a->1->>b', 'deep')), [20.5])
})

test('isdistinct counts null as a value', async () => {
  assert.equal((await sensor().select().filter('temperature', 'isdistinct', '5')).data?.length, 6)
})

test('or holds when one does', async () => {
  assert.deepEqual(temperatures(await sensor().select().or('temperature.lt.0,temperature.gt.22')), [22.5, -3])
})

test('and, or and not nest', async () => {
  assert.deepEqual(
    temperatures(
      await sensor().select().or('and(temperature.gt.0,temperature.lt.10),not.and(status.neq."Hot (very)",humidity.lt.95)'),
    ),
    [null, 22.5, -3, 5].filter((t) => t !== null),
  )
})

test('or takes lists and quoted values', async () => {
  assert.deepEqual(temperatures(await sensor().select().or('status.in.("a, \\"b\\"",cold),temperature.eq.5')), [-3, 21, 5])
})

test('order by a column, descending, nulls first or last', async () => {
  assert.deepEqual(temperatures(await sensor().select().order('temperature', { ascending: true })), [
    -3,
    5,
    19,
    20.5,
    21,
    22.5,
    null,
  ])
  assert.deepEqual(temperatures(await sensor().select().order('temperature', { ascending: false })), [
    null,
    22.5,
    21,
    20.5,
    19,
    5,
    -3,
  ])
  assert.deepEqual(temperatures(await sensor().select().order('temperature', { ascending: false, nullsFirst: false })), [
    22.5,
    21,
    20.5,
    19,
    5,
    -3,
    null,
  ])
})

test('order by several columns and by JSON', async () => {
  assert.deepEqual(temperatures(await sensor().select().eq('status', 'ok').order('status').order('temperature')), [5, 19, 20.5])
  assert.deepEqual(
    temperatures(
      await sensor()
        .select()
        .not('meta', 'is', null)
        .order('meta->a->0' as never, { ascending: true }),
    ),
    [20.5, 21],
  )
})

test('limit and range page through', async () => {
  assert.deepEqual(temperatures(await sensor().select().order('ts').limit(2)), [19, 20.5])
  assert.deepEqual(temperatures(await sensor().select().order('ts').range(2, 3)), [5, 21])
  assert.deepEqual(temperatures(await sensor().select().order('ts').range(6, 10)), [null])
  assert.deepEqual(temperatures(await sensor().select().limit(0)), [])
})

test('count=exact counts all rows, and the answer is 206 when it is not all of them', async () => {
  const part = await sensor().select('*', { count: 'exact' }).limit(2)
  assert.deepEqual([part.count, part.status, part.data?.length], [7, 206, 2])
  const all = await sensor().select('*', { count: 'exact' }).eq('status', 'ok')
  assert.deepEqual([all.count, all.status], [3, 200])
})

test('count=planned and count=estimated tell a number too', async () => {
  assert.equal((await sensor().select('*', { count: 'planned' })).count, 7)
  assert.equal((await sensor().select('*', { count: 'estimated' }).limit(1)).count, 7)
})

test('head counts without sending rows', async () => {
  const { count, data, status } = await sensor().select('*', { count: 'exact', head: true }).eq('status', 'ok')
  assert.deepEqual([count, data, status], [3, null, 200])
})

test('single gives one object, PGRST116 otherwise', async () => {
  assert.equal((await sensor().select().eq('temperature', 5).single()).data?.target, 'truck-2')
  const none = await sensor().select().eq('temperature', 999).single()
  assert.deepEqual([none.status, none.error?.code, none.error?.details], [406, 'PGRST116', 'The result contains 0 rows'])
  assert.equal((await sensor().select().single()).error?.code, 'PGRST116')
})

test('maybeSingle gives null for none', async () => {
  const { data, error } = await sensor().select().eq('temperature', 999).maybeSingle()
  assert.deepEqual([data, error], [null, null])
})

test('csv has a header line and quotes what needs it', async () => {
  const { data } = await sensor()
    .select('target,temperature,status,ts,serial')
    .gt('temperature', 20)
    .order('ts', { ascending: true })
    .csv()
  assert.equal(
    data,
    [
      'target,temperature,status,ts,serial',
      `truck-1,20.5,ok,${day}T01:00:00.000001Z,9007199254740993`,
      `truck-1,21,"a, ""b""",${day}T02:00:00.000000Z,12345678901234567890`,
      `truck-1,22.5,Hot (very),${day}T03:00:00.000000Z,`,
    ].join('\n'),
  )
})

test('an unknown column is 42703', async () => {
  for (const answer of [
    await sensor().select('nope'),
    await sensor().select().eq('nope', 1),
    await sensor().select().order('nope'),
    await sensor().select().or('nope.eq.1'),
  ]) {
    assert.deepEqual(
      [answer.status, answer.error?.code, answer.error?.message],
      [400, '42703', 'column sensor_v1.nope does not exist'],
    )
  }
})

test("a value that is not of the column's type is 22P02", async () => {
  const { error, status } = await sensor().select().eq('temperature', 'hot')
  assert.deepEqual([status, error?.code], [400, '22P02'])
})

test('an unknown relation is PGRST205 and 404', async () => {
  const { error, status } = await world.as('all').from('nothing').select()
  assert.deepEqual([status, error?.code], [404, 'PGRST205'])
})

test('an unknown operator is PGRST100', async () => {
  const { error, status } = await sensor().select().filter('temperature', 'xx', 1)
  assert.deepEqual([status, error?.code], [400, 'PGRST100'])
  assert.deepEqual(
    Object.keys(error ?? {})
      .filter((k) => ['code', 'details', 'hint', 'message'].includes(k))
      .sort(),
    ['code', 'details', 'hint', 'message'],
  )
})

test('a page that begins after the last row is PGRST103 and 416 when the rows were counted', async () => {
  const { error, status } = await sensor().select('*', { count: 'exact' }).range(100, 110)
  assert.deepEqual(
    [status, error?.code, error?.details],
    [416, 'PGRST103', 'An offset of 100 was requested, but there are only 7 rows.'],
  )
})

test('an embedded relation is PGRST200', async () => {
  assert.equal((await sensor().select('*,other(*)')).error?.code, 'PGRST200')
})

test('a filter on target finds by key: eq, in, unknown', async () => {
  assert.deepEqual(temperatures(await sensor().select().eq('target', 'truck-2')), [-3, 5])
  assert.deepEqual(
    temperatures(await sensor().select().in('target', ['truck-2', 'house']).order('ts', { ascending: false })),
    [-3, 5, 19],
  )
  assert.deepEqual(
    temperatures(await sensor().select().in('target', ['truck-2', 'truck-1']).order('temperature').range(1, 2)),
    [5, 20.5],
  )
  assert.deepEqual(temperatures(await sensor().select().eq('target', 'nobody')), [])
  assert.deepEqual(temperatures(await sensor().select().neq('target', 'truck-1')), [-3, 5, 19])
  assert.deepEqual(temperatures(await sensor().select().eq('target', 'truck-1').eq('target', 'truck-2')), [])
  assert.equal((await sensor().select('*', { count: 'exact' }).in('target', ['truck-2', 'house']).limit(1)).count, 3)
})

test('both majors answer; a value that does not fit is null in the old one and whole in the new', async () => {
  const at = `${day}T04:00:00Z`
  assert.equal((await world.as('all', 1).from('sensor').select('temperature').eq('ts', at).single()).data?.temperature, null)
  assert.equal((await world.as('all', 2).from('sensor').select('temperature').eq('ts', at).single()).data?.temperature, 'warm')
})

test('targets are a relation too', async () => {
  const { data } = await world.as('all').from('../target').select('key').order('key')
  assert.deepEqual(
    data?.map((t) => t.key),
    ['house', 'truck-1', 'truck-2', 'vault'],
  )
})
