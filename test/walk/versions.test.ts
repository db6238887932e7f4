// SPDX-License-Identifier: MIT
// Devices change what they send while everything runs: new types, new fields, odd names, too many fields.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'
import { type Doors, type Json, openDoors, type Socket, type Subscription, until } from './doors.ts'

interface OpenApi {
  paths: Record<string, { get: { deprecated?: boolean } }>
  components: { schemas: Record<string, { properties: Record<string, { type?: string | string[] }> }> }
}

let instance: Instance
let doors: Doors
let admin: <T = Json>(text: string, values?: unknown[]) => Promise<T[]>
let token = ''
let all: Socket
let restarts: number[]

const base = Date.now() - 600_000
const at = (n: number) => new Date(base + n * 1000).toISOString().replace('Z', '000Z')

before(async () => {
  instance = await startInstance()
  doors = openDoors(instance.connection)
  admin = adminQuery(instance.connection.postgres) as typeof admin
  token = instance.connection.listener.token
  all = doors.socket(`/ws/${instance.connection.listener.name}`, token)
  await all.first('ready')
  restarts = (await instance.units()).map((u) => u.pid ?? 0)
})
after(async () => {
  await doors?.close()
  await instance?.[Symbol.asyncDispose]()
})

const send = async (category: string, n: number, data: Json | string) => {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  const { status, body } = await doors.send(`${category}/t`, `{"ts":"${at(n)}","data":${text}}`)
  assert.deepEqual([status, body], [202, { accepted: 1, rejected: [] }])
}
const rest = async (category: string, major = 1, more = 'order=ts') =>
  (await doors.get<Json[]>(`/api/v${major}/${category}?${more}`, token)).body
const graphql = async (field: string, fields: string) =>
  (await doors.graphql<Record<string, { nodes: Json[] }>>(token, `{ ${field}(orderBy: TS_ASC) { nodes { ${fields} } } }`)).data?.[
    field
  ]?.nodes
const openapi = async () => (await doors.get<OpenApi>('/api/openapi.json', token)).body
const events = (category: string) => all.events().filter((e) => e.category === category)
const values = (rows: Json[], ...names: string[]) => rows.map((r) => names.map((name) => r[name]))

/** Resolves when REST, GraphQL and OpenAPI all know the view, and says after how long. */
async function appears(category: string, major: number, field: string, graphqlName = field): Promise<number> {
  const started = Date.now()
  await Promise.all([
    until(
      `REST v${major}`,
      async () =>
        (await doors.get(`/api/v${major}/${category}?select="${encodeURIComponent(field)}"&limit=1`, token)).status === 200,
    ),
    until(`GraphQL v${major}`, async () => graphql(`${category}V${major}`, graphqlName)),
    until(`OpenAPI v${major}`, async () => {
      const { paths, components } = await openapi()
      return paths[`/api/v${major}/${category}`] && components.schemas[`${category}_v${major}`]?.properties[field]
    }),
  ])
  return Date.now() - started
}

