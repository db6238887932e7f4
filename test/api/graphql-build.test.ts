// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lexicographicSortSchema, buildSchema as parseSdl, printSchema } from 'graphql'
import { makeSchema } from 'postgraphile'
import { buildSchema } from '../../src/api/graphql/build.ts'
import { onlyOurs } from '../../src/api/graphql/only-ours.ts'
import { makePreset } from '../../src/api/graphql/preset.ts'
import { openPool, type Pool } from '../../src/db/pool.ts'
import { rateLimits } from '../../src/db/rate-limits.ts'
import { testDatabase } from '../lib/postgres.ts'
import { admin, serve, TestHub } from './graphql-served.ts'

const nobody = (pool: Pool) => ({
  identify: async () => {
    throw new Error('nobody asks')
  },
  limits: rateLimits(pool),
})

const sorted = (sdl: string) => printSchema(lexicographicSortSchema(parseSdl(sdl)))

/** Lines that only one of two texts has. */
function differences(a: string, b: string): string[] {
  const [inA, inB] = [new Set(a.split('\n')), new Set(b.split('\n'))]
  return [
    ...[...inA].filter((l) => !inB.has(l)).map((l) => `+ ${l}`),
    ...[...inB].filter((l) => !inA.has(l)).map((l) => `- ${l}`),
  ]
}

