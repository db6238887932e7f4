// SPDX-License-Identifier: MIT
// Writes by plain HTTP: bodies, headers and methods that the client of postgrest-write.test.ts does not send, as PostgREST's
// documentation and its own specs have them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type WriteWorld, writeWorld } from './write-world.ts'

let world: WriteWorld
before(async () => {
  world = await writeWorld()
  await world.rest.db.query(`insert into app.depot (name, slots) values ('north', 5), ('south', 7)`)
})
after(async () => await world[Symbol.asyncDispose]())

type Headers = Record<string, string>
const send = (method: string, path: string, body?: string, headers?: Headers) =>
  world.send(method, `/api/${path}`, 'editor', body, headers)
const answer = async (res: Promise<Response>) => {
  const r = await res
  const text = await r.text()
  return { status: r.status, body: text === '' ? '' : JSON.parse(text), header: (name: string) => r.headers.get(name) }
}
const refused = async (res: Promise<Response>) => {
  const { status, body } = await answer(res)
  return [status, (body as { code: string }).code]
}
const full = { prefer: 'return=representation' }

test('POST: 201, an empty body without a type, Content-Range */*', async () => {
  const { status, body, header } = await answer(send('POST', 'bare', '{"a": "1"}'))
  assert.deepEqual(
    [status, body, header('content-type'), header('content-length'), header('content-range')],
    [201, '', null, '0', '*/*'],
  )
})

test('return=headers-only: Location leads to the row', async () => {
  const one = await answer(send('POST', 'visit', '{"depot_id": 1, "day": "2026-02-01"}', { prefer: 'return=headers-only' }))
  assert.deepEqual([one.status, one.body, one.header('preference-applied')], [201, '', 'return=headers-only'])
  assert.equal(one.header('location'), '/api/visit?depot_id=eq.1&day=eq.2026-02-01')
  const found = await world.send('GET', one.header('location') as string, 'editor')
  assert.equal(((await found.json()) as unknown[]).length, 1)
  const two = await answer(send('POST', 'bare', '[{"a":"x"},{"a":"y"}]', { prefer: 'return=headers-only' }))
  assert.deepEqual([two.status, two.header('location')], [201, null])
})

test('Location escapes what an address cannot hold', async () => {
  await world.rest.db.query('create table app.odd ("k 1" text primary key); grant all on app.odd to tmidb_editor')
  await world.rest.catalog.reload()
  const { header } = await answer(send('POST', 'odd', '{"k 1": "Rock & R+ll/ä"}', { prefer: 'return=headers-only' }))
  assert.equal(header('location'), '/api/odd?k%201=eq.Rock%20%26%20R%2Bll%2F%C3%A4')
  const found = await world.send('GET', header('location') as string, 'editor')
  assert.deepEqual(await found.json(), [{ 'k 1': 'Rock & R+ll/ä' }])
})

test("Preference-Applied names what was followed, in PostgREST's order", async () => {
  const { header } = await answer(
    send('POST', 'depot?on_conflict=name&columns=name', '[{"name": "north"}]', {
      prefer: 'tx=rollback, count=exact, return=representation, missing=default, resolution=merge-duplicates, foo=bar',
    }),
  )
  assert.equal(
    header('preference-applied'),
    'resolution=merge-duplicates, missing=default, return=representation, count=exact, tx=rollback',
  )
})

test('handling=strict refuses what is not known: 400 PGRST122', async () => {
  const { status, body } = await answer(send('POST', 'bare', '{}', { prefer: 'handling=strict, return=nothing, foo' }))
  assert.deepEqual([status, body.code, body.details], [400, 'PGRST122', 'Invalid preferences: return=nothing, foo'])
})

test('resolution is not applied where there is no key to conflict with', async () => {
  const { status, header } = await answer(
    send('POST', 'bare', '{"a": "1"}', { prefer: 'resolution=merge-duplicates, return=representation' }),
  )
  assert.deepEqual([status, header('preference-applied')], [201, 'return=representation'])
})

test('upsert of nothing: 200', async () => {
  const { status, body } = await answer(
    send('POST', 'depot', '[]', { prefer: 'resolution=merge-duplicates, return=representation' }),
  )
  assert.deepEqual([status, body], [200, []])
})

test('tx=rollback tries a write: its answer, and nothing stays', async () => {
  const { status, body } = await answer(
    send('PATCH', 'depot?name=eq.north&select=slots', '{"slots": 66}', { prefer: 'tx=rollback, return=representation' }),
  )
  assert.deepEqual([status, body], [200, [{ slots: 66 }]])
  assert.equal(await world.one(`select slots from app.depot where name = 'north'`), 5)
  assert.deepEqual(await refused(send('POST', 'late', '{"id": 1, "depot_id": 999}', { prefer: 'tx=rollback' })), [409, '23503'])
})

