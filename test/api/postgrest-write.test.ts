// SPDX-License-Identifier: MIT
// The real client of PostgREST writes: what it gets is what PostgREST's documentation says (Tables and Views: Insert, Update, Upsert,
// Delete; Prefer Header).
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type WriteWorld, writeWorld } from './write-world.ts'

let world: WriteWorld
before(async () => {
  world = await writeWorld()
})
after(async () => await world[Symbol.asyncDispose]())
beforeEach(async () => {
  await world.rest.db.query(`delete from app.visit; delete from app.note; delete from app.bare; delete from app.late; delete from app.depot;
    alter sequence app.depot_id_seq restart; insert into app.depot (name, slots) values ('north', 5), ('south', 7)`)
})

const editor = () => world.as('editor')
const depots = () => editor().from('depot')
const count = async (where = 'true') => Number(await world.one<string>(`select count(*) from app.depot where ${where}`))

test('insert: 201 and no body', async () => {
  const { status, data, error } = await depots().insert({ name: 'east' })
  assert.deepEqual([status, data, error], [201, null, null])
  assert.equal(await count(`name = 'east' and city = 'Seoul' and slots = 10`), 1)
})

test('insert and select: the row with its defaults, as an array', async () => {
  const { status, data } = await depots().insert({ name: 'east' }).select()
  assert.equal(status, 201)
  assert.deepEqual(data, [{ id: '3', name: 'east', city: 'Seoul', slots: 10, meta: null, tags: null, serial: null }])
})

test('insert and select columns, with alias, cast and JSON path', async () => {
  const { data } = await depots()
    .insert({ name: 'east', meta: { a: { b: 1 } } })
    .select('key:id::text,name,meta->a')
  assert.deepEqual(data, [{ key: '3', name: 'east', a: { b: 1 } }])
})

test('insert and single: one object', async () => {
  const { status, data } = await depots().insert({ name: 'east' }).select('name').single()
  assert.deepEqual([status, data], [201, { name: 'east' }])
})

test('insert of many: all, in their order', async () => {
  const { data } = await depots()
    .insert([
      { name: 'c', slots: 1 },
      { name: 'a', slots: 2 },
      { name: 'b', slots: 3 },
    ])
    .select('name,slots')
  assert.deepEqual(data, [
    { name: 'c', slots: 1 },
    { name: 'a', slots: 2 },
    { name: 'b', slots: 3 },
  ])
})

test('insert of many with different keys: what a row lacks is null', async () => {
  const { data } = await depots()
    .insert([{ name: 'a', slots: 1 }, { name: 'b' }])
    .select('name,slots')
  assert.deepEqual(data, [
    { name: 'a', slots: 1 },
    { name: 'b', slots: null },
  ])
})

test('insert with defaultToNull false: what a row lacks is the default of its column', async () => {
  const { data } = await depots()
    .insert([{ name: 'a', slots: 1 }, { name: 'b' }, { id: 77, name: 'c', city: null }], { defaultToNull: false })
    .select('id,name,slots,city')
  assert.deepEqual(data, [
    { id: '3', name: 'a', slots: 1, city: 'Seoul' },
    { id: '4', name: 'b', slots: 10, city: 'Seoul' },
    { id: '77', name: 'c', slots: 10, city: null },
  ])
})

test('insert of JSON, arrays and numbers that JavaScript would round', async () => {
  const { data } = await depots()
    .insert({ name: 'east', meta: { x: [1, null, 'ä'] }, tags: ['a', 'b,c', '"'], serial: '12345678901234567890.123456789' })
    .select('meta,tags,serial')
  assert.deepEqual(data, [{ meta: { x: [1, null, 'ä'] }, tags: ['a', 'b,c', '"'], serial: '12345678901234567890.123456789' }])
})

test('insert of an empty object: a row of defaults; of an empty array: none', async () => {
  const bare = editor().from('bare')
  assert.deepEqual((await bare.insert({}).select()).data, [{ a: null, b: null }])
  assert.deepEqual(
    await bare
      .insert([])
      .select()
      .then(({ status, data }) => [status, data]),
    [201, []],
  )
  assert.equal(await world.one('select count(*)::int from app.bare'), 1)
})

