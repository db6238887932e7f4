// SPDX-License-Identifier: MIT
// One API, changed again and again while it is used.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildSchema, isObjectType } from 'graphql'
import { type FollowOptions, follow, graphqlPart, restPart } from '../../src/api/follow.ts'
import type { LiveRow } from '../../src/api/graphql/subscriptions.ts'
import { type LiveCatalog, openCatalog } from '../../src/api/rest/catalog.ts'
import { admin, type Served, serve } from './graphql-served.ts'

let api: Served
let catalog: LiveCatalog
let token: string

before(async () => {
  api = await serve(async (db) => {
    await admin(db, `select tmidb.ingest('sensor', 't1', '{"a": 1}')`, 'select tmidb.publish_views()')
    token = await admin(db, `select tmidb.create_listener('reader')`)
    await admin(db, `select tmidb.subscribe('reader', null)`)
    return token
  })
  catalog = await openCatalog(api.pool)
})
after(() => api[Symbol.asyncDispose]())

const following = (options: Partial<FollowOptions> = {}) =>
  follow({
    url: api.db.url('tmidb_api'),
    pool: api.pool,
    process: 'api',
    parts: [graphqlPart(api.graphql), restPart(catalog)],
    ...options,
  })

const standing = () => ({ builtAt: '2026-01-01T00:00:00Z', builds: 1, buildMs: 0 })

async function until(test: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; !(await test()); n++) {
    if (n > 500) throw new Error('It did not happen within 5 s.')
    await sleep(10)
  }
}

const event = (n: number): LiveRow => ({
  cursor: `c${n}`,
  category: 'sensor',
  version: '1.0',
  target: 't1',
  ts: '2026-01-01T00:00:00.000000Z',
  row: { a: n },
})

/** Of a type of the schema that is served; empty if there is none. */
function fieldsOf(name: string): Record<string, string | undefined> {
  const type = buildSchema(api.sdl()).getType(name)
  const fields = isObjectType(type) ? Object.values(type.getFields()) : []
  return Object.fromEntries(fields.map((f) => [f.name, f.description ?? undefined]))
}

test('over a rebuild no request fails, no socket drops, and a subscription goes on with every event once', async () => {
  const closed: unknown[] = []
  const client = api.socket(token, (...why) => closed.push(why))
  const seen: unknown[] = []
  let ended: unknown = null
  client.subscribe(
    { query: 'subscription { sensorV1 { a } }' },
    {
      next: (m) => seen.push(m.errors ?? (m.data as { sensorV1: { a: number } }).sensorV1.a),
      error: (e) => (ended = e),
      complete: () => (ended = 'complete'),
    },
  )
  await api.hub.opened(1)
  const failed: unknown[] = []
  let asked = 0
  let isAsking = true
  const asking = Array.from({ length: 4 }, async () => {
    while (isAsking) {
      const answer = await api.ask('{ sensorV1(first: 1) { nodes { a } } }')
      if (answer.status !== 200 || answer.data?.sensorV1.nodes[0].a !== 1) failed.push(answer)
      asked++
    }
  })
  const sent: number[] = []
  const send = () => api.hub.emit(event(sent.push(sent.length) - 1))
  const sending = setInterval(send, 3)
  try {
    for (const field of ['b', 'c']) {
      await admin(api.db, `select tmidb.ingest('sensor', 't2', '{"a": 1, "${field}": 1}')`, 'select tmidb.publish_views()')
      await api.graphql.rebuild()
      assert.ok(field in fieldsOf('SensorV1'))
    }
  } finally {
    clearInterval(sending)
    isAsking = false
    await Promise.all(asking)
  }
  send()
  await until(() => seen.length >= sent.length)
  assert.deepEqual(seen, sent)
  assert.deepEqual([failed, closed, ended], [[], [], null])
  assert.ok(asked > 0)
  assert.equal(api.hub.open.size, 1, 'the hub was asked once')
  await client.dispose()
  await until(() => api.hub.open.size === 0)
})

test('a subscription whose field is gone is told so and ends; its socket stays', async () => {
  await admin(api.db, `select tmidb.ingest('brief', 't1', '{"x": 1}')`, 'select tmidb.publish_views()')
  await api.graphql.rebuild()
  const closed: unknown[] = []
  const client = api.socket(token, (...why) => closed.push(why))
  const seen: string[] = []
  const ended = Promise.withResolvers<unknown>()
  client.subscribe(
    { query: 'subscription { briefV1 { x } }' },
    {
      next: (m) => seen.push(...(m.errors ?? []).map((e) => e.message)),
      error: (e) => ended.resolve(e),
      complete: () => ended.resolve('complete'),
    },
  )
  await api.hub.opened(1)
  await api.db.query(`comment on view api.brief_v1 is E'@name shortV1\\n@tmidbCategory brief\\n@tmidbMajor 1'`)
  await api.graphql.rebuild()
  assert.equal(await ended.promise, 'complete')
  assert.match(String(seen), /Cannot query field "briefV1"/)
  assert.deepEqual(closed, [])
  await until(() => api.hub.open.size === 0)
})

