// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { TmiError } from '../../src/base/errors.ts'
import { gateBody, gateReading, type Reading } from '../../src/edge/gate.ts'
import { ShapeBook } from '../../src/edge/shape.ts'

const now = Date.UTC(2026, 5, 1) * 1000
const day = 86_400_000_000
const book = new ShapeBook()

function gate(body: string | Uint8Array, format: 'json' | 'ndjson' = 'json') {
  return gateBody(typeof body === 'string' ? Buffer.from(body) : body, { format, shapes: book.of('test'), now })
}

const payload = (reading: Reading | undefined) => Buffer.from(reading!.payload).toString()
const codes = (body: string, format?: 'json' | 'ndjson') => gate(body, format).rejected.map((r) => `${r.index} ${r.code}`)
const text = (value: unknown) => JSON.stringify(value)
const thrown = (code: string) => (e: unknown) => e instanceof TmiError && e.code === code
const deep = (levels: number) => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1)

// What is accepted, and what becomes of it.

for (const body of [
  '{}',
  ' {"a":1} ',
  '\ufeff{"a":1}',
  '{"a":-0}',
  '{"a":-0.0e-5}',
  '{"a":1e308}',
  '{"a":1.7976931348623157e308}',
  '{"a":2.2250738585072014e-308}',
  '{"a":12345678901234567890}',
  `{"a":-${'9'.repeat(38)}}`,
  '{"a":0.1000000000000000055511151231257827021181583404541015625}',
  '{"__proto__":{"x":1}}',
  '{"constructor":1,"toString":2}',
  '{"a":"😀","b":"\\ud83d\\ude00"}',
  '{"rtl":"שלום \u202e abc"}',
  '{"é":1,"e\u0301":2}',
  '{"":1}',
  '{"a":[[],{},[null,true,false]]}',
  '{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uFFFF"}',
  '{"=1+1":"=cmd()"}',
  '{\n\t"a" :\r 1 , "b":\t[ 1 , 2 ]\n}',
  deep(32),
  `{"a":"${'x'.repeat(65_536)}"}`,
  `{"a":"${'\\u00e9'.repeat(32_768)}"}`,
  `{"${'k'.repeat(256)}":1}`,
  text(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]))),
]) {
  test(`${body.length > 60 ? `${body.slice(0, 50)}… (${body.length})` : text(body)} is accepted and its bytes are kept`, () => {
    const { readings, rejected } = gate(body)
    assert.deepEqual(rejected, [])
    assert.equal(payload(readings[0]), body.replace('\ufeff', '').trim())
  })
}

test('the payload of a reading without envelope is a view of the body', () => {
  const body = new TextEncoder().encode('[{"a":1}]')
  const { payload: view } = gate(body).readings[0]!
  assert.equal(view.buffer, body.buffer)
  assert.equal(view.byteOffset, 1)
})

test('target, ts and mid are cut out wherever they stand', () => {
  const cases = [
    ['{"target":"t","ts":1,"mid":"m","a":1,"b":2}', '{"a":1,"b":2}'],
    ['{"a":1,"target":"t","b":{"ts":2},"ts":1, "c" : 3 ,"mid":"m"}', '{"a":1,"b":{"ts":2},"c" : 3}'],
    ['{ "a":1, "b":2, "ts":1}', '{"a":1, "b":2}'],
    ['{"\\u0074s":1}', '{}'],
  ] as const
  for (const [body, expected] of cases) assert.equal(payload(gate(body).readings[0]), expected)
})

test('payloads that were put together do not touch each other', () => {
  const { readings } = gate(text(Array.from({ length: 100 }, (_, i) => ({ target: `t${i}`, a: i, ts: i }))))
  assert.deepEqual(
    readings.map(payload),
    Array.from({ length: 100 }, (_, i) => `{"a":${i}}`),
  )
  assert.deepEqual(
    readings.map((r) => r.target),
    Array.from({ length: 100 }, (_, i) => `t${i}`),
  )
})

test('data is the payload', () => {
  const [reading] = gate('{"target":"t","data": {"ts":1,"data":2} ,"ts":"2026-01-01T00:00:00Z","mid":"m-1"}').readings
  assert.equal(payload(reading), '{"ts":1,"data":2}')
  assert.deepEqual([reading!.target, reading!.ts, reading!.mid], ['t', Date.UTC(2026, 0, 1) * 1000, 'm-1'])
})

