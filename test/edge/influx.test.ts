// SPDX-License-Identifier: MIT
// InfluxDB's ways in, with InfluxDB's own client and by hand.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { HttpError, InfluxDB, Point, type WriteOptions } from '@influxdata/influxdb-client'
import { TmiError } from '../../src/base/errors.ts'
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

async function write(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = { authorization: `Token ${door.tokens.any}` },
  method = 'POST',
) {
  const response = await fetch(`${door.base}${path}`, { method, headers, ...(method === 'GET' ? {} : { body: body as string }) })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? null : JSON.parse(text)) as Record<string, unknown> | null,
  }
}
const v2 = '/api/v2/write?org=o&bucket=plant'

function client(options: Partial<WriteOptions> = {}, token = door.tokens.any) {
  const failed: [HttpError, string[]][] = []
  const api = new InfluxDB({ url: door.base, token }).getWriteApi('org', 'plant', 'ns', {
    maxRetries: 0,
    flushInterval: 0,
    writeFailed: (error, lines) => {
      failed.push([error as HttpError, lines])
      return Promise.resolve()
    },
    ...options,
  })
  return { api, failed }
}

test('the client of InfluxDB writes points, zipped too', async () => {
  const { api, failed } = client({ gzipThreshold: 100 })
  api.useDefaultTags({ site: 'north, "1"' })
  api.writePoints([
    new Point('Weather Station')
      .tag('host', 'roof 1')
      .floatField('temperature', 21)
      .intField('count', 3)
      .uintField('big', '18446744073709551615')
      .booleanField('wet', false)
      .stringField('note', 'say "hi"\n\\ there')
      .timestamp('1700000000123456789'),
    new Point('log').tag('device', 'd').stringField('text', 'é'),
  ])
  await api.close()
  assert.deepEqual(failed, [])
  const rows = door.rows()
  assert.deepEqual(told(rows), [
    [
      'weather_station',
      'roof 1',
      '{"big":18446744073709551615,"count":3,"note":"say \\"hi\\"\\u000a\\\\ there","temperature":21.0,"wet":false,"site":"north, \\"1\\""}',
    ],
    ['log', 'd', '{"text":"é","site":"north, \\"1\\""}'],
  ])
  assert.equal(rows[0]?.ts, 1_700_000_000_123_456)
})

test('the client is told which lines were refused, and the others are kept', async () => {
  const { api, failed } = client()
  api.writeRecords(['m,host=h v=1', 'm,host=h v=', 'm,host=h v=3', 'm,host=h v=1e400'])
  await api.close()
  const [error] = failed[0] as [HttpError, string[]]
  assert.ok(error instanceof HttpError)
  assert.equal(error.statusCode, 400)
  assert.deepEqual([error.json.code, error.json.line], ['invalid', 2])
  assert.match(
    error.json.message,
    /^partial write: line 2: A value is .*; line 4: A number cannot be held\. .* \(2 written, 2 dropped\)$/,
  )
  assert.equal(door.rows().length, 2)
})

test('the client’s bad token, and its retry after 429 and 503', async () => {
  const bad = client({}, 'nonsense')
  bad.api.writeRecord('m v=1')
  await bad.api.close()
  assert.deepEqual([bad.failed[0]?.[0].statusCode, bad.failed[0]?.[0].json.code], [401, 'unauthorized'])
  for (const code of ['TM400', 'TM401'] as const) {
    let times = 0
    door.before = async () => {
      if (++times === 1) throw new TmiError(code)
    }
    // Nothing that is returned means: go on trying.
    const { api } = client({ maxRetries: 2, minRetryDelay: 10, maxRetryDelay: 50, writeFailed: () => {} })
    api.writeRecord('m v=1')
    await assert.rejects(api.flush(), HttpError)
    await api.flush(true)
    await api.close()
    assert.deepEqual([times, door.rows().length], [2, 1], code)
  }
})

test('one body with many categories is one publish', async () => {
  let publishes = 0
  door.before = async () => void publishes++
  const lines = Array.from(
    { length: 1000 },
    (_, i) => `m${i % 50},host=h${i % 7} v=${i}i ${1_700_000_000_000_000_000n + BigInt(i)}`,
  )
  assert.equal((await write(v2, lines.join('\n'))).status, 204)
  assert.deepEqual([publishes, door.rows().length], [1, 1000])
})

