// SPDX-License-Identifier: MIT
// Publishing through NATS, in a whole running instance: the client library as anybody uses it, with the URL of connection.json.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { sleep } from '../../src/base/retry.ts'
import type { Intake } from '../../src/edge/intake.ts'
import { openNatsIntake } from '../../src/edge/nats-in.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'

let tmi: Instance
let nc: NatsConnection
let query: ReturnType<typeof adminQuery>

const open = async (url: string, name = 'test'): Promise<NatsConnection> => {
  const { host, username, password } = new URL(url)
  return await connect({ servers: host, user: username, pass: password, name, reconnect: false })
}

before(async () => {
  tmi = await startInstance()
  nc = await open(tmi.connection.nats)
  query = adminQuery(tmi.connection.postgres)
})
after(async () => {
  await nc.close()
  await tmi[Symbol.asyncDispose]()
})

function withToken(extra: Record<string, string> = {}, token = tmi.connection.speaker.token) {
  const h = headers()
  h.set('Authorization', `Bearer ${token}`)
  for (const [name, value] of Object.entries(extra)) h.set(name, value)
  return h
}

async function ask(subject: string, body: string, h = withToken()): Promise<Record<string, unknown>> {
  return (await nc.request(subject, body, { headers: h, timeout: 5000 })).json()
}

async function stored(category: string): Promise<{ target: string; payload: string }[]> {
  for (let i = 0; ; i++) {
    const rows = await query<{ target: string; payload: string }>(
      `select t.key as target, o.payload::text as payload from tmidb.ts_obs o join tmidb.target t using (target_id)
       join tmidb.category c using (category_id) where c.name = $1 order by o.ts`,
      [category],
    )
    if (rows.length > 0 || i > 50) return rows
    await sleep(100)
  }
}

test('a request is answered after fsync with the verdict; the rest of the subject is the target', async () => {
  assert.deepEqual(await ask('tmi.pub.nats_a.truck.17', '{"n":9007199254740993}'), { accepted: 1, rejected: [] })
  assert.deepEqual(await ask('tmi.pub.nats_a', '[{"target":"b c","n":1.50},{"target":"d","n":"\\u0000"}]'), {
    accepted: 1,
    rejected: [
      {
        index: 1,
        code: 'TM208',
        message: 'A string holds the character U+0000 (byte 46, in "n"). Remove it; no text column can keep it.',
      },
    ],
  })
  const h = headers()
  h.set('Tmi-Token', tmi.connection.speaker.token)
  h.set('Content-Type', 'application/x-ndjson')
  assert.equal((await ask('tmi.pub.nats_a.e', '{"n":1}\n{"n":2}\n', h)).accepted, 2)
  for (let i = 0; i < 50 && (await stored('nats_a')).length < 4; i++) await sleep(100)
  assert.deepEqual(await stored('nats_a'), [
    { target: 'truck.17', payload: '{"n": 9007199254740993}' },
    { target: 'b c', payload: '{"n": 1.50}' },
    { target: 'e', payload: '{"n": 1}' },
    { target: 'e', payload: '{"n": 2}' },
  ])
})

test('what is refused is answered with the problem and its status', async () => {
  for (const [subject, body, h, status] of [
    ['tmi.pub.nats_b.x', '{"a":', withToken(), 400],
    ['tmi.pub.Nats.x', '{"a":1}', withToken(), 400],
    ['tmi.pub.nats_b.x', '{"a":1}', headers(), 401],
    ['tmi.pub.nats_b.x', '{"a":1}', withToken({}, 'tmi_speaker_wrong'), 401],
    ['tmi.pub.nats_b.x', '{"a":1}', withToken({}, tmi.connection.listener.token), 403],
    ['tmi.pub.nats_b.x', '{"a":1}', withToken({ 'Nats-Msg-Id': 'x'.repeat(121) }), 400],
  ] as const) {
    const m = await nc.request(subject, body, { headers: h, timeout: 5000 })
    const answer = m.json<{ status: number; code: string; requestId: string }>()
    assert.deepEqual([answer.status, m.headers?.get('Nats-Service-Error-Code')], [status, String(status)], body)
    assert.match(answer.code, /^TM\d{3}$/)
  }
})

test('what a token may not do is in the audit', async () => {
  const rows = await query(`select actor, role, detail from tmidb.audit where kind = 'nats.denied'`)
  const { name } = tmi.connection.listener
  assert.deepEqual(rows, [{ actor: name, role: 'tmidb_listener', detail: { subject: 'tmi.pub.nats_b.x', code: 'TM102' } }])
})

test('Nats-Msg-Id makes the same message one reading', async () => {
  const h = withToken({ 'Nats-Msg-Id': 'm-1' })
  const ts = new Date().toISOString()
  await ask('tmi.pub.nats_c.x', `{"ts":"${ts}","a":1}`, h)
  await ask('tmi.pub.nats_c.x', `{"ts":"${ts}","a":2}`, h)
  await ask('tmi.pub.nats_c.x', `{"ts":"${ts}","a":3}`, withToken({ 'Nats-Msg-Id': 'm-2' }))
  for (let i = 0; i < 50 && (await stored('nats_c')).length < 2; i++) await sleep(100)
  assert.deepEqual((await stored('nats_c')).map((r) => r.payload).sort(), ['{"a": 1}', '{"a": 3}'])
})

