// SPDX-License-Identifier: MIT
// Who may write what is the same at every way in: by HTTP, WebSocket, MQTT, NATS, line protocol, ThingsBoard's and in SQL.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connect as connectNats, headers, type NatsConnection } from '@nats-io/transport-node'
import mqtt from 'mqtt'
import NodeSocket from 'ws'
import { hashPassword } from '../../src/base/password.ts'
import { sleep } from '../../src/base/retry.ts'
import { type Claims, openPool, type Pool, writeAs } from '../../src/db/pool.ts'
import { type MqttIntake, openMqtt } from '../../src/edge/mqtt.ts'
import { openNatsIntake } from '../../src/edge/nats-in.ts'
import { type NatsServer, natsServer } from '../lib/nats-server.ts'
import { type Door, openDoor, told } from './door.ts'

let door: Door
let broker: MqttIntake
let nats: NatsServer
let nc: NatsConnection
let pool: Pool
const stack = new AsyncDisposableStack()

/** Whoever writes: what it shows at a door, and what it is in SQL. */
interface Who {
  authorization: string
  token: string
  claims: Claims
}
const who: Record<string, Who> = {}

before(async () => {
  door = stack.use(await openDoor())
  nats = stack.use(await natsServer())
  nc = await connectNats({ servers: nats.url.replace(/\/\/.*@/, '//'), user: 'tmidb', pass: 'test' })
  stack.defer(() => nc.close())
  stack.use(openNatsIntake(door.intake, nc))
  broker = stack.use(await openMqtt(door.intake, { host: '127.0.0.1', port: 0 }))
  pool = openPool(door.db.url('tmidb_api'), { max: 2, application: 'test' })
  stack.defer(() => pool.end())
  await door.db.query(`
    select tmidb.ingest('sensor', 'b1', '{"a": 1}'), tmidb.ingest('sensor', 's1', '{"a": 1}'), tmidb.ingest('other', 'b1', '{"a": 1}'), tmidb.publish_views();
    select tmidb.create_target('b1', null, '{"site": "busan"}'), tmidb.create_group('busan', '$.site == "busan" || $key starts with "b-"');
    select tmidb.create_role('crew'), tmidb.create_role('guests')`)
  for (const [login, role] of [
    ['editor', 'editor'],
    ['member', 'crew'],
    ['reader', 'guests'],
    ['viewer', 'viewer'],
  ] as const) {
    await door.db.query(`select tmidb.create_account($1, null, $2)`, [login, role])
  }
  await door.db.query('update tmidb.account set password_hash = $1', [await hashPassword('for the sessions')])
  const token = (await door.db.query<{ t: string }>(`select tmidb.create_speaker('crew') as t`))[0]?.t ?? ''
  await door.db.query(`
    select tmidb.grant_access('speaker:crew', '{write}', 'sensor', p_group => 'busan'), tmidb.grant_access('role:crew', '{read,write}', 'sensor', p_group => 'busan'),
      tmidb.grant_access('role:guests', '{read}')`)
  const [speaker] = await door.db.query<{ id: string }>(`select speaker_id as id from tmidb.speaker where name = 'crew'`)
  who.speaker = { authorization: `Bearer ${token}`, token, claims: { role: 'tmidb_speaker', speaker_id: speaker?.id as string } }
  for (const row of await door.db.query<{ login: string; id: string; role: Claims['role']; token: string }>(
    `select a.login, a.account_id as id, r.request_role as role, tmidb.create_token('user', a.login) as token
     from tmidb.account a join tmidb.access_role r using (role_id)`,
  )) {
    const { login, id, role, token } = row
    who[login] = { authorization: `Bearer ${token}`, token, claims: { role, account_id: id, name: login } }
  }
})
after(() => stack.disposeAsync())

type Way = (who: Who, category: string, target: string) => Promise<string>
const codeOf = (e: unknown) => {
  const { code } = e as { code: string }
  return code === '42501' ? 'TM102' : code
}
const inSql =
  (text: string): Way =>
  ({ claims }, category, target) =>
    writeAs(pool, claims, { text, values: [category, target] }).then(() => 'ok', codeOf)