test('null says that there is no target, ts or mid', () => {
  const [reading] = gate('{"target":null,"ts":null,"mid":null,"a":1}').readings
  assert.deepEqual([reading!.target, reading!.ts, reading!.mid, payload(reading)], [null, null, null, '{"a":1}'])
})

test('a target may be a number or have escapes, and is text', () => {
  assert.deepEqual(
    gate('[{"target":17.0},{"target":"a\\u00e9b"},{"target":"ä"},{"target":"ä"}]').readings.map((r) => r.target),
    ['17.0', 'aéb', 'ä', 'ä'],
  )
})

test('a message id may be an integer of any size', () => {
  assert.deepEqual(
    gate('[{"mid":7},{"mid":12345678901234567890},{"mid":"\\u0041"}]').readings.map((r) => r.mid),
    ['7', '12345678901234567890', 'A'],
  )
})

test('ts is RFC 3339 with or without escapes, or an epoch number, or its text', () => {
  const { readings } = gate(
    '[{"ts":"1970-01-01T00:00:01\\u005a"},{"ts":1},{"ts":"1"},{"ts":1.0},{"ts":1e0},{"ts":"1970-01-01 09:00:01+09:00"}]',
  )
  assert.deepEqual(
    readings.map((r) => r.ts),
    Array(6).fill(1_000_000),
  )
})

test('a reading before 1900 or over a day ahead is accepted and quarantined (TM216)', () => {
  const at = (micros: number) => new Date(micros / 1000).toISOString()
  const times = ['1899-12-31T23:59:59Z', '1900-01-01T00:00:00Z', at(now + day), at(now + day + 1000), '9999-12-31T23:59:59Z']
  assert.deepEqual(
    gate(text(times.map((ts) => ({ ts })))).readings.map((r) => r.quarantine),
    ['TM216', null, null, 'TM216', 'TM216'],
  )
})

test('an array is a batch, an object is not', () => {
  assert.deepEqual(
    [gate('[]').single, gate('[{}]').single, gate('{}').single, gate(' [ {} , {} ] ').readings.length],
    [false, false, true, 2],
  )
})

test('ndjson is one object a line; blank lines count for nothing', () => {
  const { readings, single } = gate('\ufeff{"a":1}\r\n\n  \n{"target":"x","b":2}\n', 'ndjson')
  assert.deepEqual(
    readings.map((r) => [r.index, payload(r)]),
    [
      [0, '{"a":1}'],
      [1, '{"b":2}'],
    ],
  )
  assert.equal(single, false)
})

test('gateReading gives the one reading', () => {
  assert.equal(payload(gateReading(Buffer.from('{"a":1}'), { shapes: book.of('test'), now })), '{"a":1}')
})

// What is refused by itself.