test('a field that changes its type makes v2 within 2 s; v1 answers as before, and what was open goes on', async (t) => {
  await send('sensor', 1, { temperature: 20.5, status: 'ok' })
  await appears('sensor', 1, 'temperature')
  const open: Subscription = doors.subscribe(token, 'subscription { sensorV1 { version target ts temperature status } }')
  await sleep(300)
  await send('sensor', 2, { temperature: 21.5, status: 'ok' })
  await until('the first event', () => open.seen.length === 1)
  const before = await rest('sensor')
  const beforeGraphql = await graphql('sensorV1', 'target ts temperature status')

  await send('sensor', 3, { temperature: 'warm', status: 'odd' })
  const took = await appears('sensor', 2, 'temperature')
  t.diagnostic(`v2 was everywhere after ${took} ms`)
  assert.ok(took < 2000, `${took} ms`)
  await send('sensor', 4, { temperature: 22.5, status: 'ok' })
  await send('sensor', 5, { temperature: [{ deep: 1 }], status: 'ok' })
  await appears('sensor', 3, 'temperature')
  await until('five events', () => events('sensor').length === 5 && open.seen.length === 4)

  assert.deepEqual((await rest('sensor')).slice(0, 2), before)
  assert.deepEqual((await graphql('sensorV1', 'target ts temperature status'))?.slice(0, 2), beforeGraphql)
  assert.deepEqual(values(await rest('sensor', 1), 'temperature', 'status'), [
    [20.5, 'ok'],
    [21.5, 'ok'],
    [null, 'odd'],
    [22.5, 'ok'],
    [null, 'ok'],
  ])
  assert.deepEqual(values(await rest('sensor', 2), 'temperature', 'status'), [
    ['20.5', 'ok'],
    ['21.5', 'ok'],
    ['warm', 'odd'],
    ['22.5', 'ok'],
    [null, 'ok'],
  ])
  assert.deepEqual(values(await rest('sensor', 3), 'temperature'), [[20.5], [21.5], ['warm'], [22.5], [[{ deep: 1 }]]])
  assert.deepEqual(values((await graphql('sensorV1', 'temperature')) ?? [], 'temperature'), [
    [20.5],
    [21.5],
    [null],
    [22.5],
    [null],
  ])
  assert.deepEqual(values((await graphql('sensorV2', 'temperature')) ?? [], 'temperature'), [
    ['20.5'],
    ['21.5'],
    ['warm'],
    ['22.5'],
    [null],
  ])
  assert.deepEqual(values((await graphql('sensorV3', 'temperature')) ?? [], 'temperature'), [
    [20.5],
    [21.5],
    ['warm'],
    [22.5],
    [[{ deep: 1 }]],
  ])

  const event = (version: string, n: number, temperature: number | null, status = 'ok') => ({
    version,
    target: 't',
    ts: at(n),
    temperature,
    status,
  })
  assert.deepEqual(open.seen, [event('1.0', 2, 21.5), event('2.0', 3, null, 'odd'), event('1.0', 4, 22.5), event('3.0', 5, null)])
  assert.deepEqual(
    events('sensor').map((e) => [e.version, (e.data as Json).temperature]),
    [
      ['1.0', 20.5],
      ['1.0', 21.5],
      ['2.0', 'warm'],
      ['1.0', 22.5],
      ['3.0', [{ deep: 1 }]],
    ],
  )
  open.stop()
  assert.equal(await open.ended, 'complete')
})

test('old majors are deprecated, each door in its own words', async () => {
  const { paths, components } = await openapi()
  assert.deepEqual(
    [1, 2, 3].map((v) => paths[`/api/v${v}/sensor`]?.get.deprecated),
    [true, true, undefined],
  )
  const type = (v: number) => components.schemas[`sensor_v${v}`]?.properties.temperature?.type
  assert.deepEqual([type(1), type(2), type(3)], [['number', 'null'], ['string', 'null'], undefined])
  const { headers } = await doors.get('/api/v1/sensor', token)
  assert.deepEqual(
    [/^@\d{10}$/.test(headers.get('deprecation') ?? ''), headers.get('link')],
    [true, '</api/v3/sensor>; rel="successor-version"'],
  )
  const newest = await doors.get<Json[]>(`/api/${instance.connection.listener.name}/sensor?order=ts.desc&limit=1`, token)
  assert.deepEqual(newest.body[0]?.temperature, [{ deep: 1 }])
  const { data } = await doors.graphql<{ __type: { fields: { name: string; deprecationReason: string | null }[] } }>(
    token,
    '{ __type(name: "Query") { fields(includeDeprecated: true) { name deprecationReason } } }',
  )
  const reason = (name: string) => data.__type.fields.find((f) => f.name === name)?.deprecationReason
  assert.deepEqual(
    [/^Version 3 of sensor is newer since \d{4}-\d\d-\d\d\.$/.test(reason('sensorV1') ?? ''), reason('sensorV3')],
    [true, null],
  )
})