const ways: Record<string, Way> = {
  async http({ authorization }, category, target) {
    const response = await fetch(`${door.base}/api/in/${category}/${target}`, {
      method: 'POST',
      headers: { authorization },
      body: '{"a": 1}',
    })
    const answer = (await response.json()) as { code?: string }
    return response.status === 202 ? 'ok' : (answer.code ?? '')
  },
  async 'line protocol'({ authorization }, category, target) {
    const url = `${door.base}/api/v2/write?org=o&bucket=plant`
    const response = await fetch(url, { method: 'POST', headers: { authorization }, body: `${category},device=${target} a=1` })
    return response.status === 204 ? 'ok' : (((await response.json()) as { tmidb?: string }).tmidb ?? '')
  },
  async websocket({ authorization }, category, target) {
    const ws = new NodeSocket(`${door.base.replace('http', 'ws')}/ws/in/${category}/${target}`, { headers: { authorization } })
    try {
      return await new Promise((resolve, reject) => {
        ws.on('error', reject)
        ws.on('unexpected-response', (_req, res) => {
          res.on('data', (d) => resolve((JSON.parse(String(d)) as { code: string }).code))
        })
        ws.on('message', (data) => {
          const message = JSON.parse(String(data)) as { type: string; code?: string }
          if (message.type === 'ready') ws.send('{"a": 1}')
          else resolve(message.type === 'ack' ? 'ok' : (message.code ?? ''))
        })
      })
    } finally {
      ws.on('error', () => {})
      ws.terminate()
    }
  },
  async nats({ authorization }, category, target) {
    const h = headers()
    h.set('Authorization', authorization)
    const answer = (await nc.request(`tmi.pub.${category}.${target}`, '{"a": 1}', { headers: h, timeout: 5000 })).json() as {
      code?: string
    }
    return answer.code ?? 'ok'
  },
  async mqtt({ token }, category, target) {
    const client = await mqttClient(token).catch(() => null)
    if (client === null) return 'TM102'
    const closed = new Promise<string>((resolve) => client.once('close', () => resolve('TM102')))
    const taken = client.publishAsync(`tmi/in/${category}/${target}`, '{"a": 1}', { qos: 1 }).then(() => 'ok')
    taken.catch(() => {})
    try {
      return await Promise.race([closed, taken])
    } finally {
      client.end(true)
    }
  },
  'tmidb.ingest': inSql(`select tmidb.ingest($1, $2, '{"a": 1}')`),
  'api.ingest': inSql(`select api.ingest($1, $2, '{"a": 1}')`),
  // A view is of one category: the other one has its own.
  async 'http, with a session'({ claims }, category, target) {
    const [session] = await door.db.query<{ secret: string }>(
      `select s.secret from tmidb.account a, tmidb.begin_session(a.account_id, a.password_hash, true, '{}') s where a.account_id = $1`,
      [claims.account_id],
    )
    return await (ways.http as Way)({ authorization: `Bearer ${session?.secret}`, token: '', claims }, category, target)
  },
  'insert into the view': (whom, category, target) =>
    inSql(`insert into api.${category}_v1 (target, a) select $2, 1 where $1::text is not null`)(whom, category, target),
}

async function mqttClient(token: string): Promise<mqtt.MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
    protocolVersion: 4,
    username: 'd',
    password: token,
    reconnectPeriod: 0,
  })
  client.on('error', () => {})
  return client
}

const cases: [category: string, target: string, outcome: string][] = [
  ['sensor', 'b1', 'ok'],
  ['sensor', 's1', 'TM102'],
  ['other', 'b1', 'TM102'],
  ['sensor', 'b-new', 'ok'],
  ['sensor', 's-new', 'TM102'],
]
for (const [name, way] of Object.entries(ways)) {
  test(`${name}: a speaker and a member write what they were granted, of new targets those that will be in their group`, async () => {
    for (const whom of name.endsWith('session') ? ['member'] : ['speaker', 'member']) {
      const said: unknown[] = []
      for (const [category, target] of cases) said.push([category, target, await way(who[whom] as Who, category, target)])
      assert.deepEqual(said, cases, whom)
    }
  })

  test(`${name}: who only reads is refused with TM102, editors write everything`, async () => {
    assert.equal(await way(who.reader as Who, 'sensor', 'b1'), 'TM102')
    assert.equal(await way(who.viewer as Who, 'sensor', 'b1'), 'TM102')
    assert.equal(await way(who.editor as Who, 'other', 's1'), 'ok')
  })
}

test('ThingsBoard: the device itself is the target', async () => {
  const send = async () => {
    const { token } = who.speaker as Who
    return (await fetch(`${door.base}/api/v1/${token}/telemetry`, { method: 'POST', body: '{"a": 1}' })).status
  }
  // As ThingsBoard answers who may not.
  assert.equal(await send(), 401)
  await door.db.query(`select tmidb.grant_access('speaker:crew', '{write}', 'telemetry', '{crew}')`)
  await until(async () => (await send()) === 200)
})