test('insert with count: how many were written', async () => {
  const { status, count: n } = await depots().insert([{ name: 'a' }, { name: 'b' }], { count: 'exact' })
  assert.deepEqual([status, n], [201, 2])
})

test('insert and select as csv', async () => {
  const { data } = await depots()
    .insert([{ name: 'a,b' }, { name: 'c' }])
    .select('name,slots')
    .csv()
  assert.equal(data, 'name,slots\n"a,b",10\nc,10')
})

test('update: 204; with select the new rows', async () => {
  assert.equal((await depots().update({ slots: 8 }).eq('name', 'north')).status, 204)
  const { status, data } = await depots().update({ city: 'Busan' }).gt('slots', 7).select('name,city,slots')
  assert.deepEqual([status, data], [200, [{ name: 'north', city: 'Busan', slots: 8 }]])
  assert.equal(await count(`city = 'Seoul'`), 1)
})

test('update: the rows that come back need not match the filter any more', async () => {
  const { data } = await depots().update({ slots: 99 }).eq('slots', 5).select('name,slots')
  assert.deepEqual(data, [{ name: 'north', slots: 99 }])
})

test('update of a column to null', async () => {
  assert.deepEqual((await depots().update({ city: null }).eq('id', 1).select('city')).data, [{ city: null }])
})

test('update with or, in, not, like and JSON path filters', async () => {
  await depots()
    .update({ meta: { zone: 'x' } })
    .or('name.eq.north,slots.gt.100')
  assert.deepEqual((await depots().update({ slots: 1 }).eq('meta->>zone', 'x').select('name')).data, [{ name: 'north' }])
  assert.deepEqual((await depots().update({ slots: 2 }).in('name', ['south', 'x']).select('name')).data, [{ name: 'south' }])
  assert.deepEqual((await depots().update({ slots: 3 }).not('name', 'like', 'n*').select('name')).data, [{ name: 'south' }])
})

test('update of nothing: 204, and with select an empty array', async () => {
  assert.equal((await depots().update({ slots: 1 }).eq('id', 999)).status, 204)
  assert.deepEqual((await depots().update({ slots: 1 }).eq('id', 999).select()).data, [])
  assert.deepEqual((await depots().update({}).eq('id', 1).select()).data, [])
})

test('update with count', async () => {
  assert.equal((await depots().update({ slots: 1 }, { count: 'exact' }).gt('id', 0)).count, 2)
})

test('update and single: several rows are 406 PGRST116, and nothing is written', async () => {
  const { status, error } = await depots().update({ slots: 1 }).gt('id', 0).select().single()
  assert.deepEqual([status, error?.code, error?.details], [406, 'PGRST116', 'The result contains 2 rows'])
  assert.equal(await count('slots = 1'), 0)
  assert.equal((await depots().update({ slots: 1 }).eq('id', 1).select().single()).data?.slots, 1)
})

test('update and maybeSingle: no row is null', async () => {
  const { data, error } = await depots().update({ slots: 1 }).eq('id', 999).select().maybeSingle()
  assert.deepEqual([data, error], [null, null])
})

test('update without a filter: 400 21000, and nothing is written; delete likewise', async () => {
  const update = await depots().update({ slots: 1 })
  assert.deepEqual([update.status, update.error?.code, update.error?.message], [400, '21000', 'UPDATE requires a WHERE clause'])
  const { status, error } = await depots().delete()
  assert.deepEqual([status, error?.code, error?.message], [400, '21000', 'DELETE requires a WHERE clause'])
  assert.equal(await count('slots = 1'), 0)
  assert.equal((await depots().delete().not('id', 'is', null)).status, 204)
  assert.equal(await count(), 0)
})

