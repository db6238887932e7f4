// SPDX-License-Identifier: MIT
// The documents of the API: what each caller is told, and that they are what they say they are.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv } from 'ajv'
import { buildSchema } from 'postgraphile/graphql'
import { type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
  await world.db.query(
    `create table app.site (name text primary key, since date not null default '2026-01-01', kind text not null)`,
  )
  await world.db.query(`comment on table app.site is 'Where machines stand.'; grant select on app.site to tmidb_viewer;
    grant select, insert, update, delete on app.site to tmidb_editor, tmidb_admin; insert into app.site values ('north', default, 'yard')`)
  await world.db.query(`create table app.depot (name text primary key); grant select on app.depot to tmidb_admin`)
  await world.db.query(`create table app.plot (plot_id int primary key, label text, dark_note text unique);
    grant select (plot_id, label) on app.plot to tmidb_listener; insert into app.plot values (1, 'green', 'x');
    create table app.mark (mark_id int primary key, label text); grant select on app.mark to tmidb_listener;
    create table app.dim_pair (plot_id int references app.plot, mark_id int references app.mark, primary key (plot_id, mark_id));
    create function app.dim_work() returns int language sql stable as 'select 1';
    comment on function app.dim_work() is '@name fancyThing'; revoke all on function app.dim_work() from public;
    create view app.broken as select 1 / (select count(*) from app.plot where plot_id = 7) as dimless;
    grant select on app.broken to tmidb_listener; grant execute on function app.dim_work() to tmidb_admin;
    grant select on app.plot, app.mark, app.dim_pair to tmidb_admin`)
  await world.reload()
})
after(async () => await world[Symbol.asyncDispose]())

type Who = keyof RestWorld['tokens']
// biome-ignore lint/suspicious/noExplicitAny: documents are looked into
type Json = any
const text = async (path: string, who?: Who): Promise<string> => {
  const res = await world.get(path, who)
  assert.equal(res.status, 200, `${path}: ${res.status}`)
  return await res.text()
}
const json = async (path: string, who?: Who): Promise<Json> => JSON.parse(await text(path, who))
const hidden = ['humidity', 'serial', 'secret', 'vault', 'depot']

test('every OpenAPI document is valid OpenAPI 3.1: whole, per listener, per version, for nobody', async () => {
  for (const [path, who] of [
    ['/api/openapi.json', undefined],
    ['/api/openapi.json', 'admin'],
    ['/api/openapi.json', 'few'],
    ['/api/openapi.json', 'speaker'],
    ['/api/few/openapi.json', 'admin'],
    ['/api/v1/openapi.json', 'admin'],
    ['/api/v2/openapi.json', 'few'],
  ] as const) {
    const { valid, errors } = await new Validator().validate(await json(path, who))
    assert.ok(valid, `${path}: ${JSON.stringify(errors)?.slice(0, 500)}`)
  }
})

test('the document of a version speaks of that version alone; of one that nobody has there is none: 404', async () => {
  const { info, paths } = await json('/api/v2/openapi.json', 'admin')
  assert.deepEqual([info.title, info.version, Object.keys(paths)], ['tmiDB API', '2', ['/api/v2/sensor']])
  assert.equal((await world.get('/api/v7/openapi.json', 'admin')).status, 404)
})

test("examples are the caller's own newest data, and hold nothing that it may not see", async () => {
  const few = await json('/api/openapi.json', 'few')
  assert.equal(few.components.schemas.sensor_v1.examples[0].target, 'truck-1')
  assert.deepEqual(Object.keys(few.components.schemas.sensor_v1.examples[0]), [
    'target',
    'target_id',
    'ts',
    'status',
    'temperature',
  ])
  const { schemas } = (await json('/api/openapi.json', 'admin')).components
  assert.deepEqual(schemas.site.examples, [{ name: 'north', since: '2026-01-01', kind: 'yard' }])
})

test('a target that is taken from a listener is gone from the examples with the next document', async () => {
  const example = async () => (await json('/api/openapi.json', 'none')).components.schemas.sensor_v1?.examples?.[0].target
  await world.db.query(`select tmidb.subscribe('none', 'sensor', array['truck-1', 'truck-2'])`)
  assert.equal(await example(), 'truck-1')
  await world.db.query(`select tmidb.unsubscribe('none', 'sensor', array['truck-1'])`)
  assert.equal(await example(), 'truck-2')
  await world.db.query(`select tmidb.unsubscribe('none')`)
})

