// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'graphql-ws'
import type { LiveRow } from '../../src/api/graphql/subscriptions.ts'
import { admin, type Served, serve } from './graphql-served.ts'

let api: Served
let reader: string

before(async () => {
  api = await serve(async (db) => {
    await admin(
      db,
      `select tmidb.ingest('sensor', 't1', '{"temperature": 1.5, "big": 12345678901234567890123, "category": "x", "constructor": 1, "__proto__": 2, "온도": 3, "deep": {"a": [1]}, "on": true}')`,
      'select tmidb.publish_views()',
    )
    reader = await admin(db, `select tmidb.create_listener('reader')`)
    await admin(db, `select tmidb.subscribe('reader', null), tmidb.allow_introspection('reader')`)
    return reader
  })
})
after(() => api[Symbol.asyncDispose]())

const event = (row: LiveRow['row'], extra: Partial<LiveRow> = {}): LiveRow => ({
  cursor: 'c1',
  category: 'sensor',
  version: '1.0',
  target: 't1',
  ts: '2026-01-01T00:00:00.000000Z',
  row,
  ...extra,
})

/** Starts a subscription; what arrives is pushed to `seen`. */
function listen(client: Client, query: string, variables?: Record<string, unknown>) {
  const seen: unknown[] = []
  const ended = Promise.withResolvers<unknown>()
  const stop = client.subscribe(
    { query, ...(variables ? { variables } : {}) },
    {
      next: (m) => seen.push(m.errors ?? m.data),
      error: (e) => ended.resolve(e),
      complete: () => ended.resolve('complete'),
    },
  )
  return { seen, ended: ended.promise, stop }
}

async function until(test: () => boolean): Promise<void> {
  for (let n = 0; !test(); n++) {
    if (n > 500) throw new Error('It did not happen within 5 s.')
    await sleep(10)
  }
}

test('an event carries cursor, target, time and the typed fields of its view, whatever they are called', async () => {
  const row = Object.fromEntries([
    ['temperature', 1.5],
    ['big', '12345678901234567890123'],
    ['categoryValue', 'x'],
    ['constructor', 1],
    ['proto', 2],
    ['fd19f454980', 3],
    ['deepA', [1]],
    ['on', true],
  ])
  const s = listen(
    api.socket(reader),
    'subscription { sensorV1 { cursor category version target ts temperature big categoryValue constructor proto fd19f454980 deepA on } }',
  )
  await api.hub.opened(1)
  api.hub.emit(event(row))
  api.hub.emit(event({}))
  await until(() => s.seen.length === 2)
  const own = { cursor: 'c1', category: 'sensor', version: '1.0', target: 't1', ts: '2026-01-01T00:00:00.000000Z' }
  assert.deepEqual(s.seen[0], { sensorV1: { ...own, ...row, category: 'sensor', categoryValue: 'x' } })
  assert.deepEqual(s.seen[1], {
    sensorV1: { ...own, ...Object.fromEntries(Object.keys(row).map((k) => [k, null])), category: 'sensor', categoryValue: null },
  })
  s.stop()
  await until(() => api.hub.open.size === 0)
})

test('the hub is told who asks, for what, and from where', async () => {
  const s = listen(api.socket(reader), 'subscription ($t: [String!]) { sensorV1(targets: $t, since: "abc") { cursor } }', {
    t: ['a', 'b'],
  })
  await api.hub.opened(1)
  const [{ topic }] = [...api.hub.open.values()] as unknown as [
    { topic: Record<string, unknown> & { identity: { name: string }; caller: Record<string, unknown> } },
  ]
  assert.equal(topic.identity.name, 'reader')
  const { authorization, address } = topic.caller
  assert.deepEqual(
    { ...topic, identity: null, caller: { authorization, address } },
    {
      identity: null,
      caller: { authorization: `Bearer ${reader}`, address: '127.0.0.1' },
      category: 'sensor',
      major: 1,
      targets: ['a', 'b'],
      since: 'abc',
      passes: null,
    },
  )
  s.stop()
  await until(() => api.hub.open.size === 0)
})

test('a cursor that the hub refuses is told with its code', async () => {
  const { ended, seen } = listen(api.socket(reader), 'subscription { sensorV1(since: "bad") { cursor } }')
  const told = JSON.stringify([await ended, seen])
  assert.match(told, /TM304/)
  assert.match(told, /This cursor cannot be used/)
})