for (const [code, what, body] of [
  ['TM202', 'a number', '5'],
  ['TM202', 'a string', '"{}"'],
  ['TM202', 'null', 'null'],
  ['TM202', 'a data that is no object', '{"data":5}'],
  ['TM202', 'a data that is null', '{"data":null}'],
  ['TM203', '33 levels', deep(33)],
  ['TM203', '100,000 levels', deep(100_000)],
  ['TM203', '100,000 arrays', `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`],
  ['TM203', '33 levels in data', `{"data":${deep(33)}}`],
  ['TM204', '1,001 keys', text(Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, i])))],
  ['TM204', '1,001 keys in many objects', text({ a: Array.from({ length: 1000 }, () => ({ b: 1 })) })],
  ['TM204', '100,000 keys', text(Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`k${i}`, i])))],
  ['TM205', 'a key of 257 bytes', `{"${'k'.repeat(257)}":1}`],
  ['TM205', 'a nested key of 257 bytes', `{"a":{"${'é'.repeat(129)}":1}}`],
  ['TM206', 'a string of 64 kB and a byte', `{"a":"${'x'.repeat(65_537)}"}`],
  ['TM206', 'one with escapes', `{"a":["${'\\u00e9'.repeat(32_768)}x"]}`],
  ['TM207', '1e400', '{"a":1e400}'],
  ['TM207', '-1e309', '{"a":[-1e309]}'],
  ['TM207', '1e131071', '{"a":1e131071}'],
  ['TM207', '1e-400', '{"a":1e-400}'],
  ['TM207', 'a subnormal number', '{"a":5e-324}'],
  ['TM207', 'the largest subnormal number', '{"a":2.225073858507201e-308}'],
  ['TM207', '0e-16000', '{"a":0e-16000}'],
  ['TM207', 'an exponent of 30 digits', `{"a":1e${'9'.repeat(30)}}`],
  ['TM207', '39 digits', `{"a":${'9'.repeat(39)}}`],
  ['TM207', '400 digits and a fraction', `{"a":${'9'.repeat(400)}.5}`],
  ['TM207', '0.000…1 with 400 zeros', `{"a":0.${'0'.repeat(400)}1}`],
  ['TM207', '2,000 digits behind the point', `{"a":0.${'1'.repeat(2000)}}`],
  ['TM208', '\\u0000 in a string', '{"a":"x\\u0000"}'],
  ['TM208', '\\u0000 in a key', '{"\\u0000":1}'],
  ['TM208', '\\u0000 in a target', '{"target":"\\u0000"}'],
  ['TM209', 'a lone high surrogate', '{"a":"\\ud800"}'],
  ['TM209', 'a lone low surrogate', '{"a":"\\udc00"}'],
  ['TM209', 'two high surrogates', '{"a":"\\ud800\\ud800"}'],
  ['TM209', 'a lone surrogate in a key', '{"\\ud800x":1}'],
  ['TM209', 'a high surrogate before another escape', '{"a":"\\ud800\\n"}'],
  ['TM210', 'a repeated key', '{"a":1,"b":2,"a":3}'],
  ['TM210', 'a repeated key with an escape', '{"a":1,"\\u0061":2}'],
  ['TM210', 'a repeated nested key', '{"x":[{"a":1,"b":{"a":1},"\\u0061":3}]}'],
  ['TM210', 'a repeated __proto__', '{"__proto__":1,"__proto__":2}'],
  ['TM210', 'a repeated target', '{"target":"a","target":"b"}'],
  ['TM210', 'a repeated data', '{"data":{},"data":{}}'],
  ['TM210', 'a key repeated inside data', '{"data":{"a":1,"a":1}}'],
  ['TM210', 'a key repeated behind 900 others', `{"n":{${Array.from({ length: 900 }, (_, i) => `"k${i}":1`).join(',')},"k7":2}}`],
  ['TM211', 'an unreadable time', '{"ts":"yesterday"}'],
  ['TM211', 'a time without a zone', '{"ts":"2026-01-01T00:00:00"}'],
  ['TM211', 'infinity as time', '{"ts":"infinity"}'],
  ['TM211', 'an object as time', '{"ts":{}}'],
  ['TM211', 'nanoseconds', '{"ts":1700000000000000000}'],
  ['TM105', 'an empty target', '{"target":""}'],
  ['TM105', 'a target of 257 bytes', `{"target":"${'x'.repeat(257)}"}`],
  ['TM105', 'a target with a line feed', '{"target":"a\\nb"}'],
  ['TM105', 'a target with DEL', '{"target":"a\x7f"}'],
  ['TM105', 'a target that is true', '{"target":true}'],
  ['TM214', 'an empty mid', '{"mid":""}'],
  ['TM214', 'a mid of 129 bytes', `{"mid":"${'x'.repeat(129)}"}`],
  ['TM214', 'a mid with a fraction', '{"mid":1.5}'],
  ['TM214', 'a mid that is an array', '{"mid":[]}'],
  ['TM215', 'keys before data', '{"a":1,"data":{"b":2}}'],
  ['TM215', 'keys behind data', '{"data":{"b":2},"a":1}'],
] as const) {
  test(`${code} refuses ${what} alone, and in a batch only that reading`, () => {
    const alone = gate(body)
    assert.deepEqual([alone.readings, alone.rejected.map((r) => [r.index, r.code]), alone.single], [[], [[0, code]], true])
    const batch = gate(`[{"z":1},${body},{"z":2}]`)
    assert.deepEqual([batch.readings.map((r) => r.index), batch.rejected.map((r) => [r.index, r.code])], [[0, 2], [[1, code]]])
    assert.deepEqual(codes(`{"z":1}\n${body}\n{"z":2}`, 'ndjson'), [`1 ${code}`])
    assert.throws(() => gateReading(Buffer.from(body), { shapes: book.of('test'), now }), thrown(code))
  })
}

