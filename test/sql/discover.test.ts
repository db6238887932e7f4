// SPDX-License-Identifier: MIT
// tmidb.discover: which version a payload makes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())

let categories = 0
/** Stores payloads one after the other in a new category; gives the version that each of them made or found. */
async function versions(...payloads: string[]): Promise<string[]> {
  const category = `c${categories++}`
  const found: string[] = []
  for (const payload of payloads) {
    await db.query(`select tmidb.ingest($1, 't', $2)`, [category, payload])
    const [row] = await db.query<{ version: string }>(
      `select major || '.' || minor as version from tmidb.ts_obs o join tmidb.schema_version using (version_id) order by position desc limit 1`,
    )
    found.push(row?.version ?? '')
  }
  return found
}
const fields = async () =>
  Object.fromEntries(
    (
      await db.query<{ v: string; types: object }>(
        `select distinct on (major) major::text as v, (select json_object_agg(f->>'name', f->>'type') from jsonb_array_elements(fields) f) as types
   from tmidb.schema_version join tmidb.category using (category_id) where name = $1 order by major, minor desc`,
        [`c${categories - 1}`],
      )
    ).map((r) => [r.v, r.types]),
  )

test('the same shape is the same version, null and absent fields included', async () => {
  assert.deepEqual(await versions('{"a":1,"b":"x"}', '{"b":"y","a":2}', '{"a":3}', '{"a":null,"b":"z"}', '{}'), [
    '1.0',
    '1.0',
    '1.0',
    '1.0',
    '1.0',
  ])
})

test('a new field, and an integer that becomes a number, is the next minor', async () => {
  assert.deepEqual(await versions('{"a":1}', '{"a":1.5}', '{"a":2}', '{"a":2,"b":true}'), ['1.0', '1.1', '1.0', '1.2'])
  assert.deepEqual(await fields(), { 1: { a: 'number', b: 'boolean' } })
})

test('a changed type is a new major, which keeps the other fields; what fits an old major still goes there', async () => {
  assert.deepEqual(await versions('{"a":1,"b":"x"}', '{"a":"one"}', '{"a":2}', '{"a":"two","b":"y"}', '{"a":true}'), [
    '1.0',
    '2.0',
    '1.0',
    '2.0',
    '3.0',
  ])
  assert.deepEqual(await fields(), {
    1: { a: 'integer', b: 'text' },
    2: { a: 'text', b: 'text' },
    3: { a: 'boolean', b: 'text' },
  })
})

test('a field that is new in an old major becomes known to the newest one too', async () => {
  assert.deepEqual(await versions('{"a":1}', '{"a":"x"}', '{"a":1,"new":5}'), ['1.0', '2.0', '1.1'])
  assert.deepEqual(await fields(), { 1: { a: 'integer', new: 'integer' }, 2: { a: 'text', new: 'integer' } })
})

test('integers beyond 2^53 are exact, and an exact field takes any number', async () => {
  assert.deepEqual(await versions('{"a":12345678901234567890}', '{"a":1}', '{"a":1.5}'), ['1.0', '1.0', '1.0'])
  assert.deepEqual(await fields(), { 1: { a: 'exact' } })
})

test('arrays are json; nothing contradicts json', async () => {
  assert.deepEqual(await versions('{"a":[1]}', '{"a":{"x":1}}', '{"a":5}', '{"a":"x"}'), ['1.0', '1.0', '1.0', '1.0'])
})

test('a new member of an object is the next minor, an empty object brings nothing', async () => {
  assert.deepEqual(
    await versions('{"gps":{"lat":1}}', '{"gps":{"lat":1.5,"lon":2}}', '{"gps":{}}', '{"gps":null}', '{"gps":{"x":{"y":"z"}}}'),
    ['1.0', '1.1', '1.1', '1.1', '1.2'],
  )
  assert.deepEqual(await fields(), { 1: { 'gps.lat': 'number', 'gps.lon': 'integer', 'gps.x.y': 'text' } })
})

test('an object where a value was, and the reverse, is a new major, which keeps the other fields', async () => {
  assert.deepEqual(
    await versions(
      '{"a":1,"b":"x"}',
      '{"a":{"x":1,"y":2}}',
      '{"a":3}',
      '{"a":{"x":5}}',
      '{"a":{"x":"5"}}',
      '{"a":[1]}',
      '{"a":{"new":1}}',
    ),
    ['1.0', '2.0', '1.0', '2.0', '3.0', '4.0', '3.1'],
  )
  assert.deepEqual(await fields(), {
    1: { a: 'integer', b: 'text' },
    2: { 'a.x': 'integer', 'a.y': 'integer', b: 'text' },
    3: { 'a.x': 'text', 'a.y': 'integer', b: 'text', 'a.new': 'integer' },
    4: { a: 'json', b: 'text' },
  })
})

test('what has types in an old major goes there rather than into the json of a newer one', async () => {
  assert.deepEqual(
    await versions('{"gps":{"lat":1}}', '{"gps":[]}', '{"gps":{"lat":2,"lon":3}}', '{"gps":"none"}', '{"gps":[],"n":1}'),
    ['1.0', '2.0', '1.1', '2.0', '2.1'],
  )
  assert.deepEqual(await fields(), { 1: { 'gps.lat': 'integer', 'gps.lon': 'integer' }, 2: { gps: 'json', n: 'integer' } })
})