test('delete: 204; with select the rows that were', async () => {
  assert.equal((await depots().delete().eq('id', 1)).status, 204)
  const { status, data } = await depots().delete().eq('id', 2).select('name')
  assert.deepEqual([status, data], [200, [{ name: 'south' }]])
  assert.equal(await count(), 0)
})

test('delete with count; of nothing it is 0', async () => {
  assert.equal((await depots().delete({ count: 'exact' }).gt('id', 0)).count, 2)
  assert.equal((await depots().delete({ count: 'exact' }).gt('id', 0)).count, 0)
})

test('rows that come back can be ordered', async () => {
  const { data } = await depots().update({ city: 'X' }).gt('id', 0).select('name').order('name', { ascending: false })
  assert.deepEqual(data, [{ name: 'south' }, { name: 'north' }])
})

test('maxAffected: more rows are 400 PGRST124, and nothing is written', async () => {
  const { status, error } = await depots().update({ slots: 1 }).gt('id', 0).maxAffected(1)
  assert.deepEqual([status, error?.code, error?.details], [400, 'PGRST124', 'The query affects 2 rows'])
  const deleted = await depots().delete().gt('id', 0).maxAffected(1)
  assert.equal(deleted.error?.message, 'Query result exceeds max-affected preference constraint')
  assert.equal(await count('slots > 1'), 2)
  assert.equal((await depots().delete().gt('id', 0).maxAffected(2)).status, 204)
})

test('upsert: 201 while something is new, 200 when all was there', async () => {
  const rows = [
    { id: 1, name: 'north', slots: 50 },
    { id: 9, name: 'nine', slots: 9 },
  ]
  const first = await depots().upsert(rows).select('id,name,slots')
  assert.deepEqual([first.status, first.data], [201, rows.map((r) => ({ ...r, id: String(r.id) }))])
  assert.equal((await depots().upsert(rows).select('id')).status, 200)
  assert.equal((await depots().upsert(rows)).status, 200)
})

test('upsert with onConflict: by another unique column', async () => {
  const { data } = await depots()
    .upsert(
      [
        { name: 'north', slots: 1 },
        { name: 'west', slots: 2 },
      ],
      { onConflict: 'name' },
    )
    .select('id,name,slots,city')
  assert.deepEqual(data, [
    { id: '1', name: 'north', slots: 1, city: 'Seoul' },
    { id: '4', name: 'west', slots: 2, city: 'Seoul' },
  ])
})

test('upsert with ignoreDuplicates: what was there stays and does not come back', async () => {
  const { status, data } = await depots()
    .upsert(
      [
        { name: 'north', slots: 1 },
        { name: 'west', slots: 2 },
      ],
      { onConflict: 'name', ignoreDuplicates: true },
    )
    .select('name')
  assert.deepEqual([status, data], [201, [{ name: 'west' }]])
  assert.equal(await count(`name = 'north' and slots = 5`), 1)
})

test('upsert with defaultToNull false: new rows take their key from the sequence', async () => {
  const { status, data } = await depots()
    .upsert([{ id: 1, name: 'first' }, { name: 'new' }], { defaultToNull: false })
    .select('id,name')
  assert.deepEqual(
    [status, data],
    [
      201,
      [
        { id: '1', name: 'first' },
        { id: '3', name: 'new' },
      ],
    ],
  )
})

test('upsert on columns that are not unique: 400 42P10', async () => {
  const { status, error } = await depots().upsert({ name: 'north' }, { onConflict: 'city' })
  assert.deepEqual([status, error?.code], [400, '42P10'])
})

test('upsert of a row with a key of two columns', async () => {
  const visits = editor().from('visit')
  await visits.insert({ depot_id: 1, day: '2026-01-01', note: 'a' })
  const { data } = await visits.upsert([{ depot_id: 1, day: '2026-01-01', note: 'b' }]).select()
  assert.deepEqual(data, [{ depot_id: '1', day: '2026-01-01', note: 'b' }])
})