test("users' tables are described with what the role may do to them", async () => {
  const doc = await json('/api/openapi.json', 'admin')
  assert.deepEqual(Object.keys(doc.paths['/api/site']), ['get', 'post', 'put', 'patch', 'delete'])
  assert.deepEqual(doc.components.schemas.site_insert.required, ['name', 'kind'])
  assert.equal(doc.components.schemas.site.description, 'Where machines stand.')
  assert.deepEqual(Object.keys(doc.paths['/api/depot']), ['get'])
  assert.equal((await json('/api/openapi.json', 'few')).paths['/api/site'], undefined)
})

test('of a table whose columns are granted one by one, the others are named nowhere; what fails costs its own example alone', async () => {
  const doc = await json('/api/openapi.json', 'few')
  assert.deepEqual(doc.components.schemas.plot.examples, [{ plot_id: 1, label: 'green' }])
  assert.equal(doc.components.schemas.broken.examples, undefined)
  const sdl = await text('/api/schema.graphql', 'few')
  assert.match(sdl, /type Plot /)
  const whole = await text('/api/schema.graphql', 'admin')
  for (const name of ['plotByDarkNote', 'DARK_NOTE_ASC']) assert.ok(whole.includes(name), name)
  for (const name of ['dark_note', 'darkNote', 'DARK_NOTE', 'DarkNote'])
    assert.ok(!(JSON.stringify(doc) + sdl).includes(name), name)
})

test('nor a hidden table of pairs by the ways through it, nor a hidden function by another name', async () => {
  const [all, sdl] = [await text('/api/schema.graphql', 'admin'), await text('/api/schema.graphql', 'few')]
  for (const name of ['dimPairsExist', 'marks(', 'fancyThing']) assert.ok(all.includes(name), name)
  const plot = sdl.slice(sdl.indexOf('type Plot '), sdl.indexOf('}', sdl.indexOf('type Plot ')))
  assert.ok(!plot.includes('marks'))
  for (const name of ['dimPair', 'DimPair', 'fancyThing']) assert.ok(!sdl.includes(name), name)
})

test('a speaker is told categories only if it may make new ones, and their fields never', async () => {
  const doc = await json('/api/openapi.json', 'speaker')
  assert.ok(doc.paths['/api/v1/sensor'].post)
  for (const name of ['humidity', 'temperature']) assert.ok(!JSON.stringify(doc.components.schemas).includes(`"${name}"`), name)
  assert.ok(!(await text('/api/schema.graphql', 'speaker')).includes('SensorV1'))
  for (const sql of [`tmidb.create_speaker('bound', 'truck-1')`, `tmidb.create_speaker('tame', null, false)`]) {
    const [{ token } = { token: '' }] = await world.db.query<{ token: string }>(`select ${sql} as token`)
    const res = await fetch(`${world.base}/api/openapi.json`, { headers: { authorization: `Bearer ${token}` } })
    const { paths } = (await res.json()) as Json
    assert.deepEqual([res.status, paths['/api/v1/sensor'], typeof paths['/api/in/{category}']], [200, undefined, 'object'], sql)
  }
})

test('every address of a document is answered, also where a table has the name of a category', async () => {
  await world.db.query(
    `create table app.secret (id int primary key); grant select on app.secret to tmidb_admin; insert into app.secret values (7)`,
  )
  await world.reload()
  try {
    const { paths } = await json('/api/openapi.json', 'admin')
    assert.ok(paths['/api/secret'] && paths['/api/v1/secret_v1'] && !paths['/api/v1/secret'])
    assert.deepEqual(await json('/api/secret', 'admin'), [{ id: 7 }])
    assert.equal((await json('/api/v1/secret_v1', 'admin'))[0].code, 42)
  } finally {
    await world.db.query('drop table app.secret')
    await world.reload()
  }
})

