// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { authPaths } from '../../src/api/docs/openapi-auth.ts'
import { type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
})
after(async () => await world[Symbol.asyncDispose]())

type Doc = {
  openapi: string
  info: { title: string }
  paths: Record<
    string,
    Record<
      string,
      { deprecated?: boolean; parameters: { name?: string; $ref?: string }[]; operationId: string; 'x-tmidb-version'?: number }
    >
  >
  components: {
    schemas: Record<string, { properties?: Record<string, { type?: unknown; format?: string; description?: string }> }>
  }
}
const doc = async (path = '/api/openapi.json', who?: keyof RestWorld['tokens']): Promise<Doc> => {
  const res = await world.get(path, who)
  assert.equal(res.status, 200)
  return (await res.json()) as Doc
}
const waysIn = [
  '/api/in/{category}',
  '/api/in/{category}/{target}',
  '/api/v2/write',
  '/write',
  '/api/v1/{token}/telemetry',
  '/api/v1/{token}/attributes',
  ...Object.keys(authPaths),
]
const readPaths = (d: Doc) =>
  Object.keys(d.paths)
    .filter((p) => !waysIn.includes(p) && !p.startsWith('/api/rpc/') && !p.startsWith('/api/auth/users'))
    .sort()

test('it is OpenAPI 3.1, titled "tmiDB API", also for nobody, who sees only the ways in', async () => {
  const d = await doc()
  assert.equal(d.openapi, '3.1.0')
  assert.equal(d.info.title, 'tmiDB API')
  assert.deepEqual(Object.keys(d.paths), waysIn)
})

test('an administrator sees every category and version', async () => {
  const d = await doc('/api/openapi.json', 'admin')
  assert.deepEqual(readPaths(d), [
    '/api/access_grant',
    '/api/target',
    '/api/target_group',
    '/api/token',
    '/api/v1/secret',
    '/api/v1/sensor',
    '/api/v2/sensor',
  ])
})

test('a listener sees the categories and fields that its rules name, and no way in', async () => {
  const d = await doc('/api/openapi.json', 'few')
  assert.deepEqual(readPaths(d), ['/api/few', '/api/few/sensor', '/api/target', '/api/token', '/api/v1/sensor', '/api/v2/sensor'])
  assert.deepEqual(Object.keys(d.components.schemas.sensor_v1?.properties ?? {}), [
    'target',
    'target_id',
    'ts',
    'status',
    'temperature',
  ])
  const text = JSON.stringify(d)
  for (const hidden of ['humidity', 'serial', 'secret']) assert.ok(!text.includes(hidden), hidden)
})

test("per listener it is the same for the listener and for an administrator, and nobody else's", async () => {
  assert.deepEqual(await doc('/api/few/openapi.json', 'few'), await doc('/api/few/openapi.json', 'admin'))
  assert.equal((await world.get('/api/few/openapi.json', 'all')).status, 403)
  assert.equal((await world.get('/api/few/openapi.json')).status, 401)
})

test('functions are described with their arguments and columns, to whoever may call them', async () => {
  const { paths } = await doc('/api/openapi.json', 'few')
  const { get, post } = paths['/api/rpc/geo_nearest'] as unknown as Record<
    'get' | 'post',
    { parameters: unknown; responses: unknown }
  >
  const parameters = get.parameters as { name?: string; required?: boolean; description?: string; schema?: object }[]
  const of = (name: string) => parameters.find((p) => p.name === name)
  assert.deepEqual(of('lat'), {
    name: 'lat',
    in: 'query',
    required: true,
    description: 'Latitude of the place, in degrees.',
    schema: { type: 'number', format: 'double' },
  })
  assert.deepEqual(of('max_age')?.schema, { type: 'string', example: 'PT1H' })
  assert.match(
    JSON.stringify(get.responses),
    /"distance_m":\{"type":\["number","null"\],"format":"double","description":"Distance in metres/,
  )
  assert.match(JSON.stringify(post), /"required":\["lat","lon"\]/)
  assert.ok(!('/api/rpc/geo_nearest' in (await doc()).paths))
  assert.ok(!('/api/rpc/geo_nearest' in (await doc('/api/openapi.json', 'speaker')).paths))
})

test('an old major is deprecated', async () => {
  const d = await doc('/api/openapi.json', 'all')
  assert.equal(d.paths['/api/v1/sensor']?.get?.deprecated, true)
  assert.equal(d.paths['/api/v2/sensor']?.get?.deprecated, undefined)
  assert.equal(d.paths['/api/v2/sensor']?.get?.['x-tmidb-version'], 2)
})

test("types, formats and descriptions are the columns' own", async () => {
  const p = (await doc('/api/openapi.json', 'all')).components.schemas.sensor_v1?.properties ?? {}
  assert.deepEqual(p.temperature, { type: ['number', 'null'], format: 'double', description: 'Field "temperature", number.' })
  assert.deepEqual([p.ts?.type, p.ts?.format], ['string', 'date-time'])
  assert.deepEqual([p.serial?.type, p.serial?.format], [['string', 'null'], 'decimal'])
  assert.equal(p.reading_id, undefined)
})

test('every reference leads somewhere and every operation has a name of its own', async () => {
  const d = await doc('/api/openapi.json', 'admin')
  for (const [, ref = ''] of JSON.stringify(d).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = ref.split('/').reduce<unknown>((o, k) => (o as Record<string, unknown> | undefined)?.[k], d)
    assert.ok(found !== undefined, ref)
  }
  const names = Object.values(d.paths).flatMap((p) => Object.values(p).map((o) => o.operationId))
  assert.equal(new Set(names).size, names.length)
})

test('a new field and a new category are described after a reload', async () => {
  await world.db.query(`select tmidb.ingest('fresh', 'f', '{"value": 1}')`)
  await world.db.query('select tmidb.publish_views()')
  await world.catalog.reload()
  assert.ok('/api/v1/fresh' in (await doc('/api/openapi.json', 'all')).paths)
})

test('a catalog that cannot be read keeps the last good one', async () => {
  await world.db.query('alter function tmidb.exposed_schemas() rename to exposed_away')
  await assert.rejects(world.catalog.reload())
  assert.ok(world.catalog.current.relations.has('sensor_v1'))
  await world.db.query('alter function tmidb.exposed_away() rename to exposed_schemas')
  assert.ok((await world.catalog.reload()).relations.has('sensor_v1'))
})

test('/docs is Swagger UI, titled "tmiDB API", and everything it loads is ours', async () => {
  const page = await (await world.get('/docs')).text()
  assert.match(page, /<title>tmiDB API<\/title>/)
  const urls = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((m) => m[1] ?? '')
  assert.ok(urls.length >= 3)
  for (const url of urls) {
    assert.match(url, /^\/docs\//)
    assert.equal((await world.get(url)).status, 200, url)
  }
  assert.equal((await world.get('/docs/../package.json')).status, 404)
})