test('who only publishes is told nothing: what is good is stored, what is refused is kept with its reason', async () => {
  nc.publish('tmi.pub.nats_d.x', '{"a":1}', { headers: withToken() })
  nc.publish('tmi.pub.nats_d.x', '{"a":', { headers: withToken() })
  await nc.flush()
  assert.deepEqual(await stored('nats_d'), [{ target: 'x', payload: '{"a": 1}' }])
  let kept: unknown[] = []
  for (let i = 0; i < 50 && kept.length === 0; i++) {
    await sleep(100)
    kept = await query(`select reason, target, convert_from(raw, 'UTF8') as raw from tmidb.raw_bucket where category = 'nats_d'`)
  }
  assert.deepEqual(kept, [{ reason: 'TM201', target: 'x', raw: '{"a":' }])
})

test('the outside user reaches nothing else: no streams, no JetStream, nobody’s requests, no inbox of ours', async () => {
  const refused: string[] = []
  const spy = await open(tmi.connection.nats, 'spy')
  void (async () => {
    for await (const s of spy.status()) if (s.type === 'error') refused.push(String(s.error.message))
  })()
  const heard: string[] = []
  for (const subject of ['tmi.pub.>', 'tmi.in.*', '_TMI.>', '>', '$JS.>', '$SYS.>']) {
    spy.subscribe(subject, { callback: (e, m) => void (e ?? heard.push(m.subject)) })
  }
  spy.subscribe('_INBOX.>', { callback: (e, m) => void (e ?? heard.push(m.subject)) })
  await spy.flush()
  for (const subject of ['tmi.in.0', '$JS.API.STREAM.DELETE.TMI_IN_0', '_INBOX.x.y', '_TMI.x']) spy.publish(subject, 'x')
  await spy.flush()
  await assert.rejects(jetstreamManager(spy, { timeout: 1000 }))
  for (const what of [
    'tmi.pub.>',
    'tmi.in.*',
    '_TMI.>',
    '">"',
    '$JS.>',
    '$SYS.>',
    'tmi.in.0',
    'STREAM.DELETE',
    '_INBOX.x.y',
    '_TMI.x',
  ]) {
    assert.ok(
      refused.some((r) => r.includes(what)),
      `${what} in ${refused.join('; ')}`,
    )
  }
  // A reply subject is the sender's choice; it does not make us write where the sender may not.
  const before = await streamSizes()
  nc.publish('tmi.pub.nats_e.x', '{"a":1}', { headers: withToken(), reply: 'tmi.in.0' })
  nc.publish('tmi.pub.nats_e.x', '{"a":2}', { headers: withToken(), reply: '$JS.API.STREAM.PURGE.TMI_IN_0' })
  await ask('tmi.pub.nats_e.x', '{"a":3}')
  await sleep(300)
  const after = await streamSizes()
  assert.ok(after.reduce((a, b) => a + b) - before.reduce((a, b) => a + b) <= 3)
  for (let i = 0; i < 50 && (await stored('nats_e')).length < 3; i++) await sleep(100)
  assert.equal((await stored('nats_e')).length, 3)
  // Of others it hears at most what is answered to inboxes, never what they sent.
  assert.deepEqual(
    heard.filter((s) => !s.startsWith('_INBOX.')),
    [],
  )
  await spy.close()
})

/** Last sequence numbers. */
async function streamSizes(): Promise<number[]> {
  const admin = await open(adminUrl())
  const manager = await jetstreamManager(admin)
  const sizes: number[] = []
  for await (const { state } of manager.streams.list()) sizes.push(state.last_seq)
  await admin.close()
  return sizes
}

function adminUrl(): string {
  const secrets = JSON.parse(readFileSync(join(tmi.dataDir, 'secrets.json'), 'utf8')) as { nats: string }
  return `nats://tmidb:${secrets.nats}@127.0.0.1:${tmi.env.TMIDB_NATS_PORT}`
}

test('TM400 beyond what may be in flight requests are refused at once, and taken again afterwards', async () => {
  const admin = await open(adminUrl())
  const { promise, resolve } = Promise.withResolvers<void>()
  let taken = 0
  const intake = {
    access: { identify: async () => ({ kind: 'speaker', name: 'x', claims: {} }), limits: { has: () => false } },
    async take() {
      await promise
      taken++
      return { accepted: 1, rejected: [], quarantined: [], single: true }
    },
  } as unknown as Intake
  // In front of a subject of its own, so that the instance's queue group does not share the requests.
  using _door = openNatsIntake(intake, admin, { mostInFlight: 10, subject: 'test.pub' })
  await admin.flush()
  const asked = Array.from({ length: 15 }, () => admin.request('test.pub.a.b', '{}', { timeout: 5000 }))
  await sleep(200)
  resolve()
  const codes = (await Promise.all(asked)).map((m) => m.json<{ code?: string }>().code ?? 'taken')
  assert.deepEqual([taken, codes.filter((c) => c === 'TM400').length], [10, 5])
  assert.equal((await admin.request('test.pub.a.b', '{}')).json<{ accepted: number }>().accepted, 1)
  await admin.close()
})