test('of a batch only what may not be written is refused', async () => {
  door.rows()
  const response = await fetch(`${door.base}/api/in/sensor`, {
    method: 'POST',
    headers: { authorization: (who.speaker as Who).authorization },
    body: '[{"target":"s1","a":1},{"target":"b1","a":2},{"target":"b-2","ts":"2126-01-01T00:00:00Z","a":3},{"target":"s2","ts":"2126-01-01T00:00:00Z","a":4}]',
  })
  const { accepted, rejected, quarantined } = (await response.json()) as Record<string, { index: number; code: string }[]>
  assert.deepEqual(accepted, 2)
  assert.deepEqual(
    rejected?.map((r) => [r.index, r.code]),
    [
      [0, 'TM102'],
      [3, 'TM102'],
    ],
  )
  assert.deepEqual(
    quarantined?.map((r) => r.index),
    [2],
  )
  assert.deepEqual(
    told(door.rows()).map((r) => r[1]),
    ['b1', 'b-2'],
  )
})

test('people write as speakers of their own, named in the ledger, and lose the right with their role', async () => {
  const [editor] = await door.db.query<{ name: string }>(
    `select s.name from tmidb.account a join tmidb.speaker s using (speaker_id) where a.login = 'editor'`,
  )
  assert.equal(editor?.name, 'user-editor')
  const [written] = await door.db.query(
    `select sum(stored)::int as n from tmidb.ledger l join tmidb.speaker s using (speaker_id) where s.name = $1`,
    [editor?.name],
  )
  assert.ok((written?.n as number) > 0)
  const [before] = await door.db.query(
    `select tmidb.set_account_role('editor', 'guests') from tmidb.account where login = 'editor'`,
  )
  assert.ok(before)
  await until(async () => (await (ways.http as Way)(who.editor as Who, 'other', 's1')) === 'TM102')
  for (const sql of [
    `update tmidb.account set disabled_at = now(), role_id = (select role_id from tmidb.access_role where name = 'editor') where login = 'editor'`,
    `delete from tmidb.account where login = 'editor'`,
  ]) {
    await door.db.query(sql)
    const refused: object[] = await door.db.query(
      `select r.code from tmidb.speaker s, tmidb.refused_targets(s.speaker_id, 'other', '{s1}') r where s.name = $1`,
      [editor?.name],
    )
    assert.deepEqual(refused, [{ code: 'TM102' }], sql)
  }
})

test('a target that leaves the group, and a grant that is taken back, end it on open connections', async () => {
  const speaker = who.speaker as Who
  const ws = new NodeSocket(`${door.base.replace('http', 'ws')}/ws/in/sensor/b1`, {
    headers: { authorization: speaker.authorization },
  })
  const heard: { type: string; code?: string }[] = []
  ws.on('message', (data) => heard.push(JSON.parse(String(data)) as { type: string }))
  const client = await mqttClient(speaker.token)
  let isClosed = false
  client.on('close', () => (isClosed = true))
  await client.publishAsync('tmi/in/sensor/b1', '{"a": 1}', { qos: 1 })
  await until(async () => heard.length === 1)
  const refusedByWs = async () => {
    const before = heard.length
    ws.send('{"a": 2}')
    await until(async () => heard.length > before)
    return heard.at(-1)?.code === 'TM102'
  }
  assert.equal(await refusedByWs(), false)
  await door.db.query(`update tmidb.target set meta = '{"site": "seoul"}' where key = 'b1'`)
  await until(refusedByWs)
  await door.db.query(`update tmidb.target set meta = '{"site": "busan"}' where key = 'b1'`)
  await until(async () => !(await refusedByWs()))
  await door.db.query(
    `select tmidb.revoke_access(grant_id) from tmidb.access_grant where speaker_id is not null and group_id is not null`,
  )
  await until(refusedByWs)
  await until(async () => (await (ways.nats as Way)(speaker, 'sensor', 'b1')) === 'TM102')
  client.publish('tmi/in/sensor/b1', '{"a": 2}', { qos: 1 })
  await until(async () => isClosed)
  ws.terminate()
})

test('the last grant of a member that goes closes its socket; what is taken back is not written in SQL either', async () => {
  const member = who.member as Who
  const ws = new NodeSocket(`${door.base.replace('http', 'ws')}/ws/in/sensor/b1`, {
    headers: { authorization: member.authorization },
  })
  const closed = new Promise<number>((resolve) => ws.on('close', resolve))
  await new Promise((resolve) => ws.once('message', resolve))
  await door.db.query(
    `select tmidb.revoke_access(grant_id) from tmidb.access_grant g join tmidb.access_role r using (role_id) where r.name = 'crew'`,
  )
  assert.equal(await closed, 4401)
  assert.equal(await (ways['tmidb.ingest'] as Way)(member, 'sensor', 'b1'), 'TM102')
})

async function until(done: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5000; !(await done()); await sleep(20)) assert.ok(Date.now() < end, 'not within 5 s')
}