test('AsyncAPI is valid by its own schema, and tells a listener its channels, a speaker the ways in', async () => {
  const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json') as object
  const validate = new Ajv({ strict: false, logger: false, validateFormats: false }).compile(schema)
  const of = async (who?: Who, path = '/api/asyncapi.json'): Promise<Json> => {
    const doc = await json(path, who)
    assert.ok(validate(doc), JSON.stringify(validate.errors)?.slice(0, 500))
    return doc
  }
  assert.deepEqual(Object.keys((await of('few')).channels), ['live', 'graphql', 'listener', 'mqtt_out'])
  assert.deepEqual(Object.keys((await of('speaker')).channels), ['readings', 'mqtt_in', 'mqtt_verdict'])
  assert.deepEqual(await of('few', '/api/few/asyncapi.json'), await of('admin', '/api/few/asyncapi.json'))
  const event = (await of('admin')).components.schemas
  assert.equal(event.sensor_data.properties.humidity.type[0], 'number')
  await of()
})

test('the GraphQL schema of a listener is a schema, without what is hidden from it; an administrator has it whole', async () => {
  const whole = await text('/api/schema.graphql', 'admin')
  for (const name of ['SecretV1', 'humidity', 'Site', 'createSite']) assert.ok(whole.includes(name), name)
  const few = await text('/api/schema.graphql', 'few')
  const schema = buildSchema(few)
  assert.ok(schema.getQueryType()?.getFields().sensorV1)
  assert.ok(schema.getSubscriptionType()?.getFields().sensorV1)
  for (const name of [...hidden, 'SecretV1', 'HUMIDITY_ASC', 'Site', 'createSite', 'Depot']) assert.ok(!few.includes(name), name)
  assert.equal((await world.get('/api/schema.graphql')).status, 401)
})

test('the changelog tells day by day what changed of what the caller may see, as JSON and as Markdown', async () => {
  const { days } = await json('/api/changelog.json', 'admin')
  assert.equal(days.length, 1)
  assert.deepEqual(
    days[0].changes.map((c: { category: string; version: string; compatibility: string }) => [
      c.category,
      c.version,
      c.compatibility,
    ]),
    [
      ['secret', '1.0', 'initial'],
      ['sensor', '2.0', 'breaking'],
      ['sensor', '1.1', 'additive'],
      ['sensor', '1.0', 'initial'],
    ].filter(([category, version]) => days[0].changes.some((c: Json) => c.category === category && c.version === version)),
  )
  assert.match(
    await text('/api/changelog.md', 'admin'),
    /## \d{4}-\d\d-\d\d\n\n[\s\S]*\*\*sensor 2\.0\*\* \(breaking\): .*temperature: number became text/,
  )
  const few = await text('/api/changelog.md', 'few')
  assert.match(few, /sensor 2\.0/)
  for (const name of hidden) assert.ok(!few.includes(name), name)
  assert.equal((await world.get('/api/changelog.json')).status, 401)
})

test('no document of a listener names what is hidden from it; nobody opens that of another', async () => {
  for (const name of ['openapi.json', 'asyncapi.json', 'schema.graphql', 'changelog.json']) {
    const own = await text(`/api/few/${name}`, 'few')
    for (const word of hidden) assert.ok(!own.includes(word), `${name}: ${word}`)
    assert.equal((await world.get(`/api/few/${name}`, 'all')).status, 403)
    assert.equal((await world.get(`/api/few/${name}`)).status, 401)
  }
})

test('a document that has not changed is not sent again', async () => {
  const first = await world.get('/api/openapi.json', 'few')
  const etag = first.headers.get('etag') ?? ''
  await first.text()
  const again = await world.get('/api/openapi.json', 'few', { 'if-none-match': etag })
  assert.deepEqual([again.status, await again.text()], [304, ''])
  assert.equal((await world.get('/api/openapi.json', 'few', {}, 'DELETE')).status, 405)
})

test('the pages are there without a network: Swagger UI, the changes, and the bar that signs in on both', async () => {
  for (const [path, type] of [
    ['/docs', 'text/html'],
    ['/docs/changes', 'text/html'],
    ['/docs/bar.js', 'text/javascript'],
    ['/docs/bar.css', 'text/css'],
    ['/docs/start.js', 'text/javascript'],
    ['/docs/changes.js', 'text/javascript'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript'],
  ] as const) {
    const res = await world.get(path)
    assert.equal(res.status, 200, path)
    assert.ok(res.headers.get('content-type')?.startsWith(type), path)
    const body = await res.text()
    if (!path.includes('swagger')) assert.ok(!/https?:\/\//.test(body), path)
  }
})
