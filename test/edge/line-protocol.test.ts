// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gateBody } from '../../src/edge/gate.ts'
import { type Precision, readLines } from '../../src/edge/line-protocol.ts'
import { ShapeBook } from '../../src/edge/shape.ts'

const book = new ShapeBook()

/** What the gate makes of the lines: category, target, ts, payload; and what is refused, by line. */
function read(
  body: string | Buffer,
  { precision = 'ns', anyTarget = true }: { precision?: Precision; anyTarget?: boolean } = {},
) {
  const { points, faults } = readLines(Buffer.from(body), { precision, anyTarget })
  const rows: unknown[][] = []
  const refused = faults.map((f) => `${f.line} ${f.code}`)
  for (const { category, ndjson, lines } of points) {
    const gated = gateBody(ndjson, { format: 'ndjson', shapes: book.of(category), now: Date.UTC(2030, 0) * 1000 })
    assert.equal(gated.readings.length + gated.rejected.length, lines.length)
    for (const r of gated.readings) rows.push([lines[r.index], category, r.target, r.ts, Buffer.from(r.payload).toString()])
    for (const r of gated.rejected) refused.push(`${lines[r.index]} ${r.code}`)
  }
  rows.sort((a, b) => (a[0] as number) - (b[0] as number))
  return { rows, refused: refused.sort() }
}
const payloadOf = (line: string) => read(line).rows[0]?.[4]

test('a point: measurement, tags, typed fields, time', () => {
  const { rows, refused } = read('cpu,host=web-1,core=0 usage=1.5,n=3i,u=7u,up=t,state="on fire" 1700000000123456789\n')
  assert.deepEqual(refused, [])
  assert.deepEqual(rows, [
    [1, 'cpu', 'web-1', 1_700_000_000_123_456, '{"usage":1.5,"n":3,"u":7,"up":true,"state":"on fire","core":"0"}'],
  ])
})

for (const [written, kept] of [
  ['1', '1.0'],
  ['-1', '-1.0'],
  ['+1', '1.0'],
  ['1.', '1.0'],
  ['.5', '0.5'],
  ['-.5', '-0.5'],
  ['007.50', '7.50'],
  ['0', '0.0'],
  ['1e5', '1e5'],
  ['-1.5E+3', '-1.5e+3'],
  ['1.7976931348623157e308', '1.7976931348623157e308'],
  ['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257827'],
  ['12345678901234567890', '12345678901234567890.0'],
  ['1i', '1'],
  ['-0i', '-0'],
  ['007i', '7'],
  ['000i', '0'],
  ['9223372036854775807i', '9223372036854775807'],
  ['-9223372036854775808i', '-9223372036854775808'],
  ['18446744073709551615u', '18446744073709551615'],
  ['t', 'true'],
  ['T', 'true'],
  ['true', 'true'],
  ['True', 'true'],
  ['TRUE', 'true'],
  ['f', 'false'],
  ['F', 'false'],
  ['false', 'false'],
  ['False', 'false'],
  ['FALSE', 'false'],
  ['""', '""'],
  ['"a\\"b"', '"a\\"b"'],
  ['"a\\\\b"', '"a\\\\b"'],
  ['"C:\\dir"', '"C:\\\\dir"'],
  ['"a, b=c\tй"', '"a, b=c\\u0009й"'],
  ['"two\nlines"', '"two\\u000alines"'],
] as const) {
  test(`the value ${JSON.stringify(written)} is kept as ${kept}`, () =>
    assert.equal(payloadOf(`m v=${written}`), `{"v":${kept}}`))
}