// First in this file: once made, the memo stays for the process.
test('neither the behaviour memo nor the build in slices changes anything in the schema', async () => {
  await using db = await testDatabase()
  await admin(
    db,
    ...Array.from(
      { length: 12 },
      (_, i) =>
        `select tmidb.ingest('c${i}', 't', '{"a": 1, "b": "x", "c": true, "d": {"e": 1}, "f": 12345678901234567890123, "id": 1, "and": 2}')`,
    ),
    'select tmidb.publish_views()',
    `create type app.mood as enum ('good', 'bad')`,
    'create domain app.small as int check (value < 10)',
    `create table app.truck (id int primary key, target_id uuid references tmidb.target (target_id), mood app.mood, small app.small,
       tags text[], span tstzrange, sizes int4range, fleet int, grows jsonb)`,
    `create table app.trip (truck int references app.truck, n int, primary key (truck, n))`,
    `create function app.longest(a int, b app.mood default 'good') returns app.truck language sql stable return (select t from app.truck t limit 1)`,
  )
  const pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
  try {
    const options = { pool, access: nobody(pool), hub: new TestHub() }
    const without = printSchema((await buildSchema({ ...options, memo: false })).schema)
    const withMemo = printSchema((await buildSchema(options)).schema)
    assert.equal(withMemo, without)
    assert.match(without, /c11V1\(/)
    // PostGraphile's own way: its query over the whole catalog, and everything in one go. It reads relations in no particular order.
    const schemas = (await db.query<{ s: string }>('select tmidb.exposed_schemas()::text as s')).map((r) => r.s)
    const preset = makePreset({
      ...options,
      plugins: [
        onlyOurs(
          schemas,
          () => {},
          () => false,
        ),
      ],
    })
    const stock = await makeSchema({ ...preset, pgServices: preset.pgServices?.map((s) => ({ ...s, schemas }) as never) ?? [] })
    const [ours, theirs] = [sorted(withMemo), sorted(printSchema(stock.schema))]
    assert.deepEqual(differences(ours, theirs), [])
    assert.ok(ours === theirs)
  } finally {
    await pool.end()
  }
})

test('an empty database has a schema, without subscriptions', async () => {
  await using api = await serve(async (db) => {
    const token = await admin(db, `select tmidb.create_listener('a')`)
    await admin(db, `select tmidb.allow_introspection('a')`)
    return token
  })
  const { data } = await api.ask('{ targets { totalCount } }')
  assert.deepEqual(data, { targets: { totalCount: 0 } })
  // A listener changes nothing but its own tokens.
  const seen = await api.ask('{ __schema { subscriptionType { name } mutationType { fields { name } } } }')
  const fields = ['revokeToken', 'rotateToken', 'createToken'].map((name) => ({ name }))
  assert.deepEqual(seen.data, { __schema: { subscriptionType: null, mutationType: { fields } } })
  assert.equal((await api.ask('{ targets { totalCount } __schema { queryType { name } } }')).status, 400)
})

test('fields of any name are there, and each can be read, filtered and sorted by', async () => {
  const names = [
    '온도',
    '2x',
    'a-b',
    'a_b',
    'aB',
    '__proto__',
    'constructor',
    'toString',
    'id',
    'nodeId',
    'and',
    'or',
    'not',
    'primaryKey',
    'PRIMARY_KEY',
    'natural',
    'target',
    'target_id',
    'targetId',
    'ts',
    'reading_id',
    'cursor',
    'category',
    'version',
    'row',
    'x y',
    '"',
    '\\',
    '',
    ' ',
    'type',
    'Ab',
    'ab',
    'AB',
    'query',
    'filter',
    'first',
    '😀',
    'x'.repeat(200),
    '@name evil',
    '@behavior -*',
    '\n@omit',
  ]
  const payload = JSON.stringify(names.map((n, i) => `${JSON.stringify(n)}: ${i}`).join(', ')).slice(1, -1)
  await using api = await serve(async (db) => {
    await db.query('select tmidb.ingest($1, $2, $3::text::jsonb)', ['odd', 't', JSON.parse(`"{\\"data\\": {${payload}}}"`)])
    await admin(db, 'select tmidb.publish_views()')
    const token = await admin(db, `select tmidb.create_listener('a')`)
    await admin(db, `select tmidb.subscribe('a', null), tmidb.allow_introspection('a')`)
    return token
  })
  assert.deepEqual(api.graphql.status().leftOut, {})
  const type = await api.ask(
    '{ row: __type(name: "OddV1") { fields { name } } order: __type(name: "OddV1OrderBy") { enumValues { name } } event: __type(name: "OddV1Event") { fields { name } } }',
  )
  const fields: string[] = type.data.row.fields.map((f: { name: string }) => f.name)
  // Beside the payload's: target, targetId, ts and the relation ofTarget.
  assert.equal(fields.length, names.length + 4)
  assert.equal(new Set(fields).size, fields.length)
  assert.equal(type.data.order.enumValues.length, 2 * (fields.length - 1) + 3)
  assert.equal(type.data.event.fields.length, names.length + 5)
  const { data, errors } = await api.ask(
    `{ oddV1 { nodes { ${fields.filter((f) => !['target', 'targetId', 'ts', 'ofTarget'].includes(f)).join(' ')} } } }`,
  )
  assert.equal(errors, undefined)
  assert.deepEqual(
    Object.values(data.oddV1.nodes[0]).sort((a, b) => Number(a) - Number(b)),
    names.map((_, i) => i),
  )
  for (const { name } of type.data.order.enumValues) {
    assert.equal((await api.ask(`{ oddV1(orderBy: ${name}) { nodes { ts } } }`)).errors, undefined, name)
  }
})

test('two categories whose names differ in underscores only are both there; of two views that someone named alike the older stays', async () => {
  await using api = await serve(async (db) => {
    await admin(
      db,
      `select tmidb.ingest('fine', 't', '{"x": 1}')`,
      `select tmidb.ingest('a_b', 't', '{"x": 1}')`,
      'select tmidb.publish_views()',
    )
    const token = await admin(db, `select tmidb.create_listener('a')`)
    await admin(db, `select tmidb.subscribe('a', null)`)
    return token
  })
  await admin(
    api.db,
    `select tmidb.ingest('a__b', 't', '{"x": 2}')`,
    `select tmidb.ingest('wind', 't', '{"x": 3}')`,
    'select tmidb.publish_views()',
  )
  await api.graphql.rebuild()
  const [younger] = await api.db.query<{ id: number }>(`select category_id as id from tmidb.category where name = 'a__b'`)
  const both = await api.ask(`{ aBV1 { nodes { x } } aBV1_${younger?.id} { nodes { x } } }`)
  assert.deepEqual(both.data, { aBV1: { nodes: [{ x: 1 }] }, [`aBV1_${younger?.id}`]: { nodes: [{ x: 2 }] } })
  assert.deepEqual(api.graphql.status().leftOut, {})

  await api.db.query(`comment on view api.a__b_v1 is E'@name aBV1\\n@tmidbCategory a__b\\n@tmidbMajor 1'`)
  await api.graphql.rebuild()
  const { data } = await api.ask('{ fineV1 { nodes { x } } aBV1 { nodes { x } } windV1 { nodes { x } } }')
  assert.deepEqual(data, { fineV1: { nodes: [{ x: 1 }] }, aBV1: { nodes: [{ x: 1 }] }, windV1: { nodes: [{ x: 3 }] } })
  assert.deepEqual(Object.keys(api.graphql.status().leftOut), ['a__b_v1'])
  assert.equal(api.graphql.status().lastError, null)

  // Of two that are left out one is mended and comes back; the other goes, and is not spoken of any more.
  await api.db.query(`create table app.query (id int primary key); grant select on app.query to tmidb_admin, tmidb_listener`)
  await api.graphql.rebuild()
  assert.deepEqual(Object.keys(api.graphql.status().leftOut), ['a__b_v1', 'app.query'])
  await api.db.query(`comment on table app.query is '@name inquiry'`)
  await api.graphql.rebuild()
  assert.deepEqual(Object.keys(api.graphql.status().leftOut), ['a__b_v1'])
  assert.equal((await api.ask('{ inquiries { totalCount } }')).errors, undefined)
  await api.db.query('drop view api.a__b_v1')
  await api.graphql.rebuild()
  assert.deepEqual(api.graphql.status().leftOut, {})
})

test('a rebuild that fails keeps the last schema and says why; the next good one clears it', async () => {
  await using api = await serve(async (db) => {
    await admin(db, `select tmidb.ingest('fine', 't', '{"x": 1}')`, 'select tmidb.publish_views()')
    const token = await admin(db, `select tmidb.create_listener('a')`)
    await admin(db, `select tmidb.subscribe('a', null)`)
    return token
  })
  await api.db.query('revoke execute on function tmidb.introspection() from tmidb_api')
  await assert.rejects(api.graphql.rebuild(), /permission denied/)
  assert.match(String(api.graphql.status().lastError), /permission denied for function introspection/)
  assert.equal((await api.ask('{ fineV1 { totalCount } }')).data.fineV1.totalCount, 1)
  await api.db.query('grant execute on function tmidb.introspection() to tmidb_api')
  await admin(api.db, `select tmidb.ingest('more', 't', '{"x": 1}')`, 'select tmidb.publish_views()')
  await api.graphql.rebuild()
  assert.equal(api.graphql.status().lastError, null)
  assert.equal(api.graphql.status().builds, 2)
  await api.graphql.rebuild()
  assert.equal(api.graphql.status().builds, 2, 'an unchanged catalog is not built again')
})
