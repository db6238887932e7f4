// SPDX-License-Identifier: MIT
// Aggregates and time buckets: only for the categories they were chosen for, and only of what the caller sees.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { admin, type Served, serve } from './graphql-served.ts'

let api: Served
let few: string
/** Yesterday, at midnight: readings every minute from there. */
const from = new Date(Math.floor(Date.now() / 86_400_000 - 1) * 86_400_000)

before(async () => {
  api = await serve(async (db) => {
    await db.query(
      `select tmidb.ingest('sensor', 'truck-' || (i % 2), jsonb_build_object('temperature', i, 'status', case when i % 3 = 0 then 'bad' else 'ok' end,
         'big', 12345678901234567890123, 'ts_1h', 1), $1::timestamptz + i * interval '1 minute') from generate_series(0, 119) i`,
      [from],
    )
    await admin(
      db,
      `select tmidb.ingest('other', 'truck-1', '{"a": 1}')`,
      'select tmidb.publish_views()',
      `select tmidb.set_aggregates('sensor', true)`,
      'create table app.part (part_id int primary key, weight int)',
      `comment on table app.part is '@aggregates on'`,
      'insert into app.part values (1, 10), (2, 20)',
      'grant select on app.part to tmidb_listener',
    )
    few = await admin(db, `select tmidb.create_listener('few')`)
    await admin(db, `select tmidb.subscribe('few', 'sensor', array['truck-1'], array['status'])`)
    const token = await admin(db, `select tmidb.create_listener('all')`)
    await admin(db, `select tmidb.subscribe('all', null)`)
    return token
  })
})
after(() => api[Symbol.asyncDispose]())

async function told(query: string, token?: string) {
  const { data, errors } = await api.ask(query, token === undefined ? {} : { token })
  assert.equal(errors, undefined, query)
  return data
}

test('of what the connection chose there are count, distinctCount, min, max, sum, avg and stddev', async () => {
  const { sensorV1, parts } = await told(`{
    sensorV1(filter: {temperature: {lessThan: 10}}) { aggregates {
      count { ts status } distinctCount { status } min { temperature ts } max { temperature big } sum { temperature big } avg { temperature } stddev { temperature } } }
    parts { aggregates { sum { weight } avg { weight } } }
  }`)
  assert.deepEqual(sensorV1.aggregates, {
    count: { ts: '10', status: '10' },
    distinctCount: { status: '2' },
    min: { temperature: 0, ts: from.toISOString().replace('Z', '000Z') },
    max: { temperature: 9, big: '12345678901234567890123' },
    sum: { temperature: 45, big: '123456789012345678901230' },
    avg: { temperature: 4.5 },
    stddev: { temperature: 3.0276503540974917 },
  })
  assert.equal(Number(parts.aggregates.avg.weight), 15)
  assert.equal(parts.aggregates.sum.weight, '30')
})

test('groups are by fields and by time, in the order of their first reading', async () => {
  const { sensorV1 } = await told(
    '{ sensorV1 { byTime: groupedAggregates(groupBy: [TS_15MIN]) { keys count { ts } avg { temperature } } both: groupedAggregates(groupBy: [TS_1H, STATUS]) { keys count { ts } } day: groupedAggregates(groupBy: [TS_1D, TARGET]) { keys max { temperature } } } }',
  )
  const at = (minutes: number) => new Date(from.getTime() + minutes * 60_000).toISOString().replace('Z', '000Z')
  assert.equal(sensorV1.byTime.length, 8)
  assert.deepEqual(sensorV1.byTime[1], { keys: [at(15)], count: { ts: '15' }, avg: { temperature: 22 } })
  assert.deepEqual(sensorV1.both, [
    { keys: [at(0), 'bad'], count: { ts: '20' } },
    { keys: [at(0), 'ok'], count: { ts: '40' } },
    { keys: [at(60), 'bad'], count: { ts: '20' } },
    { keys: [at(60), 'ok'], count: { ts: '40' } },
  ])
  assert.deepEqual(sensorV1.day, [
    { keys: [at(0), 'truck-0'], max: { temperature: 118 } },
    { keys: [at(0), 'truck-1'], max: { temperature: 119 } },
  ])
})

test('they hold behind a target, too', async () => {
  const { targetByKey } = await told(
    '{ targetByKey(key: "truck-1") { sensorV1 { aggregates { count { ts } min { temperature } } } } }',
  )
  assert.deepEqual(targetByKey.sensorV1.aggregates, { count: { ts: '60' }, min: { temperature: 1 } })
})

test('a hidden field is in no aggregate and no group, and readings that may not be seen do not count', async () => {
  const { sensorV1 } = await told(
    '{ sensorV1 { aggregates { count { ts status } } groupedAggregates(groupBy: [STATUS]) { keys } } }',
    few,
  )
  assert.deepEqual(sensorV1.aggregates, { count: { ts: '60', status: '60' } })
  for (const hidden of [
    'count { temperature }',
    'sum { temperature }',
    'min { temperature }',
    'sum { __typename }',
    'distinctCount { temperature }',
  ]) {
    const { errors } = await api.ask(`{ sensorV1 { aggregates { ${hidden} } } }`, { token: few })
    assert.match(errors?.[0]?.message ?? '', /^Cannot query field/, hidden)
  }
  const { errors } = await api.ask('{ sensorV1 { groupedAggregates(groupBy: [TEMPERATURE]) { keys } } }', { token: few })
  assert.match(errors?.[0]?.message ?? '', /^Value "TEMPERATURE" does not exist/)
})

test('a category that was not chosen has none; chosen and taken back, the API follows', async () => {
  const has = (type: string) => api.sdl().includes(`type ${type}Aggregates `)
  assert.deepEqual([has('SensorV1'), has('OtherV1'), has('Part')], [true, false, true])
  await admin(api.db, `select tmidb.set_aggregates('other', true)`, `select tmidb.set_aggregates('sensor', false)`)
  await api.graphql.rebuild()
  assert.deepEqual([has('SensorV1'), has('OtherV1')], [false, true])
  await assert.rejects(admin(api.db, `select tmidb.set_aggregates('nothing', true)`), { code: 'TM107' })
})