test('what is written comes back with what it refers to', async () => {
  const { data, error } = await editor()
    .from('visit')
    .insert([{ depot_id: 1, day: '2026-01-01' }])
    .select('day,depot(name,slots)')
  assert.deepEqual([error, data], [null, [{ day: '2026-01-01', depot: { name: 'north', slots: 5 } }]])
  const updated = await depots().update({ slots: 6 }).eq('id', 1).select('slots,visit(day)').single()
  assert.deepEqual(updated.data, { slots: 6, visit: [{ day: '2026-01-01' }] })
  const none = await depots().update({ slots: 7 }, { count: 'exact' }).gt('id', 0).select('name,visit!inner(day)')
  assert.deepEqual([none.data, none.count], [[{ name: 'north', visit: [{ day: '2026-01-01' }] }], 2])
})

test('a key that is there: 409 23505', async () => {
  const { status, error } = await depots().insert({ name: 'north' })
  assert.deepEqual([status, error?.code, error?.details], [409, '23505', 'Key (name)=(north) already exists.'])
})

test('a reference to nothing: 409 23503, also when it is checked at the end', async () => {
  const { status, error } = await editor().from('visit').insert({ depot_id: 999, day: '2026-01-01' })
  assert.deepEqual([status, error?.code], [409, '23503'])
  const late = await editor().from('late').insert({ id: 1, depot_id: 999 })
  assert.deepEqual([late.status, late.error?.code], [409, '23503'])
  assert.equal((await editor().from('late').insert({ id: 1, depot_id: 1 })).status, 201)
})

test('a check that fails: 400 23514; a null that must not be: 400 23502; a wrong type: 400 22P02', async () => {
  assert.deepEqual(codeOf(await depots().insert({ name: 'x', slots: 0 })), [400, '23514'])
  assert.deepEqual(codeOf(await depots().insert({ name: null })), [400, '23502'])
  assert.deepEqual(codeOf(await depots().insert({ name: 'x', slots: 'many' })), [400, '22P02'])
})

test('a column that is not there: 400 PGRST204; in a filter 42703', async () => {
  const { status, error } = await depots().insert({ name: 'x', colour: 'red' })
  assert.deepEqual([status, error?.code], [400, 'PGRST204'])
  assert.equal(error?.message, "Could not find the 'colour' column of 'depot' in the schema cache")
  assert.deepEqual(codeOf(await depots().update({ slots: 1 }).eq('colour', 'red')), [400, '42703'])
  assert.deepEqual(codeOf(await depots().update({ colour: 1 }).eq('id', 1)), [400, 'PGRST204'])
})

test('a relation that is not there: 404 PGRST205', async () => {
  assert.deepEqual(codeOf(await editor().from('nowhere').insert({ a: 1 })), [404, 'PGRST205'])
})

test('a row of many that fails: none is written', async () => {
  const { error } = await depots().insert([{ name: 'a' }, { name: 'b' }, { name: 'north' }])
  assert.equal(error?.code, '23505')
  assert.equal(await count(), 2)
})

test('a simple view takes writes, and keeps its check option', async () => {
  const seoul = editor().from('seoul')
  assert.deepEqual((await seoul.insert({ name: 'east', city: 'Seoul' }).select('name')).data, [{ name: 'east' }])
  assert.deepEqual(codeOf(await seoul.insert({ name: 'west', city: 'Busan' })), [400, '44000'])
  assert.deepEqual((await seoul.update({ name: 'far east' }).eq('name', 'east').select('name')).data, [{ name: 'far east' }])
  assert.equal((await seoul.delete().eq('name', 'far east')).status, 204)
})

test('schema(): the profile headers choose the schema', async () => {
  assert.deepEqual((await editor().schema('app').from('depot').insert({ name: 'east' }).select('name')).data, [{ name: 'east' }])
  assert.deepEqual(codeOf(await editor().schema('tmidb').from('target').insert({ key: 'x' })), [406, 'PGRST106'])
})

function codeOf({ status, error }: { status: number; error: { code: string } | null }): [number, string | undefined] {
  return [status, error?.code]
}