test('a table, a comment, a right and a drop in an exposed schema wake the API; chunks and temporary tables do not', async () => {
  const woken: number[] = []
  const part = { name: 'rest' as const, rebuild: async () => woken.push(1), status: standing }
  await using _follow = await following({ parts: [part], process: 'counting' })
  await until(() => woken.length === 1)
  for (const statement of [
    'create table app.truck (truck_id int primary key)',
    `comment on column app.truck.truck_id is 'Number on its side.'`,
    'grant select on app.truck to tmidb_listener',
    'revoke select on app.truck from tmidb_listener',
    'create function app.twice(a int) returns int language sql stable return 2 * a',
    'drop function app.twice(int)',
    'drop table app.truck',
  ]) {
    const beforehand = woken.length
    await admin(api.db, statement)
    await until(() => woken.length > beforehand)
  }
  const beforehand = woken.length
  await api.db.query(`select tmidb.make_chunk('2020-01-01'); select tmidb.make_chunk('2021-06-01')`)
  await admin(api.db, 'create temp table mine (a int)', 'create schema private_things', 'create table private_things.a (b int)')
  await sleep(150)
  assert.equal(woken.length, beforehand)
})

test('a table that a user makes is in GraphQL, with its comments', async () => {
  await using _follow = await following()
  await admin(
    api.db,
    `create table app.depot (depot_id int primary key, city text)`,
    `comment on column app.depot.city is 'Where it stands.'`,
  )
  await until(() => fieldsOf('Depot').city === 'Where it stands.')
  await admin(api.db, `comment on column app.depot.city is 'The nearest town.'`)
  await until(() => fieldsOf('Depot').city === 'The nearest town.')
})

test('without event triggers a change is found by looking', async () => {
  await api.db.query('alter event trigger tmidb_ddl disable; alter event trigger tmidb_drop disable')
  try {
    await using _follow = await following({ pollMs: 20 })
    await admin(api.db, 'create table app.garage (garage_id int primary key, roof text)')
    await until(() => 'roof' in fieldsOf('Garage'))
    await admin(api.db, `comment on column app.garage.roof is 'Of tin.'`)
    await until(() => fieldsOf('Garage').roof === 'Of tin.')
    await admin(api.db, 'drop table app.garage')
    await until(() => !('roof' in fieldsOf('Garage')))
  } finally {
    await api.db.query('alter event trigger tmidb_ddl enable; alter event trigger tmidb_drop enable')
  }
})

test('what cannot be built is said with since when and why, tried again, and forgotten when it can', async () => {
  type State = { part: string; failingSince: string | null; reason: string | null; builtAt: string }
  const state = async () => {
    const [row] = await api.db.query<{ s: State[] }>('select tmidb.api_status() as s')
    return row?.s.find((p) => p.part === 'graphql')
  }
  await using _follow = await following({ retryMs: 20 })
  await until(async () => (await state())?.reason === null)
  const good = await state()
  await api.db.query('revoke execute on function tmidb.introspection() from tmidb_api')
  await until(async () => (await state())?.reason !== null)
  const bad = await state()
  assert.match(bad?.reason ?? '', /permission denied for function introspection/)
  assert.ok(Date.parse(bad?.failingSince ?? '') >= Date.parse(good?.builtAt ?? ''))
  assert.equal(bad?.builtAt, good?.builtAt)
  assert.equal((await api.ask('{ sensorV1(first: 1) { nodes { a } } }')).status, 200)
  // Nobody notifies here: it is tried again by itself.
  await api.db.query(
    'alter event trigger tmidb_ddl disable; grant execute on function tmidb.introspection() to tmidb_api; alter event trigger tmidb_ddl enable',
  )
  await until(async () => (await state())?.reason === null)
  assert.equal((await state())?.failingSince, null)
})

test('a steady stream of changes does not keep a build from beginning', async () => {
  let began = 0
  const part = { name: 'rest' as const, rebuild: async () => began++, status: standing }
  await using _follow = await following({ parts: [part], process: 'steady' })
  const changing = setInterval(() => void api.pool.query(`select pg_notify(tmidb.channel('schema'), 'x')`), 5)
  try {
    await until(() => began >= 5)
  } finally {
    clearInterval(changing)
  }
})