for (const [line, code] of [
  ['m', 'TM220'],
  ['m ', 'TM220'],
  [',a=b v=1', 'TM220'],
  ['m,a v=1', 'TM220'],
  ['m,a= v=1', 'TM220'],
  ['m,=b v=1', 'TM220'],
  ['m,a=b=c v=1', 'TM220'],
  ['m, v=1', 'TM220'],
  ['m v', 'TM220'],
  ['m v=', 'TM220'],
  ['m =1', 'TM220'],
  ['m v=1,', 'TM220'],
  ['m v=1x', 'TM220'],
  ['m v=1 x', 'TM211'],
  ['m v=1 1.5', 'TM211'],
  ['m v=1 1 1', 'TM211'],
  ['m v=1 99999999999999999999', 'TM211'],
  ['m v=abc', 'TM220'],
  ["m v='a'", 'TM220'],
  ['m v="open', 'TM220'],
  ['m v="a"b', 'TM220'],
  ['m v=1.5i', 'TM220'],
  ['m v=1e5i', 'TM220'],
  ['m v=-1u', 'TM220'],
  ['m v=i', 'TM220'],
  ['m v=-', 'TM220'],
  ['m v=.', 'TM220'],
  ['m v=1e', 'TM220'],
  ['m v=0x10', 'TM220'],
  ['m v=NaN', 'TM207'],
  ['m v=Inf', 'TM207'],
  ['m v=-inf', 'TM207'],
  ['m v=+Infinity', 'TM207'],
  ['m v=1e400', 'TM207'],
  [`m v=${'9'.repeat(39)}i`, 'TM207'],
  ['m v=1,v=2', 'TM210'],
  ['m,a=1,a=2 v=1', 'TM210'],
  [`m ${'k'.repeat(257)}=1`, 'TM205'],
  [`m v="${'x'.repeat(65_537)}"`, 'TM206'],
  ['m v="\u0000"', 'TM208'],
  [`m ${Array.from({ length: 1001 }, (_, i) => `k${i}=1`).join(',')}`, 'TM204'],
  [`${'m'.repeat(49)} v=1`, 'TM104'],
  ['% v=1', 'TM104'],
  ['m,target=a\tb v=1', 'TM105'],
  [`m,host=${'h'.repeat(257)} v=1`, 'TM105'],
] as const) {
  test(`${code} ${JSON.stringify(line.slice(0, 40))} is refused, and the lines around it are taken`, () => {
    const { rows, refused } = read(`m v=1\n${line}\nm v=3\n`)
    assert.deepEqual(refused, [`2 ${code}`])
    assert.deepEqual(
      rows.map((r) => r[0]),
      [1, 3],
    )
  })
}

test('TM209 text that is no UTF-8 is refused by its line', () => {
  const { rows, refused } = read(Buffer.concat([Buffer.from('m v=1\nm v="'), Buffer.from([0xff]), Buffer.from('"\nm v=3')]))
  assert.deepEqual([rows.length, refused], [2, ['2 TM209']])
})

test('a measurement becomes a category', () => {
  for (const [measurement, category] of [
    ['CPU_Load', 'cpu_load'],
    ['win-cpu.total', 'win_cpu_total'],
    ['my\\ room\\,1', 'my_room_1'],
    ['°C', 'm__c'],
    ['5min', 'm_5min'],
    ['_internal', 'm__internal'],
    ['température', 'temp_rature'],
  ]) {
    assert.deepEqual(
      read(`${measurement} v=1`).rows.map((r) => r[1]),
      [category],
      measurement,
    )
  }
})

test('the target is the first tag of the list that is there; the others are fields', () => {
  const target = (tags: string, anyTarget = true) => {
    const row = read(`m,${tags} v=1i`, { anyTarget }).rows[0]
    return [row?.[2], row?.[4]]
  }
  assert.deepEqual(target('host=h,device=d,target=t'), ['t', '{"v":1,"host":"h","device":"d"}'])
  assert.deepEqual(target('host=h,device_id=i,device=d'), ['d', '{"v":1,"host":"h","device_id":"i"}'])
  assert.deepEqual(target('host=h,entity_id=e'), ['e', '{"v":1,"host":"h"}'])
  assert.deepEqual(target('id=i,host=h'), ['h', '{"v":1,"id":"i"}'])
  assert.deepEqual(target('id=i'), ['i', '{"v":1}'])
  assert.deepEqual(target('site=s'), [null, '{"v":1,"site":"s"}'])
  assert.deepEqual(target('host=a\\ b\\,c\\=d\\e'), ['a b,c=d\\e', '{"v":1}'])
  assert.deepEqual(target('host=h,target=t', false), ['t', '{"v":1,"host":"h"}'])
  assert.deepEqual(target('host=h', false), [null, '{"v":1,"host":"h"}'])
})

test('a tag that is called like a field stays beside it', () => {
  assert.equal(payloadOf('m,state=a,x=b state="c",y=1i'), '{"state":"c","y":1,"state_tag":"a","x":"b"}')
})

test('names of the envelope are fields like any other', () => {
  assert.equal(
    payloadOf('m,ts=a,mid=b,data=c,target=t ts=1i,mid=2i,data=3i'),
    '{"ts":1,"mid":2,"data":3,"ts_tag":"a","mid_tag":"b","data_tag":"c"}',
  )
})

test('time in each precision becomes microseconds; what nanoseconds have beyond is cut off', () => {
  const ts = (time: string, precision?: Precision) => read(`m v=1 ${time}`, precision ? { precision } : {}).rows[0]?.[3]
  assert.equal(ts('1700000000123456999'), 1_700_000_000_123_456)
  assert.equal(ts('1700000000123456', 'us'), 1_700_000_000_123_456)
  assert.equal(ts('1700000000123', 'ms'), 1_700_000_000_123_000)
  assert.equal(ts('1700000000', 's'), 1_700_000_000_000_000)
  assert.equal(ts('28333333', 'm'), 1_699_999_980_000_000)
  assert.equal(ts('472222', 'h'), 1_699_999_200_000_000)
  // Around 1970 a number of microseconds looks like one of milliseconds or seconds.
  assert.equal(ts('0', 's'), 0)
  assert.equal(ts('999'), 0)
  assert.equal(ts('1500'), 1)
  assert.equal(ts('123456789', 'us'), 123_456_789)
  assert.equal(ts('-1', 'us'), -1)
  assert.equal(ts('-86400', 's'), -86_400_000_000)
  assert.equal(ts('99999999', 's'), 99_999_999_000_000)
  assert.equal(ts('-2208988800', 's'), -2_208_988_800_000_000)
  assert.equal(ts(''), null)
})