test('text that becomes a number is a new major; v1 shows the number as text', async () => {
  await send('level', 1, { state: 'low' })
  await appears('level', 1, 'state')
  await send('level', 2, { state: 5 })
  await appears('level', 2, 'state')
  assert.deepEqual(values(await rest('level', 1), 'state'), [['low'], ['5']])
  assert.deepEqual(values(await rest('level', 2), 'state'), [[null], [5]])
  assert.deepEqual(values(await rest('level', 2, 'state=gt.4'), 'state'), [[5]])
  assert.deepEqual(values((await graphql('levelV2', 'state')) ?? [], 'state'), [[null], [5]])
})

test('a new field and a wider number are the next minor of the same major, everywhere without a restart', async () => {
  await send('wind', 1, { speed: 3 })
  await appears('wind', 1, 'speed')
  const old = doors.subscribe(token, 'subscription { windV1 { version speed } }')
  await sleep(300)
  await send('wind', 2, { speed: 3.5 })
  await send('wind', 3, { speed: 4, gust: 7.25, on: true })
  await appears('wind', 1, 'gust')
  const fresh = doors.subscribe(token, 'subscription { windV1 { version speed gust on } }')
  await sleep(300)
  await send('wind', 4, { gust: 8 })
  await until('the events', () => old.seen.length === 3 && fresh.seen.length === 1 && events('wind').length === 4)
  assert.deepEqual(
    events('wind').map((e) => e.version),
    ['1.0', '1.1', '1.2', '1.2'],
  )
  assert.deepEqual(old.seen, [
    { version: '1.1', speed: 3.5 },
    { version: '1.2', speed: 4 },
    { version: '1.2', speed: null },
  ])
  assert.deepEqual(fresh.seen, [{ version: '1.2', speed: null, gust: 8, on: null }])
  assert.deepEqual(values(await rest('wind'), 'speed', 'gust', 'on'), [
    [3, null, null],
    [3.5, null, null],
    [4, 7.25, true],
    [null, 8, null],
  ])
  assert.equal((await doors.get('/api/v2/wind', token)).status, 404)
})

test('any field name is a column and a GraphQL field, and comes back as it was sent', async () => {
  const odd = `{"온도":1,"dash-ed":2,"1st":3,"__proto__":4,"target":"x","ts":"y","target_id":"z","reading_id":5,"constructor":6,"a.b":7,"":8,
    "with \\"quote\\"":9,"with space":10,"Temp":11,"temp":12,"dash_ed":13,"select":14,"order":15,"and":16,"xmin":17,"${'가'.repeat(60)}":18,
    "data_target":19,"nodeId":20,"cursor":21,"version":22,"back\\\\slash":23,"%I":24,"line\\nfeed":25,"😀":26,"limit":27,"category":28,"toString":29,"__typename":30}`
  await send('odd', 1, odd.replace(/\n\s*/g, ''))
  await appears('odd', 1, '온도', `f${(await admin<{ n: string }>(`select substr(md5('온도'), 1, 10) as n`))[0]?.n}`)
  const [row] = await rest('odd')
  const sent = JSON.parse(odd.replace(/\n\s*/g, '')) as Json
  await until('the event', () => events('odd').length === 1)
  assert.equal(JSON.stringify(Object.entries(events('odd')[0]?.data as Json).sort()), JSON.stringify(Object.entries(sent).sort()))
  const [version] = await admin<{ fields: { name: string; path?: string[]; column: string; graphql: string }[] }>(
    `select fields from tmidb.schema_version join tmidb.category using (category_id) where name = 'odd'`,
  )
  // "a.b" is named "a\\.b", so that it is not taken for a member of "a".
  assert.equal(version?.fields.find((f) => f.column === 'a.b')?.name, 'a\\.b')
  const fields = (version?.fields ?? []).map(({ path, ...f }) => ({ ...f, name: path?.[0] ?? f.name }))
  assert.equal(fields.length, Object.keys(sent).length)
  for (const { name, column } of fields) assert.deepEqual(row?.[column], sent[name], `column ${column} of ${name}`)
  const renamed = fields.filter((f) => f.name !== f.column).map((f) => f.name)
  assert.deepEqual(renamed.filter((n) => n !== '가'.repeat(60)).sort(), ['', 'reading_id', 'target', 'target_id', 'ts'])
  const [node] = (await graphql('oddV1', `target ${fields.map((f) => f.graphql).join(' ')}`)) ?? []
  assert.equal(node?.target, 't')
  for (const { name, graphql: field } of fields) assert.deepEqual(node?.[field], sent[name], `GraphQL field ${field} of ${name}`)
  for (const { column, name } of fields) {
    if (typeof sent[name] !== 'number') continue
    const filter = `and=("${column.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}".eq.${sent[name]})`
    const found = await doors.get<Json[]>(`/api/v1/odd?${encodeURIComponent(filter).replace('%3D', '=')}`, token)
    assert.equal(found.body.length, 1, `${filter}: ${JSON.stringify(found.body)}`)
  }
})