test('csv: a header line, NULL is null, nothing is an empty text', async () => {
  const { status, body } = await answer(
    send('POST', 'bare', 'a,b\r\nJ Doe,NULL\n"x, ""y""\nz",\n', { ...full, 'content-type': 'text/csv' }),
  )
  assert.deepEqual(
    [status, body],
    [
      201,
      [
        { a: 'J Doe', b: null },
        { a: 'x, "y"\nz', b: '' },
      ],
    ],
  )
})

test('csv with lines of different length: 400 PGRST102', async () => {
  const { status, body } = await answer(send('POST', 'bare', 'a,b\n1,2\n3', { 'content-type': 'text/csv' }))
  assert.deepEqual([status, body.code, body.message], [400, 'PGRST102', 'All lines must have same number of fields'])
  assert.deepEqual(await refused(send('POST', 'bare', 'a,b\n1,"2', { 'content-type': 'text/csv' })), [400, 'PGRST102'])
  assert.deepEqual(await refused(send('POST', 'bare', '', { 'content-type': 'text/csv' })), [400, 'PGRST102'])
})

test("a form: one row of texts that become the columns' types", async () => {
  const { status, body } = await answer(
    send('POST', 'depot?select=name,slots', 'name=John+Doe&slots=80', {
      ...full,
      'content-type': 'application/x-www-form-urlencoded',
    }),
  )
  assert.deepEqual([status, body], [201, [{ name: 'John Doe', slots: 80 }]])
})

test('columns= takes some of the keys and ignores the rest', async () => {
  const { body } = await answer(
    send('POST', 'depot?columns=name,slots&select=name,slots,city', '{"name":"c1","slots":1,"city":"X","else":1}', full),
  )
  assert.deepEqual(body, [{ name: 'c1', slots: 1, city: 'Seoul' }])
  assert.deepEqual(await refused(send('POST', 'depot?columns=name,else', '{"name":"c2"}')), [400, 'PGRST204'])
})

test('missing=default in PATCH: a column that the body lacks gets its default, else null', async () => {
  const patch = async (prefer: string) =>
    (await answer(send('PATCH', 'depot?name=eq.north&columns=city,tags&select=city', '{"tags": ["a"]}', { prefer }))).body
  assert.deepEqual(await patch('return=representation'), [{ city: null }])
  assert.deepEqual(await patch('return=representation, missing=default'), [{ city: 'Seoul' }])
})

test('bodies that are no rows: 400 PGRST102', async () => {
  for (const body of ['', '}{ x = 2', '1', 'null', '"x"', '[1]', '[[]]', '[{"a":"1"}, 2]', '{"a": 1'])
    assert.deepEqual(await refused(send('POST', 'bare', body)), [400, 'PGRST102'], body)
  const { body } = await answer(send('POST', 'bare', '[{"a":"1"},{"b":"2"}]'))
  assert.deepEqual([body.code, body.message], ['PGRST102', 'All object keys must match'])
  assert.deepEqual(await refused(send('PATCH', 'bare?a=eq.1', '[{"a":"1"},{"a":"2"}]')), [400, 'PGRST102'])
})

test('a body of another type: 415; one of more than a megabyte: 413', async () => {
  assert.deepEqual(await refused(send('POST', 'bare', '<a/>', { 'content-type': 'text/xml' })), [415, 'PGRST102'])
  const large = await send('POST', 'bare', JSON.stringify({ a: 'x'.repeat(1_000_001) }))
  assert.equal(large.status, 413)
  assert.equal((await send('POST', 'bare', JSON.stringify({ a: 'x'.repeat(900_000) }))).status, 201)
})