test('comments, empty lines, spaces and carriage returns are no points; lines are counted as an editor does', () => {
  const { rows, refused } = read(
    '\ufeff# a comment\r\n\r\n  \n  m v=1i  1700000000000000000  \r\nm v="two\nlines"\nbad\n#\nm v=3i\r',
  )
  assert.deepEqual(refused, ['7 TM220'])
  assert.deepEqual(
    rows.map((r) => [r[0], r[4]]),
    [
      [4, '{"v":1}'],
      [5, '{"v":"two\\u000alines"}'],
      [9, '{"v":3}'],
    ],
  )
})

test('TM220 a quote that is never closed costs its own line only; one that a later line closes costs both', () => {
  const never = read('m v=1i\nm v="open\nm v=3i\nm v=4i')
  assert.deepEqual([never.refused, never.rows.map((r) => r[0])], [['2 TM220'], [1, 3, 4]])
  const later = read('m v=1i\nm v="open\nm v=3i\nm v="closed"\nm v=5i')
  assert.deepEqual([later.refused, later.rows.map((r) => r[0])], [['2 TM220'], [1, 3, 4, 5]])
})

test('TM212 more than 100,000 points are refused as a whole', () => {
  assert.throws(() => readLines(Buffer.from('m v=1\n'.repeat(100_001)), { precision: 'ns', anyTarget: true }), { code: 'TM212' })
})

test('10 MB made to be slow are read in time that grows with their size only', () => {
  for (const piece of ['m v="\\"\n', 'm,a=', 'm v="', 'a\\', '"', 'm a=1,', 'm,a=b v="\n', ',', '=', ' ', 'm v=1 ']) {
    const t = (size: number) => {
      const body = Buffer.from(piece.repeat(size / piece.length))
      const t0 = performance.now()
      try {
        readLines(body, { precision: 'ns', anyTarget: true })
      } catch (e) {
        assert.equal((e as { code: string }).code, 'TM212')
      }
      return performance.now() - t0
    }
    // Four times the size in a square would be sixteen times as long; the floor is for what is too short to be measured.
    assert.ok(t(8e6) < 12 * Math.max(t(2e6), 30), JSON.stringify(piece))
  }
})

test('whatever bytes come, it ends, and what it makes the gate can read', () => {
  const alphabet = [...'m,a= \\"\n\r\t1.e-+iutfNI#é\u0000']
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...alphabet), { maxLength: 60 }), (chars) => {
      const { rows } = read(chars.join(''))
      for (const row of rows) JSON.parse(String(row[4]))
    }),
    { numRuns: 20_000 },
  )
})

test('what is written by its rules is read as it was meant', () => {
  const name = fc.string({ unit: fc.constantFrom(...'ab,= é-._'), minLength: 1, maxLength: 8 }).filter((s) => !s.startsWith('#'))
  const escaped = (s: string) => s.replace(/[,= ]/g, '\\$&')
  const value = fc.oneof(
    fc.integer().map((n) => [`${n}i`, n] as const),
    fc
      .double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 })
      .filter((n) => n === 0 || Math.abs(n) > 1e-300)
      .map((n) => [String(n), n] as const),
    fc.boolean().map((b) => [String(b), b] as const),
    fc
      .string({ unit: fc.constantFrom(...'ab,= "\\é\n'), maxLength: 8 })
      .map((s) => [`"${s.replace(/["\\]/g, '\\$&')}"`, s] as const),
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { minLength: 1, maxLength: 5 }),
      fc.array(value, { minLength: 5, maxLength: 5 }),
      fc.uniqueArray(
        name.map((s) => `t${s}`),
        { maxLength: 3 },
      ),
      name,
      (keys, values, tags, tagValue) => {
        const line = `m${tags.map((t) => `,${escaped(t)}=${escaped(tagValue)}`).join('')} ${keys.map((k, i) => `${escaped(k)}=${values[i]?.[0]}`).join(',')} 1700000000000000000`
        const { rows, refused } = read(line)
        assert.deepEqual(refused, [], line)
        const expected = {
          ...Object.fromEntries(keys.map((k, i) => [k, values[i]?.[1]])),
          ...Object.fromEntries(tags.map((t) => [t, tagValue])),
        }
        assert.deepEqual(JSON.parse(String(rows[0]?.[4])), JSON.parse(JSON.stringify(expected)))
      },
    ),
    { numRuns: 3000 },
  )
})
