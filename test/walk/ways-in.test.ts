// SPDX-License-Identifier: MIT
// Every way in over the HTTP port of a whole instance that speaks TLS, with clients we did not write: what was acknowledged is
// what a listener reads, wherever it came in; and nothing that comes in wrong ends a process.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { InfluxDB, Point } from '@influxdata/influxdb-client'
import WebSocket from 'ws'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type TestCertificate, testCertificate } from '../lib/certificate.ts'
import { type Instance, instanceEnv, run, startInstance } from '../lib/instance.ts'
import { until } from './doors.ts'

type Json = Record<string, unknown>

let certificate: TestCertificate
let ca = ''
let instance: Instance
let pids: (number | null)[]
const open: WebSocket[] = []

before(async () => {
  certificate = await testCertificate()
  ca = readFileSync(certificate.cert, 'utf8')
  const env = { ...(await instanceEnv()), TMIDB_TLS_CERT: certificate.cert, TMIDB_TLS_KEY: certificate.key }
  instance = await startInstance({ env })
  pids = (await instance.units()).map((u) => u.pid)
})
after(async () => {
  for (const ws of open) ws.terminate()
  await instance?.[Symbol.asyncDispose]()
  certificate?.[Symbol.dispose]()
})

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

function ask(
  method: string,
  path: string,
  { body, headers = {} }: { body?: string | Buffer; headers?: Record<string, string> } = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const req = request(`${instance.connection.http}${path}`, { method, headers, ca, agent: false }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (c: Buffer) => chunks.push(c))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString() }))
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(body)
  })
}
const speaks = () => ({ authorization: `Bearer ${instance.connection.speaker.token}` })
const listens = () => ({ authorization: `Bearer ${instance.connection.listener.token}` })

/** What the listener reads of a category, once it has so many rows. */
async function rows(category: string, count: number): Promise<Json[]> {
  return await until(`${count} of ${category}`, async () => {
    const { status, text } = await ask('GET', `/api/v1/${category}?order=ts&limit=1000`, { headers: listens() })
    const found = status === 200 ? (JSON.parse(text) as Json[]) : []
    return found.length === count ? found : null
  })
}

function socket(path: string, headers: Record<string, string> = speaks()) {
  const ws = new WebSocket(`${instance.connection.http.replace('http', 'ws')}${path}`, { headers, ca })
  open.push(ws)
  const seen: Json[] = []
  ws.on('error', () => {})
  ws.on('message', (data) => seen.push(JSON.parse(String(data)) as Json))
  const closed = new Promise<number>((resolve) => ws.on('close', resolve))
  return { ws, seen, closed, ready: until('ready', () => seen.some((m) => m.type === 'ready')) }
}

test('connection.json says https and wss, and where the certificate is', () => {
  const { http, graphql, ws, certificate: file } = instance.connection
  assert.match(http, /^https:\/\/127\.0\.0\.1:\d+$/)
  assert.deepEqual([graphql, ws, file], [`${http}/graphql`, `${http.replace('https', 'wss')}/tmi/ws`, certificate.cert])
})

