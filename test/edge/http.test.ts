// SPDX-License-Identifier: MIT
// The HTTP door by itself: a real socket and a real database, and a publisher that keeps what it was given.
import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { TmiError } from '../../src/base/errors.ts'
import { type Access, looksRight, openAccess } from '../../src/db/access.ts'
import { httpIntake } from '../../src/edge/http.ts'
import { openIntake } from '../../src/edge/intake.ts'
import type { Row } from '../../src/nats-bridge/frame.ts'
import type { Publisher } from '../../src/nats-bridge/publish.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let access: Access
let base = ''
let published: Row[] = []
let fail: Error | null = null
const tokens = { any: '', bound: '', strict: '', listener: '' }

const publisher: Publisher = {
  async publish(rows) {
    if (fail) throw fail
    published.push(...rows)
  },
  async refuse() {},
  async [Symbol.asyncDispose]() {},
}
const server = createServer()

before(async () => {
  db = await testDatabase()
  const token = async (sql: string) => (await db.query<{ token: string }>(`select ${sql} as token`))[0]?.token ?? ''
  tokens.any = await token(`tmidb.create_speaker('any')`)
  tokens.bound = await token(`tmidb.create_speaker('bound', 'truck-17')`)
  tokens.strict = await token(`tmidb.create_speaker('strict', null, false)`)
  tokens.listener = await token(`tmidb.create_listener('reader')`)
  access = await openAccess(db.url('tmidb_edge'))
  const intake = httpIntake(openIntake({ access, publisher, edgeUrl: db.url('tmidb_edge') }))
  server.on('request', (req, res) => {
    if (!intake(req, res)) res.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  server.closeAllConnections()
  server.close()
  await access[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
beforeEach(() => {
  published = []
  fail = null
})

async function post(path: string, body: string | Buffer, headers: Record<string, string> = {}, token = tokens.any) {
  const response = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: body as string,
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> }
}
const payloads = () => published.map((r) => [r.category, r.target, Buffer.from(r.payload).toString()])

test('category and target come from the address, percent-decoded', async () => {
  assert.equal((await post('/api/in/sensor/a%2Fb%20%C3%A9?x=1', '{"a":1}')).status, 202)
  assert.equal((await post('/api/in/sensor/a/b', '{"a":2}')).status, 202)
  assert.equal((await post('/api/in/sensor/', '{"target":"t","a":3}')).status, 202)
  assert.deepEqual(payloads(), [
    ['sensor', 'a/b é', '{"a":1}'],
    ['sensor', 'a/b', '{"a":2}'],
    ['sensor', 't', '{"a":3}'],
  ])
})

test('a reading names its own target before the address does', async () => {
  await post('/api/in/sensor/address', '[{"target":"own","a":1},{"a":2}]')
  assert.deepEqual(
    payloads().map(([, target]) => target),
    ['own', 'address'],
  )
})

test('ndjson, gzip and a form’s content type are understood', async () => {
  await post('/api/in/s/t', '{"a":1}\n{"a":2}', { 'content-type': 'application/x-ndjson; charset=utf-8' })
  await post('/api/in/s/t', '{"a":3}', { 'content-type': 'application/x-www-form-urlencoded' })
  await post('/api/in/s/t', gzipSync('{"a":4}\n{"a":5}'), { 'content-type': 'application/jsonl', 'content-encoding': 'gzip' })
  assert.deepEqual(
    payloads().map(([, , p]) => p),
    ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}', '{"a":5}'],
  )
})

test('readings without a time get rising times, all different', async () => {
  await post('/api/in/s/t', JSON.stringify(Array.from({ length: 500 }, () => ({ a: 1 }))))
  await post('/api/in/s/t', '{"a":1}')
  const times = published.map((r) => r.ts)
  assert.equal(new Set(times).size, 501)
  assert.deepEqual(
    times,
    [...times].sort((x, y) => x - y),
  )
})

test('Idempotency-Key is the message id; in a batch each reading has its own part of it', async () => {
  await post('/api/in/s/t', '{"a":1}', { 'idempotency-key': 'k1' })
  await post('/api/in/s/t', '[{"a":1},{"mid":"own","a":2}]', { 'idempotency-key': 'k2' })
  assert.deepEqual(
    published.map((r) => r.mid),
    ['k1', 'k2#0', 'own'],
  )
})

test('TM303 a misspelt wait is refused before anything is taken', async () => {
  for (const wait of ['Stored', '', 'true']) {
    const { status, body } = await post(`/api/in/s/t?wait=${wait}`, '{"a":1}')
    assert.deepEqual([status, body.code], [400, 'TM303'], wait)
  }
  assert.deepEqual(published, [])
})

test('TM102 a speaker bound to one target leaves it out, or names it; another is refused', async () => {
  assert.equal((await post('/api/in/s', '{"a":1}', {}, tokens.bound)).status, 202)
  assert.equal((await post('/api/in/s/truck-17', '{"a":2}', {}, tokens.bound)).status, 202)
  const other = await post('/api/in/s/truck-18', '{"a":3}', {}, tokens.bound)
  assert.deepEqual([other.status, other.body.code], [403, 'TM102'])
  const mixed = await post('/api/in/s', '[{"a":4},{"target":"truck-18","a":5}]', {}, tokens.bound)
  assert.deepEqual([mixed.status, mixed.body.accepted, (mixed.body.rejected as { code: string }[])[0]?.code], [202, 1, 'TM102'])
  assert.deepEqual(
    payloads().map(([, target, p]) => [target, p]),
    [
      ['truck-17', '{"a":1}'],
      ['truck-17', '{"a":2}'],
      ['truck-17', '{"a":4}'],
    ],
  )
})

test('TM103 a speaker that may not create writes only what is there', async () => {
  const refused = async (path: string, body = '{"a":1}') => (await post(path, body, {}, tokens.strict)).body.code
  assert.equal(await refused('/api/in/known/new'), 'TM103')
  await db.query(`select tmidb.create_target('there')`)
  assert.equal(await refused('/api/in/known/there'), 'TM103', 'the category is not there yet')
  await db.query(`select tmidb.ingest('known', 'there', '{"a": 0}')`)
  assert.equal((await post('/api/in/known/there', '{"a":1}', {}, tokens.strict)).status, 202)
  assert.equal(await refused('/api/in/known', '[{"target":"there"},{"target":"new"}]'), 'TM103')
  assert.equal(published.length, 1)
})

test('TM101 a token whose check digits are wrong is refused without asking the database', async () => {
  for (const [i, c] of [...tokens.any].entries()) {
    if (i < 12) continue
    const other = c === 'a' ? 'b' : 'a'
    assert.equal(looksRight(tokens.any.slice(0, i) + other + tokens.any.slice(i + 1)), false, `changed at ${i}`)
  }
  assert.equal(looksRight(tokens.any), true)
  const wrong = tokens.any.slice(0, -1) + (tokens.any.endsWith('a') ? 'b' : 'a')
  assert.deepEqual((await post('/api/in/s/t', '{}', {}, wrong)).body.code, 'TM101')
})

test('a token is taken in each form that clients know: Bearer, Token, Basic', async () => {
  for (const authorization of [
    `bearer ${tokens.any}`,
    `Token ${tokens.any}`,
    tokens.any,
    `Basic ${Buffer.from(`x:${tokens.any}`).toString('base64')}`,
  ]) {
    assert.equal((await post('/api/in/s/t', '{"a":1}', { authorization })).status, 202, authorization)
  }
  for (const authorization of ['', 'Bearer', 'Digest x', 'Basic eA==', `Basic ${Buffer.from('x:y').toString('base64')}`]) {
    assert.equal((await post('/api/in/s/t', '{"a":1}', { authorization })).status, 401, authorization)
  }
})

test('TM101 an expired token opens nothing', async () => {
  const [row] = await db.query<{ token: string }>(
    `select tmidb.create_token('speaker', 'any', null, now() + interval '400 ms') as token`,
  )
  assert.equal((await post('/api/in/s/t', '{}', {}, row?.token)).status, 202)
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.equal((await post('/api/in/s/t', '{}', {}, row?.token)).body.code, 'TM101')
})

test('a person sends with a token as a speaker of their own; one that only reads is refused, and so is one from elsewhere', async () => {
  await db.query(`select tmidb.create_account('kim', '$argon2id$', 'editor')`)
  const made = async (more = '') =>
    (await db.query<{ token: string }>(`select tmidb.create_token('user', 'kim'${more}) as token`))[0]?.token
  for (const token of [await made(), await made(`, p_scopes => '{write}', p_from => '{127.0.0.1}'`)])
    assert.equal((await post('/api/in/s/t', '{"a":1}', {}, token)).status, 202)
  const [kim] = await db.query<{ id: string }>(`select speaker_id as id from tmidb.speaker where name = 'user-kim'`)
  assert.deepEqual([...new Set(published.map((r) => String(r.speaker)))], [kim?.id])
  const reads = await post('/api/in/s/t', '{"a":1}', {}, await made(`, p_scopes => '{read}'`))
  assert.deepEqual([reads.status, reads.body.code], [403, 'TM102'])
  const far = await post('/api/in/s/t', '{"a":1}', {}, await made(`, p_from => '{192.0.2.0/24}'`))
  assert.deepEqual([far.status, far.body.code], [403, 'TM111'])
})

test('TM400 and TM401 say when to come again', async () => {
  fail = new TmiError('TM400')
  const busy = await post('/api/in/s/t', '{}')
  assert.deepEqual([busy.status, busy.headers.get('retry-after')], [429, '1'])
  fail = new TmiError('TM401')
  const away = await post('/api/in/s/t', '{}')
  assert.deepEqual([away.status, away.headers.get('retry-after')], [503, '1'])
})

test('TM500 tells nothing of what went wrong inside', async () => {
  fail = new Error('the secret password is hunter2')
  const { status, body } = await post('/api/in/s/t', '{}')
  assert.equal(status, 500)
  assert.doesNotMatch(JSON.stringify(body), /hunter2/)
})

test('a batch where nothing is taken answers with the first fault and all of them', async () => {
  const { status, body } = await post('/api/in/s/t', '[{"a":1e400},5]')
  assert.deepEqual([status, body.code, (body.details as { rejected: unknown[] }).rejected.length], [400, 'TM207', 2])
  assert.deepEqual((await post('/api/in/s/t', '[]')).body, { accepted: 0, rejected: [] })
})

test('TM212 a reading of over 1 MB is refused inside a batch too: no frame could carry one of 10 MB', async () => {
  const large = JSON.stringify({ a: Array(20).fill('x'.repeat(60_000)) })
  const { status, body } = await post('/api/in/s/t', `[{"a":1},${large},{"a":3}]`)
  assert.deepEqual(
    [status, body.accepted, (body.rejected as { index: number; code: string }[]).map((r) => [r.index, r.code])],
    [202, 2, [[1, 'TM212']]],
  )
})

test('TM212 reaches a sender that goes on writing, by announced length and by chunks', async () => {
  for (const length of [true, false]) {
    const status = await new Promise<number>((resolve, reject) => {
      const req = request(`${base}/api/in/s/t`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tokens.any}`, ...(length ? { 'content-length': 24 * 1024 * 1024 } : {}) },
      })
      req.on('response', (res) => resolve(res.resume().statusCode ?? 0))
      req.on('error', reject)
      let left = 24
      const more = () => {
        if (left-- === 0) req.end()
        else req.write(Buffer.alloc(1024 * 1024, 0x20), () => setImmediate(more))
      }
      more()
    })
    assert.equal(status, 413)
  }
})

test('addresses that are not its own are left to others', async () => {
  for (const path of ['/api/v1/sensor', '/api/inn/x', '/']) assert.equal((await fetch(`${base}${path}`)).status, 404)
})