test('a field that is new in an old major becomes known to the newest one only where it fits beside its fields', async () => {
  assert.deepEqual(await versions('{"a":1,"b":1}', '{"a":{"x":1},"b":2}', '{"a":1,"b":2,"c":{"d":1}}'), ['1.0', '2.0', '1.1'])
  assert.deepEqual(await fields(), {
    1: { a: 'integer', b: 'integer', 'c.d': 'integer' },
    2: { 'a.x': 'integer', b: 'integer', 'c.d': 'integer' },
  })
})

test('a top-level key with a dot is another field than the member of an object', async () => {
  assert.deepEqual(await versions('{"gps.lat":"x","gps_lat":true,"gps":{"lat":1}}', '{"gps.lat":1}'), ['1.0', '2.0'])
  assert.deepEqual(await fields(), {
    1: { 'gps.lat': 'integer', 'gps\\.lat': 'text', gps_lat: 'boolean' },
    2: { 'gps.lat': 'integer', 'gps\\.lat': 'integer', gps_lat: 'boolean' },
  })
  const [row] = await db.query<{ columns: string[] }>(
    `select array(select f->>'column' from jsonb_array_elements(fields) f) as columns from tmidb.schema_version join tmidb.category using (category_id)
     where name = $1 and major = 1`,
    [`c${categories - 1}`],
  )
  assert.equal(new Set(row?.columns).size, 3)
})

test('from the ninth major on a contradicted member makes its top-level key json, and versions end', async () => {
  const kinds = [1, 'x', true, { z: 1 }]
  const payloads = Array.from({ length: 64 }, (_, n) => ({
    a: { b: kinds[n % 4], c: kinds[(n >> 2) % 4] },
    d: { e: kinds[n >> 4] },
    g: 1,
  }))
  const category = `c${categories++}`
  await db.query('select tmidb.ingest($1, $2::jsonb)', [
    category,
    JSON.stringify(payloads.map((data) => ({ target: 't', data }))),
  ])
  const found = (await fields()) as Record<number, object>
  const last = Math.max(...Object.keys(found).map(Number))
  assert.ok(last >= 9 && last <= 11, `${last} majors`)
  assert.deepEqual(found[last], { a: 'json', d: 'json', g: 'integer' })
})

test('more than 256 fields, members of objects among them, stay in the payload only', async () => {
  const many = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, i]))
  await versions(JSON.stringify({ a: many(200), b: { c: many(100) } }))
  assert.equal(Object.keys((await fields())[1] ?? {}).length, 256)
  assert.deepEqual(await db.query('select is_overflowing from tmidb.category where name = $1', [`c${categories - 1}`]), [
    { is_overflowing: true },
  ])
})

test('the ninth major has json where it is contradicted, and no tenth comes', async () => {
  const kinds = ['1', '"x"', 'true']
  const payload = (n: number) => `{"a":${kinds[n % 3]},"b":${kinds[Math.floor(n / 3) % 3]},"c":${kinds[Math.floor(n / 9) % 3]}}`
  const found = await versions(...Array.from({ length: 27 }, (_, n) => payload(n)))
  const majors = [...new Set(found.map((v) => Number(v.split('.')[0])))]
  assert.deepEqual(majors.slice(0, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  const types = (await fields()) as Record<string, Record<string, string>>
  assert.ok(Object.values(types[9] ?? {}).includes('json'), JSON.stringify(types[9]))
  assert.ok(majors.length <= 12, `${majors.length} majors`)
})

test('two sessions that bring the same new shape at once make one version', async () => {
  await Promise.all(Array.from({ length: 6 }, (_, i) => db.query(`select tmidb.ingest('race', 'r' || $1, '{"a": 1}')`, [i])))
  assert.deepEqual(
    await db.query(
      `select count(*)::int as n from tmidb.schema_version join tmidb.category using (category_id) where name = 'race'`,
    ),
    [{ n: 1 }],
  )
})

test('the ways in refuse by SQL what they refuse elsewhere', async () => {
  const deep = `${'{"a":'.repeat(33)}{}${'}'.repeat(33)}`
  for (const [code, category, target, payload] of [
    ['TM104', 'Bad', 't', '{}'],
    ['TM105', 'c', '', '{}'],
    ['TM105', 'c', 'a\nb', '{}'],
    ['TM202', 'c', 't', '[1]'],
    ['TM203', 'c', 't', deep],
    ['TM204', 'c', 't', JSON.stringify(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, 1])))],
    ['TM205', 'c', 't', `{"${'k'.repeat(257)}":1}`],
    ['TM206', 'c', 't', `{"a":"${'x'.repeat(65_537)}"}`],
    ['TM207', 'c', 't', '{"a":1e400}'],
    ['TM212', 'c', 't', JSON.stringify({ a: Array(20).fill('x'.repeat(60_000)) })],
  ]) {
    await assert.rejects(
      db.query('select tmidb.ingest($1, $2, $3::jsonb)', [category, target, payload]),
      { code },
      `${code} ${payload?.slice(0, 40)}`,
    )
  }
})