test('one reading by each way in is one row by each way out', async () => {
  const value = '{"temperature":21.5,"n":12345678901234567890,"ok":true,"note":"ü"}'
  assert.equal((await ask('POST', '/api/in/same/by-http', { body: value, headers: speaks() })).status, 202)
  assert.equal(
    (
      await ask('POST', '/api/in/same/by-ndjson', {
        body: gzipSync(value),
        headers: { ...speaks(), 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
      })
    ).status,
    202,
  )
  const byPath = socket('/ws/in/same/by-ws-path')
  await byPath.ready
  byPath.ws.send(value)
  const byEnvelope = socket('/ws/in')
  await byEnvelope.ready
  byEnvelope.ws.send(`{"category":"same","target":"by-ws","data":${value}}`)
  byEnvelope.ws.send(`{"category":"same","target":"by-ws-batch","readings":[${value}]}`)
  await until('acks', () => byPath.seen.length === 2 && byEnvelope.seen.length === 3)
  assert.ok([...byPath.seen, ...byEnvelope.seen].every((m) => m.type === 'ready' || (m.type === 'ack' && m.accepted === 1)))
  const line = 'same,host=by-influx temperature=21.5,n=12345678901234567890i,ok=true,note="ü"'
  const token = { authorization: `Token ${instance.connection.speaker.token}` }
  assert.equal((await ask('POST', '/api/v2/write?bucket=b', { body: line, headers: token })).status, 204)

  const found = await rows('same', 6)
  assert.deepEqual(
    found.map((r) => [r.target, r.temperature, r.n, r.ok, r.note]).sort(),
    ['by-http', 'by-influx', 'by-ndjson', 'by-ws', 'by-ws-batch', 'by-ws-path'].map((t) => [
      t,
      21.5,
      '12345678901234567890',
      true,
      'ü',
    ]),
  )
})

test('what is sent again with its id is stored once, by WebSocket as by HTTP', async () => {
  const body = '{"category":"again","target":"t","mid":"one","ts":"2026-01-01T00:00:00Z","a":1}'
  for (let n = 0; n < 2; n++) {
    const c = socket('/ws/in')
    await c.ready
    c.ws.send(body)
    await until('ack', () => c.seen.some((m) => m.mid === 'one'))
    c.ws.close()
  }
  const http = '{"ts":"2026-01-01T00:00:00Z","a":1}'
  const { status } = await ask('POST', '/api/in/again/t', { body: http, headers: { ...speaks(), 'idempotency-key': 'one' } })
  assert.equal(status, 202)
  await ask('POST', '/api/in/again/end', { body: '{"a":2}', headers: speaks() })
  assert.equal((await rows('again', 2)).length, 2)
})

test('InfluxDB’s client and ThingsBoard’s firmware over TLS', async () => {
  const writer = new InfluxDB({
    url: instance.connection.http,
    token: instance.connection.speaker.token,
    transportOptions: { ca },
  }).getWriteApi('org', 'plant', 'ms', { gzipThreshold: 0 })
  const t0 = Date.UTC(2026, 5, 1)
  for (let n = 0; n < 500; n++)
    writer.writePoint(
      new Point('Boiler')
        .tag('host', `b${n % 5}`)
        .floatField('temp', n)
        .timestamp(t0 + n),
    )
  await writer.close()
  const boiler = await rows('boiler', 500)
  assert.deepEqual([boiler[1]?.target, boiler[1]?.temp, String(boiler[1]?.ts).slice(0, 23)], ['b1', 1, '2026-06-01T00:00:00.001'])

  const { speaker } = instance.connection
  const device = `/api/v1/${speaker.token}/telemetry`
  const answer = await ask('POST', device, {
    body: '[{"ts":1780000000000,"values":{"t":1}},{"ts":1780000000001,"values":{"t":2}}]',
  })
  assert.deepEqual([answer.status, answer.text], [200, ''])
  assert.deepEqual(
    (await rows('telemetry', 2)).map((r) => [r.target, r.t]),
    [
      [speaker.name, 1],
      [speaker.name, 2],
    ],
  )
})

test('REST keeps its addresses beside InfluxDB’s and ThingsBoard’s', async () => {
  await ask('POST', '/api/in/write/t', { body: '{"a":1}', headers: speaks() })
  assert.equal((await rows('write', 1)).length, 1)
  assert.match((await ask('GET', '/api/v2/write', { headers: listens() })).text, /PGRST|api\.write_v2/)
})

test('tail follows over TLS', async () => {
  const tmictl = join(import.meta.dirname, '..', '..', 'bin', 'tmictl.cjs')
  const tail: ChildProcess = spawn(process.execPath, [tmictl, 'tail', '--json'], { env: { ...process.env, ...instance.env } })
  let said = ''
  let told = ''
  tail.stdout?.on('data', (b: Buffer) => (said += b.toString()))
  tail.stderr?.on('data', (b: Buffer) => (told += b.toString()))
  await until('waiting', () => told.includes('Waiting for readings'))
  await ask('POST', '/api/in/tailed/t', { body: '{"a":1}', headers: speaks() })
  await until('the reading', () => said.includes('"category":"tailed"'))
  tail.kill('SIGINT')
  await new Promise((resolve) => tail.on('close', resolve))
})

test('every answer of every door says: do not guess, do not keep, do not frame', async () => {
  const { token } = instance.connection.speaker
  const json = { 'content-type': 'application/json' }
  const asked: [method: string, path: string, status: number, more?: { body?: string; headers?: Record<string, string> }][] = [
    ['GET', '/', 200],
    ['GET', '/health/ready', 200],
    ['GET', '/api/v1/same', 200, { headers: listens() }],
    ['GET', '/api/same', 404, { headers: listens() }],
    ['GET', '/api/v1/same', 401],
    ['GET', '/api/v1/same?order=none', 400, { headers: listens() }],
    ['OPTIONS', '/api/v1/same', 200, { headers: listens() }],
    ['POST', '/api/in/same/t', 202, { body: '{"n":1}', headers: speaks() }],
    ['POST', '/api/in/same/t', 401, { body: '{"n":1}' }],
    ['POST', '/write?db=d', 204, { body: 'same n=1', headers: { authorization: `Token ${token}` } }],
    ['POST', `/api/v1/${token}/telemetry`, 200, { body: '{"n":1}' }],
    ['POST', '/graphql', 200, { body: '{"query":"{ __typename }"}', headers: { ...listens(), ...json } }],
    ['POST', '/graphql', 400, { body: '{"query":"{"}', headers: { ...listens(), ...json } }],
    ['GET', '/ruru', 200, { headers: { accept: 'text/html' } }],
    ['GET', '/docs', 200],
    ['GET', '/docs/errors', 200],
    ['GET', '/nothing', 404],
    ['TRACE', '/', 404],
  ]
  for (const [method, path, status, more] of asked) {
    const { headers, text, ...answer } = await ask(method, path, more)
    const what = `${method} ${path}`
    assert.equal(answer.status, status, `${what}: ${text}`)
    assert.equal(headers['x-content-type-options'], 'nosniff', what)
    assert.equal(headers['referrer-policy'], 'no-referrer', what)
    assert.match(String(headers['content-security-policy']), /^default-src '(none|self)';.*frame-ancestors 'none'/, what)
    if (path !== '/docs') assert.equal(headers['cache-control'], 'no-store', what)
    if (text !== '') assert.match(headers['content-type'] ?? '', /^[a-z]+\/[a-z+-]+(; ?charset=utf-8)?$/i, what)
    for (const name of ['x-powered-by', 'server']) assert.equal(headers[name], undefined, what)
  }
})

test('Ruru runs no script but its own: each in its text is named by its hash', async () => {
  const { headers, text } = await ask('GET', '/ruru', { headers: { accept: 'text/html' } })
  const policy = /script-src ([^;]+)/.exec(String(headers['content-security-policy']))?.[1]?.split(' ') ?? []
  const scripts = [...text.matchAll(/<script(?:| type="module")>([\s\S]*?)<\/script>/g)].map(([, s = '']) => s)
  assert.ok(scripts.length >= 3)
  const hashes = scripts.map((s) => `'sha256-${createHash('sha256').update(s).digest('base64')}'`)
  assert.deepEqual(policy, ["'self'", ...hashes])
  // Its files are large: a browser asks whether they are still the same.
  const file = await ask('GET', '/ruru-static/ruru.css')
  assert.deepEqual([file.status, file.headers['cache-control']], [200, 'no-cache'])
  const again = await ask('GET', '/ruru-static/ruru.css', { headers: { 'if-none-match': file.headers.etag ?? '' } })
  assert.equal(again.status, 304)
})

test('tokens do not come into the log', async () => {
  const { token } = instance.connection.speaker
  await ask('POST', `/api/v1/${token}/telemetry`, { body: 'no json' })
  await ask('POST', `/write?db=x&p=${token}`, { body: 'bad' })
  socket(`/ws/in?token=${token}`, {})
  await sleep(300)
  const log = readFileSync(join(instance.dataDir, 'log', 'tmidb.log'), 'utf8')
  assert.ok(log.length > 0)
  assert.ok(!log.includes(token))
})

const bytes = Buffer.from([0x16, 0x03, 0x01, 0xff, 0xfe, 0x00])
const wrong: [what: string, status: number, () => Promise<Answer>][] = [
  ['HTTP: rubbish', 400, () => ask('POST', '/api/in/bad/t', { body: bytes, headers: speaks() })],
  ['Influx: rubbish', 400, () => ask('POST', '/api/v2/write?bucket=b', { body: bytes, headers: speaks() })],
  [
    'Influx: rubbish that calls itself gzip',
    400,
    () => ask('POST', '/write?db=b', { body: bytes, headers: { ...speaks(), 'content-encoding': 'gzip' } }),
  ],
  ['Influx: no token', 401, () => ask('POST', '/api/v2/write?bucket=b', { body: 'm v=1' })],
  [
    'Influx: half an escape',
    400,
    () => ask('POST', '/api/v2/write?bucket=%E0%A4%A&precision=%', { body: 'm v=1', headers: speaks() }),
  ],
  ['Influx: a query', 400, () => ask('GET', '/query?q=SELECT', { headers: speaks() })],
  ['ThingsBoard: no token', 401, () => ask('POST', '/api/v1/x/telemetry', { body: '{}' })],
  ['ThingsBoard: rubbish', 400, () => ask('POST', `/api/v1/${instance.connection.speaker.token}/telemetry`, { body: bytes })],
  [
    'ThingsBoard: what is not there',
    404,
    () => ask('POST', `/api/v1/${instance.connection.speaker.token}/rpc/1`, { body: '{}' }),
  ],
]
for (const [what, status, send] of wrong) {
  test(`${what} is answered with ${status}`, async () => {
    const answer = await send()
    assert.equal(answer.status, status, answer.text)
    assert.doesNotThrow(() => JSON.parse(answer.text))
  })
}

test('a renewed certificate is shown within seconds, and open sockets stay', async () => {
  const before = socket('/ws/in/renewed/t')
  await before.ready
  const next = await certificate.renew()
  const old = ca
  await until('the new one', async () => {
    ca = next
    return await ask('GET', '/health/ready').then(
      (a) => a.status === 200,
      () => false,
    )
  })
  ca = old
  await assert.rejects(ask('GET', '/health/ready'))
  ca = next
  before.ws.send('{"a":1}')
  await until('an ack', () => before.seen.some((m) => m.type === 'ack'))
})

test('TM501 a key of another certificate stops the start in one sentence', async () => {
  using other = await testCertificate()
  const env = { ...(await instanceEnv()), TMIDB_TLS_CERT: certificate.cert, TMIDB_TLS_KEY: other.key }
  const ended = await run(['start'], env)
  assert.equal(ended.code, 1)
  assert.match(
    ended.stderr,
    /^The key .* does not belong to the certificate .*\.\n {2}Set TMIDB_TLS_CERT and TMIDB_TLS_KEY to a pair/,
  )
})

test('after all that the same processes run, the ledger balances, and the end is said to senders', async () => {
  const units = await instance.units()
  assert.deepEqual(
    units.map((u) => [u.pid, u.state]),
    pids.map((pid) => [pid, 'ready']),
  )
  const admin = adminQuery(instance.connection.postgres)
  const [ledger] = await admin<Json>(
    'select sum(received)::int as received, sum(stored + duplicate + quarantined)::int as found from tmidb.ledger',
  )
  assert.equal(ledger?.received, ledger?.found)
  const last = socket('/ws/in/last/t')
  await last.ready
  for (let n = 0; n < 100; n++) last.ws.send(`{"n":${n}}`)
  await until('acks', () => last.seen.length === 101)
  const ended = instance.stop()
  assert.equal(await last.closed, 1001)
  assert.equal((await ended).code, 0)
})