test('behind 256 fields the rest stays in the payload, whole, and the category is flagged', async () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${String(i).padStart(3, '0')}`, i]))
  await send('many', 1, many)
  await appears('many', 1, 'f255')
  const [row] = await rest('many')
  assert.deepEqual(Object.keys(row ?? {}).sort(), ['target', 'target_id', 'ts', ...Object.keys(many).slice(0, 256)].sort())
  await until('the event', () => events('many').length === 1)
  assert.deepEqual(events('many')[0]?.data, many)
  assert.deepEqual(await admin(`select is_overflowing from tmidb.category where name = 'many'`), [{ is_overflowing: true }])
  await send('many', 2, { f000: 7, extra: 'x' })
  await until('the next event', () => events('many').length === 2)
  assert.deepEqual(events('many')[1]?.data, { f000: 7, extra: 'x' })
  assert.equal((await rest('many', 1, 'f000=eq.7')).length, 1)
})

test('categories whose names are alike stay apart, and a new one never takes an older one away', async () => {
  for (const category of ['a_b', 'a__b', 'ab', 'sensor_', 'sensor_v1', 'target', 'select'])
    await send(category, 1, { mine: category })
  for (const category of ['a_b', 'a__b', 'ab', 'sensor_', 'sensor_v1', 'target', 'select']) {
    // Who targets are is asked at /api/v1/target; readings of a category of that name are at the name of their view.
    const address = category === 'target' ? 'target_v1' : category
    await until(category, async () => (await doors.get(`/api/v1/${address}`, token)).status === 200)
    assert.deepEqual(values(await rest(address), 'mine'), [[category]])
  }
  await until('GraphQL', async () => graphql('selectV1', 'mine'))
  assert.equal((await graphql('sensorV1', 'temperature'))?.length, 5)
  for (const field of ['aBV1', 'abV1', 'targetV1']) assert.equal((await graphql(field, 'mine'))?.length, 1, field)
})

test('what devices send makes at most nine majors', async () => {
  const kinds = [1, 'x', true, { a: 1 }]
  for (let n = 0; n < 24; n++)
    await send(
      'restless',
      n + 1,
      Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`p${i}`, kinds[(n >> (i % 3)) % 4] ?? 1])),
    )
  await until(
    'all are stored',
    async () =>
      (await admin(`select from tmidb.ts_obs join tmidb.category using (category_id) where name = 'restless'`)).length === 24,
  )
  const [found] = await admin<{ most: number }>(
    `select max(major)::int as most from tmidb.schema_version join tmidb.category using (category_id) where name = 'restless'`,
  )
  assert.ok((found?.most ?? 0) <= 9, `${found?.most} majors`)
  await until('the newest is served', async () => (await rest('restless', found?.most, 'limit=50')).length === 24)
})

test('nothing was restarted for all that', async () => {
  assert.deepEqual(
    (await instance.units()).map((u) => u.pid ?? 0),
    restarts,
  )
  assert.equal(all.seen[0]?.type, 'ready')
  assert.deepEqual(
    all.seen.slice(1).filter((m) => m.type !== 'event'),
    [],
  )
})
