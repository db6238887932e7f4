// SPDX-License-Identifier: MIT
// ThingsBoard's device API over HTTP: the addresses, the statuses and what becomes of each body.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { TmiError } from '../../src/base/errors.ts'
import { observeOn } from '../../src/base/observe.ts'
import { type Door, openDoor, told } from './door.ts'

let door: Door
before(async () => {
  door = await openDoor()
})
after(async () => await door?.[Symbol.asyncDispose]())
afterEach(() => {
  door.before = null
  door.rows()
})

async function post(what: string, body: unknown, { token = door.tokens.any, method = 'POST', headers = {} } = {}) {
  const raw = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const response = await fetch(`${door.base}/api/v1/${token}/${what}`, {
    method,
    headers,
    ...(method === 'GET' ? {} : { body: raw as string }),
  })
  return { status: response.status, text: await response.text() }
}

test('telemetry in each form is taken with 200 and nothing in it', async () => {
  for (const body of [
    { temperature: 21.5, ok: true },
    [{ a: 1 }, { b: 'x' }],
    { ts: 1_700_000_000_123, values: { c: 3 } },
    [
      { ts: 1_700_000_000_123, values: { d: 4 } },
      { ts: 1_700_000_000_124, values: { d: 5 } },
    ],
    '{"n":12345678901234567890}',
    { ts: 7, target: 'a field', data: { e: 1 } },
  ]) {
    assert.deepEqual(await post('telemetry', body), { status: 200, text: '' }, JSON.stringify(body))
  }
  const rows = door.rows()
  assert.deepEqual(
    rows.map((r) => [r.category, r.target, Buffer.from(r.payload).toString(), r.ts < 1.71e15 ? r.ts : 'now']),
    [
      ['{"temperature":21.5,"ok":true}', 'now'],
      ['{"a":1}', 'now'],
      ['{"b":"x"}', 'now'],
      ['{"c":3}', 1_700_000_000_123_000],
      ['{"d":4}', 1_700_000_000_123_000],
      ['{"d":5}', 1_700_000_000_124_000],
      ['{"n":12345678901234567890}', 'now'],
      ['{"ts":7,"target":"a field","data":{"e":1}}', 'now'],
    ].map(([payload, ts]) => ['telemetry', 'any', payload, ts]),
  )
})

test('attributes are a category of their own; none are shared with a device', async () => {
  assert.equal((await post('attributes', { firmware: '1.2', serial: 7 })).status, 200)
  assert.deepEqual(told(door.rows()), [['attributes', 'any', '{"firmware":"1.2","serial":7}']])
  assert.deepEqual(await post('attributes?clientKeys=a&sharedKeys=b', '', { method: 'GET' }), { status: 200, text: '{}' })
})

test('a bound token writes its target', async () => {
  assert.equal((await post('telemetry', { a: 1 }, { token: door.tokens.bound })).status, 200)
  assert.deepEqual(told(door.rows()), [['telemetry', 'truck-17', '{"a":1}']])
})

test('a zipped body', async () => {
  assert.equal((await post('telemetry', gzipSync('{"a":1}'), { headers: { 'content-encoding': 'gzip' } })).status, 200)
  assert.equal(door.rows().length, 1)
})

