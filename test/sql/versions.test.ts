// SPDX-License-Identifier: MIT
// What versions say of themselves, strict categories, and what an administrator says of fields.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { withClient } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())

let categories = 0
const fresh = () => `c${categories++}`
const ingest = (category: string, ...payloads: string[]) =>
  db.query(`select tmidb.ingest($1, 't', p::jsonb) from unnest($2::text[]) p`, [category, payloads])
/** What administration by SQL returns. */
const call = async <T = unknown>(sql: string, values: unknown[] = []): Promise<T> =>
  (await db.query<{ x: T }>(`select ${sql} as x`, values))[0]?.x as T
const publish = () => db.query('select tmidb.publish_views()')

interface Change {
  version: string
  compatibility: string
  changes: string
  diff: Record<string, unknown[]>
}
const changes = (category: string) =>
  db.query<Change>(`select version, compatibility, changes, diff from tmidb.schema_changes($1) order by at, version`, [category])
const columns = async (view: string) =>
  (
    await db.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = to_regclass('api.' || $1) and attnum > 4 order by attnum`,
      [view],
    )
  ).map((r) => r.name)
const comment = (view: string, column: string) =>
  call<string>(
    `col_description(to_regclass('api.' || $1), (select attnum from pg_attribute where attrelid = to_regclass('api.' || $1) and attname = $2))`,
    [view, column],
  )

/** A batch as the drain brings it: rows of [index of the shape, payload]. */
async function batch(category: string, shapes: string[], rows: [number, string][], sift = true) {
  const stream = `s${Math.random()}`
  await db.query(`insert into tmidb.stream_cursor (stream, stream_created, last_seq) values ($1, '2026-01-01Z', 0)`, [stream])
  return await call<Record<string, number>>(
    `tmidb.ingest_batch($1, '2026-01-01Z', 1, 1, null, $6, array['t'], array[tmidb.shard_of('t')], array_fill($2::text, array[cardinality($3::text[])]),
      array(select hashtextextended(s, 7) from unnest($3::text[]) s), $3, array[0]::bigint[],
      array_fill(1, array[cardinality($4::int[])]), $4, array_fill(1, array[cardinality($4::int[])]),
      array(select now() - n * interval '1 s' from generate_series(1, cardinality($4::int[])) n), null, $5, null)`,
    [stream, category, shapes, rows.map((r) => r[0]), rows.map((r) => r[1]), sift],
  )
}

test('every version says what it changed against the one it came from, and whom that breaks', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1, "b": "x"}', '{"a": 1.5}', '{"c": true}', '{"a": "one"}')
  assert.deepEqual(
    (await changes(c)).map((v) => [v.version, v.compatibility, v.changes]),
    [
      ['1.0', 'initial', 'new a (integer), b (text)'],
      ['1.1', 'widening', 'a: integer became number'],
      ['1.2', 'additive', 'new c (boolean)'],
      ['2.0', 'breaking', 'a: number became text'],
    ],
  )
  assert.deepEqual((await changes(c)).at(-1)?.diff, {
    added: [],
    widened: [],
    changed: [{ name: 'a', from: 'number', to: 'text' }],
    renamed: [],
    removed: [],
  })
})

test('a version keeps the payload that made it, when it was first seen and, to the minute, when last', async () => {
  const c = fresh()
  await batch(c, ['{"a": "integer", "b": "integer"}'], [[1, '{"a": 1, "b": 2}'], [1, '{"a": 3}']], false) // biome-ignore format: rows
  const seen = () =>
    db.query<{ example: object; first: Date; last: Date }>(
      'select example, first_seen as first, last_seen as last from tmidb.schema_changes($1)',
      [c],
    )
  const [first] = await seen()
  assert.deepEqual(first?.example, { a: 1, b: 2 })
  await ingest(c, '{"a": 4}')
  assert.deepEqual(await seen(), [first])
  await db.query(
    `update tmidb.version_seen set first_seen = first_seen - interval '2 min', last_seen = last_seen - interval '2 min'`,
  )
  await ingest(c, '{"a": 5}')
  const [later] = await seen()
  assert.ok(later && first && later.last >= first.last && later.first < first.first)
  assert.deepEqual(later.example, first?.example)
})

test('an example is cut to 8 kB: long values first, then fields', async () => {
  const long = JSON.stringify({ a: 1, list: Array(5000).fill(7), text: 'x'.repeat(60_000) })
  const cut = await call<Record<string, string>>('tmidb.short_example($1)', [long])
  assert.equal(cut.a, 1)
  assert.match(cut.text ?? '', /^x{200}…$/)
  const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`field${i}`, 'y'.repeat(100)])))
  assert.ok((await call<number>('octet_length(tmidb.short_example($1)::text)', [wide])) <= 8192)
})

test('a listener is told of the fields it may see, and of nobody else’s readings', async () => {
  const [mine, other] = [fresh(), fresh()]
  await ingest(mine, '{"shown": 1, "hidden": 1}', '{"hidden": "x"}', '{"shown": 1, "more": 1}')
  await ingest(other, '{"a": 1}')
  await db.query(`select tmidb.create_listener('l'), tmidb.subscribe('l', $1, null, '{shown,more}')`, [mine])
  const rows = await withClient(db.url('tmidb_api'), async (client) => {
    const id = (await db.query<{ id: string }>(`select listener_id::text as id from tmidb.listener where name = 'l'`))[0]?.id
    await client.query(`begin; select set_config('tmidb.claims', '${JSON.stringify({ role: 'tmidb_listener', listener_id: id })}', true);
      set local role tmidb_listener`)
    return (await client.query('select category, version, compatibility, changes, last_seen, example from api.schema_changes()'))
      .rows
  })
  assert.deepEqual(
    rows.map((r) => [r.category, r.version, r.compatibility, r.changes, r.last_seen, r.example]),
    [
      [mine, '2.1', 'additive', 'new more (integer)', null, null],
      [mine, '2.0', 'additive', 'nothing', null, null],
      [mine, '1.0', 'initial', 'new shown (integer)', null, null],
    ],
  )
})

test('a strict category takes its first reading as its version, and new fields after it', async () => {
  const c = fresh()
  await call('tmidb.set_strict($1)', [c])
  await ingest(c, '{"a": 1}', '{"a": 1.5, "b": "x"}', '{"a": null}')
  assert.deepEqual((await changes(c)).map((v) => v.version), ['1.0', '1.1']) // biome-ignore format: a list
})

test('TM223: what would break a strict category is refused by SQL with the difference, and taken when strict is lifted', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1, "b": true}')
  await call('tmidb.set_strict($1, true)', [c])
  await assert.rejects(ingest(c, '{"a": "one", "b": true}'), (e: { code: string; message: string; detail: string }) => {
    assert.equal(e.code, 'TM223')
    assert.equal(e.message, `The category ${c} is strict, and the reading would break it (a: text where integer is known).`)
    assert.deepEqual(JSON.parse(e.detail), [{ name: 'a', from: 'integer', to: 'text' }])
    return true
  })
  await call('tmidb.set_strict($1, false)', [c])
  await ingest(c, '{"a": "one", "b": true}')
  assert.equal((await changes(c)).at(-1)?.version, '2.0')
})

test('of a batch only what breaks a strict category is parked, whatever shape the way in gave it, and is replayed later', async () => {
  const [c, free] = [fresh(), fresh()]
  await ingest(c, '{"a": 1, "b": 1}')
  await call('tmidb.set_strict($1, true)', [c])
  const shape = '{"a": "text", "b": "integer", "new": "integer"}'
  const rows: [number, string][] = [
    [1, '{"a": "x"}'],
    [1, '{"b": 2}'],
    [2, '{"a": 3}'],
    [1, '{"b": 4, "new": 1}'],
    [1, '{"a": "y", "b": 5}'],
  ]
  await assert.rejects(batch(c, [shape, '{"a": "integer"}'], rows, false), { code: 'TM223' })
  assert.deepEqual(await batch(c, [shape, '{"a": "integer"}'], rows), { stored: 3, duplicate: 0, quarantined: 2 })
  assert.deepEqual(
    await db.query(
      `select reason, message, convert_from(raw, 'UTF8') as raw from tmidb.raw_bucket where category = $1 order by raw_id`,
      [c],
    ),
    ['{"a": "x"}', '{"a": "y", "b": 5}'].map((raw) => ({
      reason: 'TM223',
      message: `The category ${c} is strict, and the reading would break it (a: text where integer is known).`,
      raw,
    })),
  )
  const replay = () => call<Record<string, number>>(`tmidb.replay_dead_letters('TM223', $1)`, [c])
  assert.equal((await replay()).replayed, 0)
  await call('tmidb.set_strict($1, false)', [c])
  assert.equal((await replay()).replayed, 2)
  assert.equal((await changes(c)).at(-1)?.version, '2.0')
  await batch(free, ['{"a": "integer"}'], [[1, '{"a": 1}']])
})

test('two new fields of one batch that contradict each other in a strict category: the second is parked', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1}')
  await call('tmidb.set_strict($1, true)', [c])
  const found = await batch(c, ['{"n": "integer"}', '{"n": "text"}'], [[1, '{"n": 1}'], [2, '{"n": "x"}']]) // biome-ignore format: rows
  assert.deepEqual(found, { stored: 1, duplicate: 0, quarantined: 1 })
})

test('a pinned field keeps its type whatever comes: what does not fit is null in the view and whole in the payload', async () => {
  const c = fresh()
  await ingest(c, '{"t": 1.5, "n": 1}')
  assert.equal(await call('tmidb.pin_field($1, $2, $3)', [c, 't', 'number']), '1.0')
  await ingest(c, '{"t": "n/a", "n": 2}', '{"t": {"x": 1}, "n": 3}')
  await publish()
  assert.deepEqual(await db.query(`select n, t from api.${c}_v1 order by n`), [
    { n: 1, t: 1.5 },
    { n: 2, t: null },
    { n: 3, t: null },
  ])
  assert.deepEqual(
    await db.query(
      `select payload->'t' as t from tmidb.ts_obs join tmidb.category using (category_id) where name = $1 order by position`,
      [c],
    ),
    [{ t: 1.5 }, { t: 'n/a' }, { t: { x: 1 } }],
  )
  assert.deepEqual((await changes(c)).map((v) => v.version), ['1.0']) // biome-ignore format: a list
  await call('tmidb.set_strict($1)', [c])
  await ingest(c, '{"t": true}')
})

test('pinned to another type than the newest major has, a field has that type from the next major on', async () => {
  const c = fresh()
  await ingest(c, '{"t": "n/a"}', '{"t": "n/a", "u": 1}')
  assert.equal(await call('tmidb.pin_field($1, $2, $3)', [c, 't', 'number']), '2.0')
  assert.equal(await call('tmidb.pin_field($1, $2, $3)', [c, 'u', 'number']), '2.1')
  await ingest(c, '{"t": 1}', '{"t": "n/a"}')
  assert.deepEqual(
    (await changes(c)).map((v) => [v.version, v.compatibility]),
    [['1.0', 'initial'], ['1.1', 'additive'], ['2.0', 'breaking'], ['2.1', 'widening']], // biome-ignore format: a list
  )
  await call('tmidb.pin_field($1, $2, null)', [c, 't'])
  await ingest(c, '{"t": true}')
  assert.equal((await changes(c)).at(-1)?.version, '3.0')
  await assert.rejects(call('tmidb.pin_field($1, $2, $3)', [c, 't', 'float']), { code: 'TM108' })
  await assert.rejects(call('tmidb.pin_field($1, $2, $3)', [c, 'temp', 'text']), { code: 'TM107', hint: 'There are: t, u.' })
})

test('a renamed field answers by both names in its major, by the new one alone in the next, and the view only grows', async () => {
  const c = fresh()
  await ingest(c, '{"temperature": 20.5, "n": 1}')
  await publish()
  assert.equal(await call('tmidb.rename_field($1, $2, $3)', [c, 'temperature', 'temp_c']), '1.1')
  await publish()
  assert.deepEqual(await columns(`${c}_v1`), ['n', 'temperature', 'temp_c'])
  await ingest(c, '{"temperature": 21.5, "n": 2, "later": true}')
  await publish()
  assert.deepEqual(await columns(`${c}_v1`), ['n', 'temperature', 'temp_c', 'later'])
  assert.deepEqual(await db.query(`select temperature, temp_c, later from api.${c}_v1 where n = 2`), [
    { temperature: 21.5, temp_c: 21.5, later: true },
  ])
  assert.equal(await comment(`${c}_v1`, 'temperature'), '@name temperature\n@deprecated Renamed: use temp_c.\nField "temperature", number. Renamed: use temp_c.') // biome-ignore format: a text
  assert.equal(await comment(`${c}_v1`, 'temp_c'), '@name tempC\nField "temperature", number.')
  assert.deepEqual(
    await call('tmidb.typed_row((select category_id from tmidb.category where name = $1), 1::smallint, $2)', [
      c,
      '{"temperature": 3}',
    ]),
    { temperature: 3, tempC: 3 },
  )
  await db.query(`insert into api.${c}_v1 (target, ts, temp_c, n) values ('t', now(), 30, 3)`)
  await db.query(`insert into api.${c}_v1 (target, ts, temperature, n) values ('t', now(), 31, 4)`)
  assert.deepEqual(await db.query(`select temperature as t from api.${c}_v1 where n > 2 order by n`), [{ t: 30 }, { t: 31 }])
  await ingest(c, '{"temperature": "hot"}')
  await publish()
  assert.deepEqual(await columns(`${c}_v2`), ['n', 'temp_c', 'later'])
  assert.deepEqual(
    (await changes(c)).map((v) => v.changes),
    [
      'new n (integer), temperature (number)',
      'temperature: column temperature is now temp_c',
      'new later (boolean)',
      'temperature: number became text',
    ],
  )
})

test('a name that a field, an earlier name or the view itself has is refused; the way back is open', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1, "b": 2, "someName": 3}')
  const rename = (field: string, to: string | null) => call<string>('tmidb.rename_field($1, $2, $3)', [c, field, to])
  for (const [
    to,
    code,
  ] of [['b', 'TM106'], ['some_name', 'TM106'], ['ts', 'TM108'], ['target_id', 'TM108'], ['targetId', 'TM106'], ['a b', 'TM108'], ['', 'TM108']] as const) // biome-ignore format: a list
    await assert.rejects(rename('a', to), { code }, to)
  assert.equal(await rename('a', 'alpha'), '1.1')
  await assert.rejects(rename('b', 'a'), { code: 'TM106' })
  assert.equal(await rename('a', null), '1.2')
  await publish()
  assert.deepEqual(await columns(`${c}_v1`), ['a', 'b', 'someName', 'alpha'])
  // One name in GraphQL: the new column takes it over, with the same values.
  assert.equal(await rename('someName', 'some_name'), '1.3')
  await publish()
  assert.match(await comment(`${c}_v1`, 'some_name'), /^@name someName\n/)
  assert.match(await comment(`${c}_v1`, 'someName'), /^@name someName_\n@deprecated /)
  const d = fresh()
  await ingest(d, '{"foo_bar": 1, "fooBar": 2}')
  await call('tmidb.rename_field($1, $2, $3)', [d, 'foo_bar', 'other'])
  await call('tmidb.rename_field($1, $2)', [d, 'foo_bar'])
  await call('tmidb.rename_field($1, $2, $3)', [d, 'fooBar', 'FooBar'])
  await publish()
  assert.deepEqual(
    await Promise.all(
      ['fooBar', 'foo_bar', 'other', 'FooBar'].map(async (name) => (await comment(`${d}_v1`, name)).split('\n')[0]),
    ),
    ['@name fooBar__', '@name fooBar_', '@name other', '@name fooBar'],
  )
  // A field that comes later and is called like a column gets another.
  assert.equal(await rename('b', 'beta'), '1.4')
  await ingest(c, '{"beta": 1}')
  await publish()
  assert.match((await columns(`${c}_v1`)).at(-1) ?? '', /^beta_[0-9a-f]{12}$/)
})

test('descriptions and units are in the comments of every major, survive discovery and are audited', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1}')
  await call('tmidb.describe_field($1, $2, $3, $4)', [c, 'a', 'Air at the inlet', '°C'])
  await call('tmidb.describe_category($1, $2)', [c, 'The ovens of hall 3.'])
  await call('tmidb.pin_field($1, $2, $3)', [c, 'a', 'integer'])
  await ingest(c, '{"a": 1, "b": 1}')
  await publish()
  const said = '@name a\nAir at the inlet. Field "a", integer, pinned, in °C.'
  assert.equal(await comment(`${c}_v1`, 'a'), said)
  await ingest(c, '{"b": "x"}')
  await publish()
  assert.equal(await comment(`${c}_v2`, 'a'), said)
  assert.match(await call(`obj_description(to_regclass('api.${c}_v2'), 'pg_class')`), /version 2\.0\. The ovens of hall 3\.$/)
  assert.deepEqual(
    await db.query(`select kind from tmidb.audit where detail->>'category' = $1 order by audit_id`, [c]),
    ['field.described', 'category.described', 'field.pinned'].map((kind) => ({ kind })),
  )
  await assert.rejects(call('tmidb.describe_field($1, $2, $3)', [c, 'a', '@omit']), { code: 'TM108' })
})

test('a listener may see a renamed column by the right to its field', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1, "b": 2}')
  await call('tmidb.rename_field($1, $2, $3)', [c, 'a', 'alpha'])
  await db.query(`select tmidb.create_listener('renamed'), tmidb.subscribe('renamed', $1, null, '{a}')`, [c])
  const columns = await withClient(db.url('tmidb_api'), async (client) => {
    const id = (await db.query<{ id: string }>(`select listener_id::text as id from tmidb.listener where name = 'renamed'`))[0]
      ?.id
    await client.query(`begin; select set_config('tmidb.claims', '${JSON.stringify({ role: 'tmidb_listener', listener_id: id })}', true);
      set local role tmidb_listener`)
    return (
      await client.query(
        'select category, (select array_agg(c order by c) from unnest(columns) c) as columns from tmidb.visible_categories()',
      )
    ).rows
  })
  assert.deepEqual(columns, [{ category: c, columns: ['a', 'alpha'] }])
})

test('only an administrator says what a field is', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1}')
  await withClient(db.superUrl, async (client) => {
    for (const role of ['tmidb_editor', 'tmidb_viewer', 'tmidb_listener', 'tmidb_speaker']) {
      for (const sql of [`set_strict('${c}')`, `pin_field('${c}', 'a', 'text')`, `rename_field('${c}', 'a', 'x')`, `describe_field('${c}', 'a', 'x')`, `describe_category('${c}', 'x')`]) // biome-ignore format: a list
        await assert
          .rejects(client.query(`begin; set local role ${role}; select tmidb.${sql}`), { code: '42501' })
          .then(() => client.query('rollback'))
    }
    await client.query(`begin; set local role tmidb_admin; select tmidb.pin_field('${c}', 'a', 'text'); rollback`)
  })
})

test('the difference of any two versions is told, backwards too', async () => {
  const c = fresh()
  await ingest(c, '{"a": 1}', '{"a": 1, "b": "x"}', '{"a": "x"}')
  const diff = (from: string, to: string) =>
    call<{ compatibility: string; changes: string }>('tmidb.schema_diff($1, $2, $3)', [c, from, to])
  const there = await diff('1.0', '2.0')
  assert.deepEqual([there.compatibility, there.changes], ['breaking', 'new b (text); a: integer became text'])
  const back = await diff('2.0', '1.0')
  assert.deepEqual([back.compatibility, back.changes], ['breaking', 'a: text became integer; without b (text)'])
  await assert.rejects(diff('1.0', '9.9'), { code: 'TM107' })
})