test('text that PostgreSQL cannot hold: 400', async () => {
  assert.equal((await send('POST', 'bare', '{"a": "\\u0000"}')).status, 400)
  const latin = await fetch(`${world.rest.base}/api/bare`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('editor:secret')}`, 'content-type': 'application/json' },
    body: Buffer.from('{"a": "\xff"}', 'latin1'),
  })
  assert.equal(latin.status, 400)
})

test('an empty PATCH changes nothing, and needs no filter', async () => {
  for (const body of ['{}', '[]', '[{}]']) {
    const { status, header } = await answer(send('PATCH', 'depot', body))
    assert.deepEqual([status, header('content-range')], [204, '*/*'], body)
    assert.deepEqual((await answer(send('PATCH', 'depot?select=id', body, full))).body, [])
  }
})

test('Content-Range of a PATCH tells the rows, with count=exact their number', async () => {
  const { header } = await answer(send('PATCH', 'depot?name=in.(north,south)', '{"meta": null}'))
  assert.equal(header('content-range'), '0-1/*')
  const counted = await answer(send('DELETE', 'depot?name=eq.nobody', undefined, { prefer: 'count=exact' }))
  assert.deepEqual([counted.status, counted.header('content-range')], [204, '*/0'])
})

test('limit is for the rows of an answer that reads: PATCH and DELETE take all that the filter names, as PostgREST since 13', async () => {
  const { body } = await answer(send('PATCH', 'depot?name=in.(north,south)&limit=1&select=name&order=name', '{"meta": 1}', full))
  assert.deepEqual(body, [{ name: 'north' }, { name: 'south' }])
})

test('PUT: 201 when it was new, 200 when it was there, 204 without a representation', async () => {
  const put = (slots: number, headers?: Headers) =>
    answer(send('PUT', 'depot?id=eq.700&select=id,slots', JSON.stringify({ id: 700, name: 'put', slots }), headers))
  const made = await put(1, full)
  assert.deepEqual([made.status, made.body], [201, [{ id: '700', slots: 1 }]])
  const changed = await put(2, full)
  assert.deepEqual([changed.status, changed.body], [200, [{ id: '700', slots: 2 }]])
  assert.equal((await put(3)).status, 204)
  assert.equal(await world.one('select slots from app.depot where id = 700'), 3)
})

test('PUT refuses other filters than its key (405 PGRST105), limit (PGRST114), another key in the body (PGRST115)', async () => {
  const row = '{"id": 701, "name": "put701"}'
  for (const query of ['', '?name=eq.x', '?id=gt.1', '?id=not.eq.701', '?id=in.(701)', '?or=(id.eq.701)', '?id=eq.701&name=eq.x'])
    assert.deepEqual(await refused(send('PUT', `depot${query}`, row)), [405, 'PGRST105'], query)
  assert.deepEqual(await refused(send('PUT', 'visit?depot_id=eq.1', '{"depot_id": 1, "day": "2026-01-01"}')), [405, 'PGRST105'])
  assert.deepEqual(await refused(send('PUT', 'bare?a=eq.1', '{"a": "1"}')), [405, 'PGRST105'])
  assert.deepEqual(await refused(send('PUT', 'depot?id=eq.701&limit=1', row)), [400, 'PGRST114'])
  assert.deepEqual(await refused(send('PUT', 'depot?id=eq.702', row)), [400, 'PGRST115'])
  assert.deepEqual(await refused(send('PUT', 'depot?id=eq.701', `[${row},${row}]`)), [400, 'PGRST115'])
  assert.equal(await world.one('select count(*)::int from app.depot where id in (701, 702)'), 0)
  assert.equal((await send('PUT', 'depot?id=eq.701', row)).status, 204)
})

test('a view that joins takes no writes: 405 with what it takes', async () => {
  for (const [method, body] of [
    ['POST', '{"name":"x"}'],
    ['PATCH', '{"name":"x"}'],
    ['DELETE', undefined],
  ] as const) {
    const { status, body: said, header } = await answer(send(method, 'visits?n=eq.1', body))
    assert.deepEqual([status, said.code, header('allow')], [405, 'PGRST117', 'GET, HEAD, OPTIONS'], method)
  }
})

test('an answer of more than 10,000 rows is refused before anything stays; their number is not', async () => {
  await world.rest.db.query('create table app.many (n int); insert into app.many select generate_series(1, 10001)')
  await world.rest.db.query('grant all on app.many to tmidb_editor')
  await world.rest.catalog.reload()
  assert.deepEqual(await refused(send('PATCH', 'many?n=gt.0', '{"n": 0}', full)), [400, 'TM308'])
  assert.equal(await world.one('select min(n) from app.many'), 1)
  const { status, header } = await answer(send('PATCH', 'many?n=gt.0', '{"n": 0}', { prefer: 'count=exact' }))
  assert.deepEqual([status, header('content-range')], [204, '0-10000/10001'])
})

test('a write is in the audit with the address, the program and the id of its request; a request without one gets one', async () => {
  const headers = { 'x-request-id': 'order-17', 'user-agent': 'crane/2.0' }
  const named = await world.send('POST', '/api/target', 'admin', '{"key": "crane-1"}', headers)
  assert.deepEqual([named.status, named.headers.get('x-request-id')], [201, 'order-17'])
  const called = await world.send('POST', '/api/rpc/create_speaker', 'admin', '{"name": "crane-2"}', headers)
  assert.equal(called.status, 200)
  const without = await world.send('PATCH', '/api/target?key=eq.crane-1', 'admin', '{"name": "Crane"}')
  const made = without.headers.get('x-request-id')
  assert.match(made ?? '', /^[0-9a-f-]{36}$/)
  const rows = await world.rest.db.query(`select kind, actor, role, host(address) as address, agent, request_id from tmidb.audit
    where resource in ('target:crane-1', 'speaker:crane-2') order by seq`)
  const who = { actor: 'root', role: 'tmidb_admin', address: '127.0.0.1' }
  assert.deepEqual(rows, [
    ...['target.created', 'speaker.created', 'token.created'].map((kind) => ({
      kind,
      ...who,
      agent: 'crane/2.0',
      request_id: 'order-17',
    })),
    { kind: 'target.changed', ...who, agent: 'node', request_id: made },
  ])
  const read = '/api/rpc/audit_events?of_resource=target:crane-1&select=kind,was:before->name,is:after->name'
  assert.deepEqual(await (await world.send('GET', read, 'admin')).json(), [
    { kind: 'target.changed', was: null, is: 'Crane' },
    { kind: 'target.created', was: null, is: null },
  ])
  assert.equal((await world.send('GET', read, 'editor')).status, 403)
})