test('gzip, deflate and zstd bodies', async () => {
  const headers = { authorization: `Token ${door.tokens.any}` }
  for (const [encoding, pack] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    assert.equal(
      (await write(v2, pack(Buffer.from('m v=1')), { ...headers, 'content-encoding': encoding })).status,
      204,
      encoding,
    )
    const huge = pack(Buffer.alloc(11 * 1024 * 1024, 0x23))
    const { status, body } = await write(v2, huge, { ...headers, 'content-encoding': encoding })
    assert.deepEqual([status, body?.code], [413, 'request too large'], encoding)
    const broken = await write(v2, 'not packed', { ...headers, 'content-encoding': encoding })
    assert.deepEqual([broken.status, broken.body?.code, broken.body?.tmidb], [400, 'invalid', 'TM303'], encoding)
  }
  assert.deepEqual(
    told(door.rows()).map(([, target]) => target),
    ['plant', 'plant', 'plant'],
  )
  assert.equal((await write(v2, 'm v=1', { ...headers, 'content-encoding': 'br' })).status, 415)
})

test('a token in each form of InfluxDB 1 and 2', async () => {
  const { any } = door.tokens
  const forms: [string, Record<string, string>][] = [
    [v2, { authorization: `Token ${any}` }],
    [v2, { authorization: `Bearer ${any}` }],
    [v2, { authorization: `Token user:${any}` }],
    ['/write?db=plant', { authorization: `Basic ${Buffer.from(`u:${any}`).toString('base64')}` }],
    [`/write?db=plant&u=u&p=${any}`, {}],
    [`/write?db=plant&p=${any}`, {}],
  ]
  for (const [path, headers] of forms)
    assert.equal((await write(path, 'm v=1', headers)).status, 204, JSON.stringify([path, headers]))
  assert.equal(door.rows().length, forms.length)
})

test('precision and bucket, or database, of both versions', async () => {
  for (const [path, time, micros] of [
    [`${v2}&precision=ns`, '1700000000123456789', 1_700_000_000_123_456],
    [`${v2}&precision=us`, '1700000000123456', 1_700_000_000_123_456],
    [`${v2}&precision=ms`, '1700000000123', 1_700_000_000_123_000],
    [`${v2}&precision=s`, '1700000000', 1_700_000_000_000_000],
    ['/write?db=plant&precision=n', '1700000000123456789', 1_700_000_000_123_456],
    ['/write?db=plant&precision=u', '1700000000123456', 1_700_000_000_123_456],
    ['/write?db=plant', '1700000000123456789', 1_700_000_000_123_456],
  ] as const) {
    assert.equal((await write(path, `m v=1 ${time}`)).status, 204, path)
    const [row] = door.rows()
    assert.deepEqual([row?.target, row?.ts], ['plant', micros], path)
  }
})

test('a bound token writes its own target; only a tag "target" may name another, and is refused', async () => {
  const headers = { authorization: `Token ${door.tokens.bound}` }
  assert.equal((await write(v2, 'm,host=pi v=1i', headers)).status, 204)
  assert.deepEqual(told(door.rows()), [['m', 'truck-17', '{"v":1,"host":"pi"}']])
  const other = await write(v2, 'm,target=x v=1\nm,target=truck-17 v=2i', headers)
  assert.deepEqual([other.status, other.body?.code], [400, 'invalid'])
  assert.match(String(other.body?.message), /line 1: This token writes only the target "truck-17"/)
  assert.equal(door.rows().length, 1)
  const none = await write(v2, 'm,target=x v=1', headers)
  assert.deepEqual([none.status, none.body?.code, none.body?.tmidb], [403, 'forbidden', 'TM102'])
})

test('TM103 a speaker that may not create is refused as a whole', async () => {
  const { status, body } = await write(v2, 'newone v=1', { authorization: `Token ${door.tokens.strict}` })
  assert.deepEqual([status, body?.code, body?.tmidb], [403, 'forbidden', 'TM103'])
})