test('TM210 is found also when all keys come as predicted', () => {
  for (let i = 0; i < 3; i++)
    assert.deepEqual(codes('[{"p":1,"q":2,"r":3},{"p":1,"q":2,"p":3},{"q":1,"q":1}]'), ['1 TM210', '2 TM210'])
})

test('the same key may stand in a reading and in its data only as one of them (TM215)', () => {
  assert.deepEqual(codes('{"a":1,"data":{"a":2}}'), ['0 TM215'])
  assert.equal(
    payload(gate('{"ts":1,"data":{"ts":2,"target":3,"data":4,"mid":5}}').readings[0]),
    '{"ts":2,"target":3,"data":4,"mid":5}',
  )
})

test('TM202 refuses an array inside a batch, however deep', () => {
  assert.deepEqual(codes(`[${'['.repeat(1e5)}${']'.repeat(1e5)},{}]`), ['0 TM202'])
})

test('TM202 refuses a batch where one reading is asked for', () => {
  assert.throws(() => gateReading(Buffer.from('[{}]'), { shapes: book.of('test'), now }), thrown('TM202'))
})

test('a refusal says where and what is allowed', () => {
  const [refused] = gate('[{"a":1},{"temperature":1e400}]').rejected
  assert.match(refused!.message, /\(byte 24, in "temperature"\)\. Use finite float64/)
})

test('of very many refusals the later ones say only what is wrong', () => {
  const { rejected } = gate(`[${Array(1001).fill('1').join(',')}]`)
  assert.deepEqual(
    [rejected.length, rejected[1000]],
    [1001, { index: 1000, code: 'TM202', message: 'A reading is a JSON object.' }],
  )
})

// What breaks the whole body.

for (const body of [
  '',
  ' ',
  '\ufeff',
  '{',
  '}',
  '[',
  ']',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{,}',
  '{a:1}',
  "{'a':1}",
  '{"a":1}}',
  '{"a":1}{"b":2}',
  '[{}',
  '[{},]',
  '[,{}]',
  '[{} {}]',
  '{"a":01}',
  '{"a":-}',
  '{"a":+1}',
  '{"a":.5}',
  '{"a":1.}',
  '{"a":1e}',
  '{"a":1e+}',
  '{"a":0x1}',
  '{"a":NaN}',
  '{"a":Infinity}',
  '{"a":tru}',
  '{"a":nul',
  '{"a":True}',
  '{"a":"',
  '{"a":"\\',
  '{"a":"\\x"}',
  '{"a":"\\u12"}',
  '{"a":"\\u12G4"}',
  '{"a":"\t"}',
  '{"a":"\n"}',
  '{"a":1 "b":2}',
  '{"a":[1,]}',
  '{"a":[1}',
  '{"a":{"b":1]}',
  '// x\n{}',
  '{"a":1e400',
  '[{"a":1e400},{"b":]',
  `${'['.repeat(1e5)}`,
  `${'{"a":'.repeat(1e5)}`,
  '{"a":\u00a01}',
  '{"a":1}\u0000',
]) {
  test(`TM201 throws for ${text(body.length > 50 ? `${body.slice(0, 40)}… (${body.length})` : body)}`, () =>
    assert.throws(() => gate(body), thrown('TM201')))
}

test('TM208 throws for a raw U+0000 in a string', () => {
  assert.throws(() => gate('{"a":"\u0000"}'), thrown('TM208'))
})

for (const [what, bytes] of [
  ['a stray byte', [0xff]],
  ['an encoded surrogate', [0xed, 0xa0, 0x80]],
  ['an overlong form', [0xc0, 0x80]],
  ['a cut character', [0xc3]],
] as const) {
  test(`TM209 throws for ${what} and says where`, () => {
    const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')])
    assert.throws(
      () => gate(body),
      (e) => thrown('TM209')(e) && /byte 6/.test((e as Error).message),
    )
  })
}

test('in ndjson a broken line is refused alone (TM201, TM209)', () => {
  const body = Buffer.concat([
    Buffer.from('{"a":1}\n{"a":\n"b":2}\n{"c":1} x\n{"d":"'),
    Buffer.from([0xff]),
    Buffer.from('"}\n{"e":1}'),
  ])
  const { readings, rejected } = gate(body, 'ndjson')
  assert.deepEqual(
    rejected.map((r) => `${r.index} ${r.code}`),
    ['1 TM201', '2 TM201', '3 TM201', '4 TM209'],
  )
  assert.deepEqual(
    readings.map((r) => r.index),
    [0, 5],
  )
})

