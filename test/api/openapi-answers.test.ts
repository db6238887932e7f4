// SPDX-License-Identifier: MIT
// What the document says and what REST does are one: methods, bodies and refusals. scripts/fuzz.ts asks the same of every operation with
// thousands of inputs; these are the faults that it found.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { type Writer, type WriteWorld, writeWorld } from './write-world.ts'

let world: WriteWorld
before(async () => {
  world = await writeWorld()
  await world.rest.db.query(`
    insert into app.depot (name, city, meta, tags, serial) values ('north', null, '{"a": [1]}', '{x,y}', 12345678901234567890.5);
    insert into app.visit (depot_id, day) values (1, '2026-02-01');
    create function app.nothing(n numeric default null) returns numeric language sql stable as 'select n';
    grant execute on function app.nothing to tmidb_viewer, tmidb_editor, tmidb_admin`)
  await world.rest.catalog.reload()
})
after(async () => await world[Symbol.asyncDispose]())

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: object }> }>
  requestBody?: { content: Record<string, { schema: { properties: Record<string, { type: string[] }> } }> }
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}
const document = async (who: Writer): Promise<Document> =>
  (await (await world.send('GET', '/api/openapi.json', who)).json()) as Document
/** Those of REST; test/api/auth.test.ts asks the others. */
const isOurs = (path: string) => !path.includes('{') && !path.endsWith('/write') && !path.startsWith('/api/auth/')
const allow = async (method: string, path: string, who: Writer, body?: string): Promise<[number, string | null]> => {
  const res = await world.send(method, path, who, body)
  return [res.status, res.headers.get('allow')]
}

test("the rows of each relation fit the schema of its row, and a function's answer the schema of it", async () => {
  const { paths, components } = await document('admin')
  const ajv = formats.default(new Ajv2020({ strict: false }))
  for (const format of ['decimal', 'int64']) ajv.addFormat(format, true)
  let found = 0
  for (const path of [...Object.keys(paths).filter((p) => isOurs(p) && !p.startsWith('/api/rpc/')), '/api/rpc/nothing']) {
    const [name = '', major] = path.split('/').slice(2).reverse()
    const row = components.schemas[major?.startsWith('v') ? `${name}_${major}` : name]
    const schema = row
      ? { type: 'array', items: { ...row, additionalProperties: false } }
      : paths[path]?.get?.responses['200']?.content?.['application/json']?.schema
    const body: unknown = await (await world.send('GET', path, 'admin')).json()
    assert.ok(schema && ajv.validate(schema, body), `${path}: ${ajv.errorsText()}`)
    if (Array.isArray(body) && body.length > 0) found++
  }
  assert.ok(found >= 7, String(found))
})

test('OPTIONS names the methods that the document describes to the same caller', async () => {
  for (const who of ['admin', 'viewer', 'all', 'speaker'] as const) {
    const { paths } = await document(who)
    for (const [path, operations] of Object.entries(paths).filter(([p]) => isOurs(p))) {
      const described = Object.keys(operations).map((m) => m.toUpperCase())
      const [status, allowed] = await allow('OPTIONS', path, who)
      const said = allowed?.split(', ').filter((m) => m !== 'HEAD' && m !== 'OPTIONS')
      assert.deepEqual([status, said?.sort()], [200, described.sort()], `${who} ${path}`)
    }
  }
})

test('OPTIONS tells a listener nothing of what it may not see, and a wrong token nothing', async () => {
  assert.deepEqual(await allow('OPTIONS', '/api/v1/secret', 'few'), await allow('OPTIONS', '/api/v1/nowhere', 'few'))
  const res = await world.send('OPTIONS', '/api/v1/secret', 'few', undefined, { authorization: 'Bearer wrong' })
  assert.equal(res.status, 401)
})

test('a refused method always comes with the ones that are taken', async () => {
  const all = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
  assert.deepEqual(await allow('PUT', '/api/depot?city=eq.x', 'editor', '{"id": 1}'), [405, all])
  assert.deepEqual(await allow('GET', '/api/rpc/next_slot?name=north', 'editor'), [405, 'POST, OPTIONS'])
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const body = method === 'DELETE' ? undefined : '{}'
    assert.deepEqual(await allow(method, '/api/few', 'few', body), [405, 'GET, HEAD, OPTIONS'], method)
    assert.deepEqual(await allow(method, '/api/nobody', 'few', body), [404, null], method)
  }
})

test('who may not write is told so before its words are read: 403 42501', async () => {
  for (const [method, body] of [
    ['POST', '{'],
    ['PATCH', '{}'],
    ['DELETE', undefined],
  ] as const) {
    const res = await world.send(method, '/api/depot?and=()', 'viewer', body)
    assert.deepEqual([res.status, ((await res.json()) as { code: string }).code], [403, '42501'], method)
  }
})

test('what is text so that nobody rounds it may be sent as a number', async () => {
  const { paths } = await document('admin')
  const body = paths['/api/rpc/nothing']?.post?.requestBody?.content['application/json']
  assert.deepEqual(body?.schema.properties.n?.type, ['string', 'null', 'number'])
  assert.equal(await (await world.send('POST', '/api/rpc/nothing', 'viewer', '{"n": 1.5}')).text(), '"1.5"')
})