const big = JSON.stringify({ a: Array(20).fill('x'.repeat(60_000)) })
const refused: [what: string, status: number, code: string, () => ReturnType<typeof post>][] = [
  ['a token that is none', 401, 'TM101', () => post('telemetry', {}, { token: 'A1_TEST_TOKEN' })],
  ['a listener’s token', 401, 'TM102', () => post('telemetry', {}, { token: door.tokens.listener })],
  ['a login in the address', 401, 'TM101', () => post('telemetry', {}, { token: `Basic%20${btoa('admin:x')}` })],
  ['a half escape', 400, 'TM303', () => post('telemetry', {}, { token: '%E0%A4%A' })],
  ['reading by a token that is none', 401, 'TM101', () => post('attributes', '', { token: 'x', method: 'GET' })],
  ['no JSON', 400, 'TM201', () => post('telemetry', '{"a":')],
  ['nothing', 400, 'TM201', () => post('telemetry', '')],
  ['a number', 400, 'TM202', () => post('telemetry', '5')],
  ['an array of numbers', 400, 'TM202', () => post('telemetry', '[1,2]')],
  ['values that are no object', 400, 'TM202', () => post('telemetry', { ts: 1_700_000_000_000, values: 5 })],
  ['a time that is none', 400, 'TM211', () => post('telemetry', { ts: 'noon', values: { a: 1 } })],
  ['a number beyond float64', 400, 'TM207', () => post('telemetry', '{"a":1e400}')],
  ['a key twice', 400, 'TM210', () => post('telemetry', '{"a":1,"a":2}')],
  ['over 1 MB', 413, 'TM212', () => post('telemetry', big)],
  ['PUT', 405, 'TM302', () => post('telemetry', {}, { method: 'PUT' })],
  ['GET of telemetry', 405, 'TM302', () => post('telemetry', '', { method: 'GET' })],
]
for (const [what, status, code, ask] of refused) {
  test(`${what} is refused with ${status} ${code}`, async () => {
    const answer = await ask()
    const body = JSON.parse(answer.text) as { code: string; status: number }
    assert.deepEqual([answer.status, body.code, body.status], [status, code, status])
    assert.deepEqual(door.rows(), [])
  })
}

test('a refused method comes with the ones that are taken: attributes can be read too', async () => {
  for (const [what, allow] of [
    ['telemetry', 'POST'],
    ['attributes', 'GET, HEAD, POST'],
  ]) {
    const response = await fetch(`${door.base}/api/v1/${door.tokens.any}/${what}`, { method: 'PUT', body: '{}' })
    assert.deepEqual([response.status, response.headers.get('allow')], [405, allow])
  }
})

test('of an array the bad ones are named with 400, the others are kept', async () => {
  const { status, text } = await post('telemetry', '[{"a":1},{"a":1e400},{"a":3}]')
  const body = JSON.parse(text) as { code: string; details: { accepted: number; rejected: { index: number }[] } }
  assert.deepEqual([status, body.code, body.details.accepted, body.details.rejected[0]?.index], [400, 'TM207', 2, 1])
  assert.equal(door.rows().length, 2)
})

test('TM400 and TM401 keep their status', async () => {
  for (const [code, status] of [
    ['TM400', 429],
    ['TM401', 503],
  ] as const) {
    door.before = async () => {
      throw new TmiError(code)
    }
    assert.equal((await post('telemetry', { a: 1 })).status, status)
  }
})

test('addresses of REST are left to REST', async () => {
  for (const path of [
    '/api/v1/telemetry',
    '/api/v1/sensor',
    '/api/v2/x/telemetry',
    '/api/v1/a/b/telemetry',
    '/api/v1/x/telemetry/y',
    '/api/v1//telemetry',
  ]) {
    assert.equal((await fetch(`${door.base}${path}`)).status, 404, path)
  }
})

test('no token is written to the log, wherever it stands and whatever goes wrong', async () => {
  const lines: string[] = []
  const { any } = door.tokens
  const wrong = any.slice(0, -1) + (any.endsWith('a') ? 'b' : 'a')
  observeOn({ write: (line) => lines.push(line) })
  try {
    door.before = async () => {
      throw new Error('broken inside')
    }
    for (const token of [any, wrong]) {
      await post('telemetry', { a: 1 }, { token })
      await post('telemetry', '{', { token })
      await fetch(`${door.base}/write?db=plant&u=x&p=${token}`, { method: 'POST', body: 'm v=1' })
      await fetch(`${door.base}/api/in/s/t?token=${token}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: '{"a":1}',
      })
    }
  } finally {
    observeOn(process.stdout)
  }
  assert.ok(lines.filter((line) => line.includes('broken inside')).length >= 3)
  const secret = any.slice(-24, -1)
  assert.deepEqual(
    lines.filter((line) => line.includes(secret)),
    [],
  )
})