// Properties.

const envelope = fc.record(
  { target: fc.oneof(fc.string(), fc.integer()), ts: fc.oneof(fc.integer(), fc.string()), mid: fc.string() },
  { requiredKeys: [] },
)
const object = fc
  .jsonValue({ maxDepth: 5, noUnicodeString: false })
  .filter((v) => typeof v === 'object' && v !== null && !Array.isArray(v)) as fc.Arbitrary<object>
const dictionary = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('a', 'b', '__proto__', 'é')),
  fc.jsonValue({ noUnicodeString: false }),
)

test('what is accepted is what was sent without the envelope', () => {
  let accepted = 0
  fc.assert(
    fc.property(
      fc.oneof(object, dictionary),
      envelope,
      fc.constantFrom(undefined, 1, '\t'),
      fc.boolean(),
      (value, head, indent, isData) => {
        const sent = isData
          ? { ...head, data: value }
          : fc.sample(fc.boolean(), { seed: 1, numRuns: 1 })[0]
            ? { ...value, ...head }
            : { ...head, ...value }
        const body = JSON.stringify(sent, null, indent)
        const { readings } = gate(body)
        if (readings.length === 0) return
        accepted++
        const expected = JSON.parse(body) as Record<string, unknown>
        for (const key of ['target', 'ts', 'mid']) delete expected[key]
        assert.equal(text(JSON.parse(payload(readings[0]))), text(isData ? expected.data : expected))
      },
    ),
    { numRuns: 3000 },
  )
  assert.ok(accepted > 500, `${accepted}`)
})

const pieces = fc
  .array(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '"a":',
      '"b":',
      '"ts":',
      '"data":',
      '{"a":1}',
      '1',
      '0',
      '-',
      '.5',
      'e9',
      '1e400',
      'true',
      'null',
      ' ',
      '\n',
      '\\u0000',
      '\\ud800',
      '"\\',
      'é',
      '\u0000',
      '"x"',
      '[]',
      '{}',
    ),
    { maxLength: 14 },
  )
  .map((p) => Buffer.from(p.join('')))
const wounded = fc
  .tuple(fc.oneof(object, fc.array(object)), fc.nat(), fc.option(fc.integer({ min: 0, max: 255 })), fc.boolean())
  .map(([value, at, byte, cut]) => {
    const body = Buffer.from(text(value))
    const i = at % body.length
    if (byte === null) return Buffer.concat([body.subarray(0, i), body.subarray(i + 1)])
    if (cut) return body.subarray(0, i)
    body[i] = byte
    return body
  })

test('the verdict on syntax is that of JSON.parse, whatever the bytes, and nothing but a TmiError is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(pieces, wounded, fc.uint8Array()), (body) => {
      let isJson = isUtf8(body)
      try {
        JSON.parse(Buffer.from(body).toString())
      } catch {
        isJson = false
      }
      let isTaken = true
      try {
        gate(body)
      } catch (e) {
        assert.ok(e instanceof TmiError, String(e))
        isTaken = false
      }
      assert.equal(isTaken, isJson)
    }),
    { numRuns: 20_000 },
  )
})

test('a line of ndjson has the verdict that it has alone', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, wounded), { maxLength: 5 }), (bodies) => {
      const lines = bodies.map((b) => Buffer.from(b.toString('latin1').replaceAll('\n', ' '), 'latin1'))
      const joined = lines.flatMap((line) => [line, Buffer.from('\n')])
      const { readings, rejected } = gate(Buffer.concat(joined), 'ndjson')
      const verdicts: string[] = []
      for (const r of readings) verdicts[r.index] = payload(r)
      for (const r of rejected) verdicts[r.index] = 'refused'
      const alone = lines
        .filter((line) => /[^ \t\r]/.test(line.toString('latin1')))
        .map((line) => {
          try {
            const one = gate(line)
            return one.single && one.readings[0] !== undefined ? payload(one.readings[0]) : 'refused'
          } catch {
            return 'refused'
          }
        })
      assert.deepEqual(verdicts, alone)
    }),
    { numRuns: 3000 },
  )
})