test('a socket without a token, or with a wrong one, is closed with 4401', async () => {
  for (const [token, code] of [
    [null, 'TM100'],
    ['tmi_listener_x', 'TM101'],
  ] as const) {
    const closed = Promise.withResolvers<[number, string]>()
    api.socket(token, (...how) => closed.resolve(how))
    const [status, reason] = await closed.promise
    assert.equal(status, 4401)
    assert.match(reason, new RegExp(code))
  }
})

test('a revoked token loses its open socket within a second', async () => {
  const token = await admin(api.db, `select tmidb.create_listener('leaver')`)
  await admin(api.db, `select tmidb.subscribe('leaver', 'sensor')`)
  const closed = Promise.withResolvers<[number, string]>()
  const client = api.socket(token, (...how) => closed.resolve(how))
  listen(client, 'subscription { sensorV1 { cursor } }')
  await api.hub.opened(1)
  const begun = Date.now()
  await admin(api.db, `select tmidb.revoke_token('${token}')`)
  assert.equal((await closed.promise)[0], 4401)
  assert.ok(Date.now() - begun < 1000)
  await until(() => api.hub.open.size === 0)
})

test('what is refused over HTTP is refused over a socket', async () => {
  const s = listen(api.socket(reader), '{ sensorV1(first: 100000) { totalCount } }')
  await s.ended
  const aliases = Array.from({ length: 16 }, (_, i) => `a${i}: cursor`).join(' ')
  const t = listen(api.socket(reader), `subscription { sensorV1 { ${aliases} } }`)
  assert.match(JSON.stringify(await t.ended), /16 aliases/)
  assert.match(JSON.stringify(s.seen) + JSON.stringify(await s.ended), /at most 1000/)
})

test('a new major appears after rebuild(), the old one is deprecated with the reason, and open subscriptions go on', async () => {
  const s = listen(api.socket(reader), 'subscription { sensorV1 { cursor temperature } }')
  await api.hub.opened(1)
  await admin(
    api.db,
    `select tmidb.ingest('sensor', 't1', '{"temperature": "warm"}')`,
    `select tmidb.ingest('wind', 't1', '{"speed": 3}')`,
    'select tmidb.publish_views()',
  )
  const builds = api.graphql.status().builds
  await Promise.all([api.graphql.rebuild(), api.graphql.rebuild(), api.graphql.rebuild()])
  assert.equal(api.graphql.status().builds, builds + 1, 'asked for three times at once, built once')

  const { data } = await api.ask(
    '{ sensorV2 { nodes { temperature } } windV1 { nodes { speed } } sensorV1 { nodes { temperature } } }',
  )
  assert.deepEqual(data.sensorV2.nodes.map((n: { temperature: string }) => n.temperature).sort(), ['1.5', 'warm'])
  assert.deepEqual(data.windV1.nodes, [{ speed: 3 }])
  const kinds = await api.ask(
    '{ __schema { queryType { fields(includeDeprecated: true) { name isDeprecated deprecationReason } } subscriptionType { fields(includeDeprecated: true) { name isDeprecated } } } }',
  )
  const field = (name: string) => kinds.data.__schema.queryType.fields.find((f: { name: string }) => f.name === name)
  assert.deepEqual(field('sensorV1'), {
    name: 'sensorV1',
    isDeprecated: true,
    deprecationReason: `Version 2 of sensor is newer since ${new Date().toISOString().slice(0, 10)}.`,
  })
  assert.equal(field('sensorV2').isDeprecated, false)
  assert.equal(
    kinds.data.__schema.subscriptionType.fields.find((f: { name: string }) => f.name === 'sensorV1').isDeprecated,
    true,
  )

  api.hub.emit(event({ temperature: 7 }, { cursor: 'c2' }))
  const later = listen(api.socket(reader), 'subscription { sensorV2 { cursor temperature } }')
  await api.hub.opened(2)
  api.hub.emit(event({ temperature: 8 }, { cursor: 'c3' }))
  await until(() => s.seen.length === 2 && later.seen.length === 1)
  assert.deepEqual(s.seen, [{ sensorV1: { cursor: 'c2', temperature: 7 } }, { sensorV1: { cursor: 'c3', temperature: 8 } }])
  assert.deepEqual(later.seen, [{ sensorV2: { cursor: 'c3', temperature: '8' } }])
  s.stop()
  later.stop()
})

test('requests in flight while the schema changes are all answered', async () => {
  let on = true
  let bad = 0
  const load = [1, 2].map(async () => {
    while (on) if ((await api.ask('{ windV1 { nodes { speed } } }')).errors) bad++
  })
  await api.graphql.rebuild()
  await api.graphql.rebuild()
  on = false
  await Promise.all(load)
  assert.equal(bad, 0)
})