const auth = () => ({ authorization: `Token ${door.tokens.any}` })
const bad: [what: string, status: number, code: string, () => ReturnType<typeof write>][] = [
  ['no token', 401, 'unauthorized', () => write(v2, 'm v=1', {})],
  ['an invented token', 401, 'unauthorized', () => write(v2, 'm v=1', { authorization: 'Token x' })],
  ['a listener’s token', 403, 'forbidden', () => write(v2, 'm v=1', { authorization: `Token ${door.tokens.listener}` })],
  ['an unknown precision', 400, 'invalid', () => write(`${v2}&precision=fortnight`, 'm v=1', auth())],
  ['PUT', 405, 'method not allowed', () => write(v2, 'm v=1', auth(), 'PUT')],
  ['only refused lines', 400, 'invalid', () => write(v2, 'a\nb\nc', auth())],
  ['JSON', 400, 'invalid', () => write(v2, '{"a":1}', auth())],
  ['no target', 400, 'invalid', () => write('/api/v2/write', 'm v=1', auth())],
  ['a bucket that is no target', 400, 'invalid', () => write('/api/v2/write?bucket=%00', 'm v=1', auth())],
  ['over 10 MB', 413, 'request too large', () => write(v2, '#'.repeat(10 * 1024 * 1024 + 1), auth())],
  ['over 100,000 points', 413, 'request too large', () => write(v2, 'm v=1\n'.repeat(100_001), auth())],
]
for (const [what, status, code, ask] of bad) {
  test(`${what} is answered with ${status} in InfluxDB’s form`, async () => {
    const answer = await ask()
    assert.deepEqual([answer.status, answer.body?.code], [status, code])
    assert.ok(String(answer.body?.message).length > 5)
    assert.deepEqual(door.rows(), [])
  })
}

test('InfluxDB 1 says its errors in its own form, in a header too', async () => {
  const { status, body, headers } = await write('/write?db=x', 'm v=1\nétage', auth())
  assert.equal(status, 400)
  assert.match(String(body?.error), /^partial write: line 2: There are no fields\. \(1 written, 1 dropped\)$/)
  assert.equal(headers.get('x-influxdb-error'), body?.error)
  assert.equal((await write('/write?db=x', 'm v=1', {})).status, 401)
})

test('429 and 503 say when to come again; 500 tells nothing', async () => {
  for (const [thrown, status, code] of [
    [new TmiError('TM400'), 429, 'too many requests'],
    [new TmiError('TM401'), 503, 'unavailable'],
    [new TmiError('TM402'), 503, 'unavailable'],
    [new Error('hunter2'), 500, 'internal error'],
  ] as const) {
    door.before = async () => {
      throw thrown
    }
    const answer = await write(v2, 'm v=1')
    assert.deepEqual(
      [answer.status, answer.body?.code, answer.headers.get('retry-after')],
      [status, code, status === 500 ? null : '1'],
    )
    assert.doesNotMatch(JSON.stringify(answer.body), /hunter2/)
  }
})

test('ten refused lines are named, the rest are counted; a body without points is nothing', async () => {
  const { body } = await write(v2, 'bad\n'.repeat(500))
  assert.match(String(body?.message), /line 10: .*; and 490 more \(0 written, 500 dropped\)$/)
  assert.equal((await write(v2, '')).status, 204)
  assert.equal((await write(v2, '# nothing\n\n')).status, 204)
})

test('/ping, /health and CREATE DATABASE are answered as clients ask for them', async () => {
  for (const method of ['GET', 'HEAD']) {
    const ping = await fetch(`${door.base}/ping`, { method })
    assert.deepEqual([ping.status, ping.headers.get('x-influxdb-version')], [204, 'v2.7.0'])
  }
  const health = await write('/health', '', {}, 'GET')
  assert.deepEqual([health.status, health.body?.status], [200, 'pass'])
  const form = { ...auth(), 'content-type': 'application/x-www-form-urlencoded' }
  const create = await write('/query', new URLSearchParams({ q: 'CREATE DATABASE "telegraf"' }).toString(), form)
  assert.deepEqual([create.status, create.body], [200, { results: [{ statement_id: 0 }] }])
  assert.equal((await write(`/query?q=${encodeURIComponent('SELECT * FROM x')}`, '', auth(), 'GET')).status, 400)
  assert.equal((await write('/query?q=CREATE', '', {}, 'GET')).status, 401)
  assert.equal((await write('/api/v2/write', '', {}, 'GET')).status, 404, 'left to REST')
})

test('who views as somebody else sends nothing, and is told which header is in the way', async () => {
  const identity = {
    kind: 'account',
    name: 'kim',
    claims: { role: 'tmidb_viewer', viewed_by: 'root' },
    target: null,
    mayCreate: false,
    mayIntrospect: true,
  } as const
  await assert.rejects(
    door.intake.take({ identity, category: 'sensor', target: 't', body: Buffer.from('{"a": 1}'), format: 'json' }),
    (e: { code: string; hint: string }) => e.code === 'TM102' && e.hint.includes('Tmidb-View-As'),
  )
})
