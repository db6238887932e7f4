// SPDX-License-Identifier: MIT
// Readings by SQL, repeats, and rights that change while sockets are open: every door follows.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { byTime, type Json, plain, until } from './doors.ts'
import {
  admin,
  at,
  doors,
  expected,
  live,
  lives,
  only,
  reading,
  reads,
  sameEverywhere,
  start,
  stop,
  token,
  tokens,
  whole,
} from './trucks.ts'

before(start)
after(stop)

test('what an administrator inserts by SQL reaches the listeners live and through every other door', async () => {
  await admin('insert into api.sensor_v1 (target, ts, temperature, humidity, note) values ($1, $2, $3, $4, $5)', [
    'truck-1',
    at(10),
    10.5,
    90,
    'n10',
  ])
  await admin(`select tmidb.ingest('sensor', 'truck-3', $1, $2)`, [reading(11), at(11)])
  await admin(`select tmidb.ingest('sensor', $1::jsonb)`, [
    JSON.stringify([
      { target: 'other', ts: at(12), data: reading(12) },
      { target: 'truck-2', ts: at(13), ...reading(13) },
    ]),
  ])
  expected.a.push(only('truck-1', 10), only('truck-2', 13))
  expected.b.push(whole('truck-3', 11))
  await sameEverywhere()
})

test('a speaker writes by SQL as itself', async () => {
  await admin(`select tmidb.create_speaker('writer', 'truck-1'), tmidb.create_login('speaker', 'writer', 'password-w')`)
  const insert = (target: string, n: number) =>
    `insert into api.sensor_v1 (target, ts, temperature) values ('${target}', '${at(n)}', ${n + 0.5})`
  await doors.sql('writer', 'password-w', insert('truck-1', 14))
  await assert.rejects(doors.sql('writer', 'password-w', insert('truck-2', 15)), { code: 'TM102' })
  await assert.rejects(doors.sql('writer', 'password-w', 'select from api.sensor_v1'), { code: '42501' })
  expected.a.push(only('truck-1', 14))
  await sameEverywhere()
})

test('the same reading sent again through another door changes nothing', async () => {
  await doors.send('sensor/truck-1', { ts: at(4), ...reading(4) })
  await admin(`select tmidb.ingest('sensor', 'truck-3', $1, $2)`, [reading(11), at(11)])
  await until(
    'two duplicates',
    async () => (await admin<{ n: number }>('select sum(duplicate)::int as n from tmidb.ledger'))[0]?.n === 2,
  )
  await sameEverywhere()
})

test('unsubscribing stops delivery and takes the rows away', async () => {
  await admin(`select tmidb.unsubscribe('b', 'sensor', array['truck/4'])`)
  expected.b = expected.b.filter((row) => row.target !== 'truck/4')
  for (const read of Object.values(reads)) assert.deepEqual(byTime(await read('b')), expected.b)
  const before = live.b.named.events().length
  await sleep(1000) // Open sockets learn of it within a second.
  await doors.send('sensor/truck%2F4', { ts: at(16), ...reading(16) })
  await until('it is stored', async () => (await admin(`select from tmidb.ts_obs where payload->>'note' = 'n16'`)).length === 1)
  await doors.send('sensor/truck-3', { ts: at(17), ...reading(17) })
  expected.b.push(whole('truck-3', 17))
  for (const [door, read] of Object.entries(lives)) {
    await until(`the next event by ${door}`, () => read('b').length > before)
    assert.deepEqual(read('b').slice(before).map(plain), [whole('truck-3', 17)].map(plain), door)
  }
})

test('a subscription that is given later delivers from then on, without a new socket', async () => {
  await admin(`select tmidb.subscribe('a', 'sensor', array['truck-1'], array['temperature', 'note'])`)
  await sleep(1000)
  const before = live.a.named.events().length
  await doors.send('sensor/truck-1', { ts: at(18), ...reading(18) })
  const row = { ...only('truck-1', 18), note: 'n18' }
  for (const [door, read] of Object.entries(lives)) {
    await until(`the next event by ${door}`, () => read('a').length > before)
    // A GraphQL document names the fields that there were when it was opened.
    assert.deepEqual(plain(read('a').at(-1) as Json), plain(door.includes('GraphQL') ? only('truck-1', 18) : row), door)
  }
  const { data } = await doors.graphql<{ sensorV1: { nodes: Json[] } }>(
    tokens.a,
    '{ sensorV1(orderBy: TS_DESC, first: 1) { nodes { note } } }',
  )
  assert.deepEqual(data.sensorV1.nodes, [{ note: 'n18' }])
  const { body } = await doors.get<Json[]>('/api/v1/sensor?target=eq.truck-1&order=ts.desc&limit=1', tokens.a)
  assert.deepEqual(body.map(plain), [row].map(plain))
})

test('revoking a token closes its sockets and its MQTT connection within a second, and no others', async () => {
  const speaker = await token(`tmidb.create_speaker('leaver')`)
  const device = await doors.device(speaker)
  const deviceClosed = new Promise<void>((resolve) => device.once('close', () => resolve()))
  const started = Date.now()
  await admin('select tmidb.revoke_token($1), tmidb.revoke_token($2)', [tokens.b, speaker])
  const codes = await Promise.all([live.b.own.closed, live.b.named.closed, live.b.graphql.closed, deviceClosed])
  const took = Date.now() - started
  assert.deepEqual(codes, [{ code: 4401, status: 0 }, { code: 4401, status: 0 }, 4401, undefined])
  assert.ok(took < 1000, `${took} ms`)
  assert.equal(live.b.named.seen.at(-1)?.type, 'revoked')
  for (const path of ['/api/b', '/api/v1/sensor']) assert.equal((await doors.get(path, tokens.b)).status, 401)
  assert.equal((await doors.send('sensor/truck-1', { a: 1 }, { token: speaker })).status, 401)
  await assert.rejects(doors.device(speaker), { code: 4 })
  assert.ok((await doors.graphql(tokens.b, '{ sensorV1 { totalCount } }')).errors)
  const before = live.a.own.events().length
  await doors.send('sensor/truck-2', { ts: at(19), ...reading(19) })
  await until('A still gets its events', () => live.a.own.events().length > before)
})
