// SPDX-License-Identifier: MIT
// Functions by POST /rpc, those that write among them, as PostgREST's documentation has them (Functions as RPC, Access Mode, Errors).
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Writer, type WriteWorld, writeWorld } from './write-world.ts'

let world: WriteWorld
before(async () => {
  world = await writeWorld()
  await world.rest.db.query(`insert into app.depot (name, slots) values ('north', 5), ('south', 7)`)
})
after(async () => await world[Symbol.asyncDispose]())

const rpc = (fn: string, args?: object, options?: object, who: Writer = 'editor') => world.as(who).rpc(fn, args, options)
const codeOf = ({ status, error }: { status: number; error: { code: string } | null }) => [status, error?.code]
const slots = (name: string) => world.one('select slots from app.depot where name = $1', [name])

test('a function that reads: by POST, by GET, by HEAD', async () => {
  assert.deepEqual((await rpc('add_them', { a: 1, b: 2 })).data, 3)
  assert.deepEqual((await rpc('add_them', { a: 1, b: 2 }, { get: true })).data, 3)
  assert.equal((await rpc('add_them', { a: 1, b: 2 }, { head: true })).status, 200)
})

test('a function that writes a value: called once', async () => {
  assert.deepEqual((await rpc('next_slot', { name: 'north' })).data, 6)
  assert.equal(await slots('north'), 6)
})

test('a function that writes rows: filtered, selected, ordered and counted, and still called once', async () => {
  const { status, data, count } = await rpc('fill', { slots: 9 }, { count: 'exact' })
    .select('name,slots')
    .order('name')
    .gt('id', 0)
  assert.deepEqual(
    [status, data, count],
    [
      200,
      [
        { name: 'north', slots: 9 },
        { name: 'south', slots: 9 },
      ],
      2,
    ],
  )
  assert.deepEqual((await rpc('rename_depot', { id: 1, name: 'top' }).select('name').single()).data, { name: 'top' })
  await rpc('rename_depot', { id: 1, name: 'north' })
})

test('a function that writes cannot be called by GET: 405 25006, and nothing is written', async () => {
  const before = await slots('north')
  assert.deepEqual(codeOf(await rpc('next_slot', { name: 'north' }, { get: true })), [405, '25006'])
  assert.equal(await slots('north'), before)
})

test('other methods: 405 PGRST101', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    const res = await world.send(method, '/api/rpc/next_slot', 'editor', '{"name":"north"}')
    const { code, message } = (await res.json()) as { code: string; message: string }
    assert.deepEqual([res.status, code, message], [405, 'PGRST101', `Cannot use the ${method} method on RPC`])
  }
})

test('a function that returns void: 204', async () => {
  await world.as('editor').from('bare').insert({ a: '1' })
  const { status, data, error } = await rpc('empty_bare')
  assert.deepEqual([status, data, error], [204, null, null])
  assert.equal(await world.one('select count(*)::int from app.bare'), 0)
})

test('one argument of JSON without a name is the body as it comes', async () => {
  const res = await world.send('POST', '/api/rpc/take', 'editor', '[{"a":"1"},{"a":"2","b":"x"}]')
  assert.deepEqual([res.status, await res.json()], [200, 2])
  assert.equal(await world.one('select count(*)::int from app.bare'), 2)
  assert.equal((await world.send('POST', '/api/rpc/take', 'editor', '{"a":')).status, 400)
})

test('arguments by a form', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const res = await world.send('POST', '/api/rpc/add_them', 'editor', 'a=4&b=5', form)
  assert.deepEqual([res.status, await res.json()], [200, 9])
})

test('Prefer: tx=rollback tries a function', async () => {
  const before = (await slots('north')) as number
  const res = await world.send('POST', '/api/rpc/next_slot', 'editor', '{"name":"north"}', { prefer: 'tx=rollback' })
  assert.deepEqual([await res.json(), res.headers.get('preference-applied')], [before + 1, 'tx=rollback'])
  assert.equal(await slots('north'), before)
})

test('max-affected: the rows that a function gives, 400 PGRST124; PGRST128 where it gives no set', async () => {
  const before = await slots('north')
  assert.deepEqual(codeOf(await rpc('fill', { slots: 44 }).maxAffected(1)), [400, 'PGRST124'])
  assert.equal(await slots('north'), before)
  assert.deepEqual(codeOf(await rpc('next_slot', { name: 'north' }).maxAffected(1)), [400, 'PGRST128'])
  assert.equal((await rpc('fill', { slots: 44 }).maxAffected(2)).status, 200)
})

test('single of several rows: 406 PGRST116, and nothing is written', async () => {
  const before = await slots('north')
  assert.deepEqual(codeOf(await rpc('fill', { slots: 55 }).single()), [406, 'PGRST116'])
  assert.equal(await slots('north'), before)
})

test('raise with a PT code is that status; raise alone is 400 P0001', async () => {
  const paid = await rpc('must_pay')
  assert.deepEqual(
    [paid.status, paid.error?.code, paid.error?.message, paid.error?.details, paid.error?.hint],
    [402, 'PT402', 'Payment Required', 'Quota exceeded', 'Upgrade'],
  )
  const refused = await rpc('refuse')
  assert.deepEqual([refused.status, refused.error?.code, refused.error?.message], [400, 'P0001', 'I refuse!'])
})

test('raise with PGRST is the whole answer; one that cannot be read is 500 PGRST121', async () => {
  const answers = (detail: object) =>
    world.send('POST', '/api/rpc/answers', 'editor', JSON.stringify({ detail: JSON.stringify(detail) }))
  const said = await answers({ status: 402, headers: { 'X-Powered-By': 'Nerd Rage' } })
  assert.deepEqual([said.status, said.headers.get('x-powered-by')], [402, 'Nerd Rage'])
  assert.deepEqual(await said.json(), { code: '123', message: 'Payment Required', details: 'Quota exceeded', hint: 'Upgrade' })
  for (const detail of [
    { headers: {} },
    { status: 402, headers: { 'a b': 'c' } },
    { status: 402, headers: { a: 'b\r\nc: d' } },
  ]) {
    const res = await answers(detail)
    assert.deepEqual([res.status, ((await res.json()) as { code: string }).code], [500, 'PGRST121'])
  }
})

test('a viewer may call it, but not write what it writes: 403 42501', async () => {
  assert.deepEqual(codeOf(await rpc('next_slot', { name: 'north' }, {}, 'viewer')), [403, '42501'])
  assert.deepEqual((await rpc('says_it_reads', {}, {}, 'viewer')).data, 1)
})

test('a function that is not there: 404 PGRST202', async () => {
  assert.deepEqual(codeOf(await rpc('nothing_such')), [404, 'PGRST202'])
})

test('a listener may not call a new function until it is granted: as if it were not there', async () => {
  assert.deepEqual(codeOf(await rpc('next_slot', { name: 'north' }, {}, 'all')), [404, 'PGRST202'])
  assert.equal((await rpc('next_slot', { name: 'north' })).status, 200)
  await world.rest.db.query('grant execute on function app.add_them to tmidb_listener')
  await world.rest.catalog.reload()
  assert.equal((await rpc('add_them', { a: 1, b: 1 }, {}, 'all')).data, 2)
})
