// SPDX-License-Identifier: MIT
// What a listener with a SQL login, or an expired token, might try.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { WebSocket } from 'ws'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'

let instance: Instance
let login: pg.Client
let admin: ReturnType<typeof adminQuery>
before(async () => {
  instance = await startInstance()
  admin = adminQuery(instance.connection.postgres)
  await admin(`select tmidb.create_listener('spy')`)
  await admin(`select tmidb.subscribe('spy', 'sensor', array['truck-1'], array['temperature'])`)
  await admin(`select tmidb.create_login('listener', 'spy', 'a long password')`)
  const url = new URL(instance.connection.postgres)
  url.username = 'spy'
  url.password = 'a long password'
  login = new pg.Client({ connectionString: url.href })
  await login.connect()
})
after(async () => {
  await login?.end().catch(() => {})
  await instance?.[Symbol.asyncDispose]()
})

async function send(target: string, body: object): Promise<void> {
  const response = await fetch(`${instance.connection.http}/api/in/sensor/${target}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${instance.connection.speaker.token}` },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 202)
}

function socket(token: string): { events: { data: object }[]; closed: Promise<number>; ready: Promise<void>; close(): void } {
  const ws = new WebSocket(`${instance.connection.ws}?token=${token}`)
  const events: { data: object }[] = []
  const closed = new Promise<number>((resolve) => ws.on('close', resolve))
  const ready = new Promise<void>((resolve) => {
    ws.on('message', (text) => {
      const m = JSON.parse(String(text)) as { type: string; data: object }
      if (m.type === 'ready') resolve()
      if (m.type === 'event') events.push(m)
    })
  })
  ws.on('open', () => ws.send('{"type":"subscribe"}'))
  return { events, closed, ready, close: () => ws.close() }
}

async function until(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; !(await test()); n++) {
    if (n > 200) throw new Error(`${what}: not within 10 s`)
    await sleep(50)
  }
}

test('forged notifications neither silence listeners nor stop the api', async () => {
  const live = socket(instance.connection.listener.token)
  await live.ready
  const pids = (await instance.units()).map((u) => u.pid)
  for (const channel of ['tmi_obs', 'tmi_access', 'tmi_schema', 'jobs:insert']) {
    for (const payload of [
      'garbage',
      '',
      '2026-01-01T00:00:00Z 2027-01-01T00:00:00Z 0:5000,1:5000,2:5000,3:5000,4:5000,5:5000,6:5000,7:5000',
    ]) {
      await login.query('select pg_notify($1, $2)', [channel, payload])
    }
  }
  await assert.rejects(login.query(`select tmidb.channel('obs')`), { code: '42501' })
  await assert.rejects(login.query('select * from tmidb.instance'), { code: '42501' })
  await send('truck-1', { temperature: 1, status: 'open' })
  await until('the event', () => live.events.length === 1)
  assert.deepEqual(
    (await instance.units()).map((u) => u.pid),
    pids,
  )
  live.close()
})

test('nothing that a listener can select is made of a hidden field', async () => {
  await send('truck-1', { temperature: 1, status: 'open' })
  await until(
    'two rows',
    async () => (await login.query('select from api.sensor_v1').catch(() => ({ rowCount: 0 }))).rowCount === 2,
  )
  const { rows } = await login.query(
    `select v.*, v.reading_id in (select jsonb_hash_extended(jsonb_build_object('temperature', 1, 'status', s), 0)
     from unnest(array['open', 'shut']) s) as told from api.sensor_v1 v`,
  )
  assert.equal(new Set(rows.map((r) => r.reading_id)).size, 2, 'equal readings look different')
  assert.deepEqual(
    rows.map((r) => [r.temperature, r.status, r.told]),
    [
      [1, null, false],
      [1, null, false],
    ],
  )
})

test('advisory locks, large objects, other databases and temporary tables are of no use', async () => {
  for (let n = 0; n < 20; n++) {
    for (const name of ['tmidb.discover', 'tmidb.publish_views', 'tmidb.make_chunk']) {
      await login.query('select pg_advisory_lock(hashtextextended($1, $2))', [name, n])
    }
  }
  await send('truck-1', { temperature: 2, newcomer: true })
  await until('the new field', async () => {
    const { rows } = await login.query(
      `select from pg_attribute where attrelid = 'api.sensor_v1'::regclass and attname = 'newcomer'`,
    )
    return rows.length === 1
  })
  await login.query('select pg_advisory_unlock_all()')
  await assert.rejects(login.query('create temporary table t (a int)'), { code: '42501' })
  await assert.rejects(login.query(`select lo_from_bytea(0, 'x')`), { code: '42501' })
  const other = new URL(instance.connection.postgres)
  Object.assign(other, { username: 'spy', password: 'a long password', pathname: '/postgres' })
  await assert.rejects(new pg.Client({ connectionString: other.href }).connect(), { code: '42501' })
})

test('a token that expires closes what it has open', async () => {
  const [row] = await admin<{ token: string }>(
    `select tmidb.create_token('listener', 'spy', 'short', now() + interval '2 seconds') as token`,
  )
  const live = socket(row?.token ?? '')
  await live.ready
  assert.equal(await Promise.race([live.closed, sleep(4000)]), 4401)
})

test('TM207 and TM216: SQL is told at once what cannot be a reading', async () => {
  await assert.rejects(admin(`insert into api.sensor_v1 (target, temperature) values ('truck-1', 'NaN')`), { code: 'TM207' })
  await assert.rejects(admin(`insert into api.sensor_v1 (target, temperature, ts) values ('truck-1', 1, 'infinity')`), {
    code: 'TM216',
  })
})

test('a subscription by POST and a mutation are refused in words', async () => {
  const ask = async (query: string) => {
    const response = await fetch(instance.connection.graphql, {
      method: 'POST',
      headers: { authorization: `Bearer ${instance.connection.listener.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
      signal: AbortSignal.timeout(3000),
    })
    const { errors } = (await response.json()) as { errors: { message: string }[] }
    return [response.status, errors[0]?.message.split(':')[0]]
  }
  assert.deepEqual(await ask('subscription { sensorV1 { ts } }'), [400, 'A subscription needs a WebSocket'])
  assert.deepEqual(await ask('mutation { x }'), [400, 'Cannot query field "x" on type "Mutation".'])
})
