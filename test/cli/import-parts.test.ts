// SPDX-License-Identifier: MIT
// What an import is made of, on bytes: where records end, what times mean, what a number is.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { isNaive, timeReader } from '../../src/cli/import/local-time.ts'
import { members } from '../../src/cli/import/members.ts'
import { numberText } from '../../src/cli/import/plan.ts'
import { type Format, openSource, type Place } from '../../src/cli/import/records.ts'

const dir = mkdtempSync(join(tmpdir(), 'tmidb-import-'))
after(() => rmSync(dir, { recursive: true }))
let made = 0

async function records(content: string | Buffer, format: Format, from: Place = { offset: 0, line: 1 }, packed = false) {
  const file = join(dir, `${made++}.${format}${packed ? '.gz' : ''}`)
  writeFileSync(file, packed ? gzipSync(content) : content)
  const all: [number, string][] = []
  const ends: (Place & { records: number })[] = []
  const broken: number[] = []
  for await (const block of openSource(file, format, from, { most: 3, mostBytes: 1e6 }).blocks) {
    for (const line of block.lines) {
      all.push([line.line, line.bytes.toString()])
      if (line.broken) broken.push(line.line)
    }
    ends.push({ offset: block.end, line: block.nextLine, records: all.length })
  }
  return { all, ends, broken }
}

test('lines end with LF or CRLF or the file; empty ones are none; their numbers count', async () => {
  const { all } = await records('a\r\n\n b\nc\r\n\r\nd', 'ndjson')
  assert.deepEqual(all, [
    [1, 'a'],
    [3, ' b'],
    [4, 'c'],
    [6, 'd'],
  ])
})

test('a CSV record may hold newlines, delimiters and quotes; a quote in the midst of a field is none', async () => {
  const rows = ['a,"b\n,""c"""', '"x\r\ny",1', 'pipe 5" wide,2', '"a"",",3', 'end,"4"']
  assert.deepEqual((await records(rows.join('\n'), 'csv')).all, [
    [1, rows[0]],
    [3, rows[1]],
    [5, rows[2]],
    [6, rows[3]],
    [7, rows[4]],
  ])
})

test('a quote that is never closed breaks its line and not the rest of the file', async () => {
  const { all, broken } = await records('a,1\nb,"2\nc,3\nd,4', 'csv')
  assert.deepEqual(all, [
    [1, 'a,1'],
    [2, 'b,"2'],
    [3, 'c,3'],
    [4, 'd,4'],
  ])
  assert.deepEqual(broken, [2])
})

test('elements of a JSON array, or objects in a row, whatever stands between and inside', async () => {
  const objects = ['{"a": "}]\\"{"}', '{\n"b": [1, {"c": 2}]\n}', '{}', '7']
  const wanted = objects.map((o, i) => [[1, 2, 5, 6][i], o])
  assert.deepEqual((await records(`[${objects.join(',\n')}]\n`, 'json')).all, wanted)
  assert.deepEqual((await records(objects.join('\n'), 'json')).all, wanted)
})

test('from any place that a block ends at, the rest is the same, packed or not', async () => {
  const lines = Array.from({ length: 20 }, (_, i) => `${i},"line\n${i}",ü`)
  for (const packed of [false, true]) {
    const whole = await records(lines.join('\n'), 'csv', undefined, packed)
    assert.equal(whole.all.length, 20)
    for (const end of whole.ends)
      assert.deepEqual((await records(lines.join('\n'), 'csv', end, packed)).all, whole.all.slice(end.records))
  }
})

test('any rows that are written as CSV are cut as they were', async () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', 'é', ' ') })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 12 }), async (rows) => {
      const written = rows.map((row) => row.map((c) => `"${c.replaceAll('"', '""')}"`).join(','))
      const { all } = await records(written.join('\n'), 'csv')
      assert.deepEqual(
        all.map(([, text]) => text),
        written,
      )
    }),
    { numRuns: 60 },
  )
})

test('members of an object keep the text of their values', () => {
  assert.deepEqual(members(' {"a": 1.50, "b\\"": {"c": [1, "}"]} , "d":"x,\\"y" }'), [
    ['a', '1.50'],
    ['b"', '{"c": [1, "}"]}'],
    ['d', '"x,\\"y"'],
  ])
  assert.deepEqual(members('{}'), [])
  for (const none of ['', '[]', '1', '{', '{"a"}', '{"a":1', '{"a":1}x', '{"a":1,}', '{a:1}', '{"a":1]'])
    assert.equal(members(none), null, none)
})

test('any object comes apart and together again', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (o) => {
      const own = Object.entries(o)
      assert.deepEqual(
        members(JSON.stringify(o))?.map(([k, v]) => [k, JSON.parse(v)]),
        own.map(([k, v]) => [k, JSON.parse(JSON.stringify(v))]),
      )
    }),
  )
})

test('a number keeps its digits; what may be a code is none', () => {
  const said: [string, string, string | null][] = [
    ['21.50', '.', '21.50'],
    ['123456789012345678901234.5', '.', '123456789012345678901234.5'],
    ['+5', '.', '5'],
    ['.5', '.', '0.5'],
    ['-.5', '.', '-0.5'],
    ['5.', '.', '5'],
    ['1e5', '.', '1e5'],
    ['007', '.', null],
    ['', '.', null],
    ['.', '.', null],
    ['-', '.', null],
    ['NaN', '.', null],
    ['0x10', '.', null],
    ['1,5', '.', null],
    ['1,5', ',', '1.5'],
    ['1.234.567,25', ',', '1234567.25'],
    ['1.5', ',', null],
    ['-12', ',', '-12'],
  ]
  for (const [text, decimal, number] of said) assert.equal(numberText(text, decimal), number, `${text} ${decimal}`)
})

test('times: RFC 3339, epochs of any unit, patterns, and local times with their zone', () => {
  const said: [string, string | undefined, string, string | null][] = [
    ['auto', undefined, '2026-01-02T03:04:05.123456+09:00', '2026-01-02T03:04:05.123456+09:00'],
    ['auto', undefined, '1767323045123', '1767323045123'],
    ['auto', undefined, '1.767323045e9', '1.767323045e9'],
    ['auto', undefined, '2026-01-02 03:04:05', null],
    ['auto', 'UTC', '2026-01-02', '2026-01-02T00:00:00Z'],
    ['auto', 'Europe/Berlin', '2026-01-02 03:04', '2026-01-02T02:04:00Z'],
    ['auto', 'Europe/Berlin', '2026-07-02 03:04:05,25', '2026-07-02T01:04:05.25Z'],
    ['auto', 'Asia/Kathmandu', '2026-01-01 00:00:00', '2025-12-31T18:15:00Z'],
    // The clock goes back at 03:00 on 2026-10-25: 02:30 comes twice, the first one is meant; and forth on 2026-03-29: 02:30 is not shown.
    ['auto', 'Europe/Berlin', '2026-10-25 02:30:00', '2026-10-25T00:30:00Z'],
    ['auto', 'Europe/Berlin', '2026-10-25 03:00:00', '2026-10-25T02:00:00Z'],
    ['auto', 'Europe/Berlin', '2026-03-29 01:59:59', '2026-03-29T00:59:59Z'],
    ['auto', 'Europe/Berlin', '2026-03-29 02:30:00', '2026-03-29T01:30:00Z'],
    ['auto', 'Europe/Berlin', '2026-03-29 03:00:00', '2026-03-29T01:00:00Z'],
    ['auto', 'UTC', '2026-02-30 00:00:00', null],
    ['rfc3339', undefined, '1767323045', null],
    ['s', undefined, '99999999999', '5138-11-16T09:46:39Z'],
    ['s', undefined, '1.5', '1970-01-01T00:00:01.5Z'],
    ['ms', undefined, '-1', '1969-12-31T23:59:59.999Z'],
    ['us', undefined, '1767323045000006', '2026-01-02T03:04:05.000006Z'],
    ['ns', undefined, '1767323045000006999', '2026-01-02T03:04:05.000006Z'],
    ['ns', undefined, '5', '1970-01-01T00:00:00Z'],
    ['s', undefined, 'soon', null],
    ['%d.%m.%Y %H:%M:%S', 'Europe/Berlin', '2.1.2026 03:04:05', '2026-01-02T02:04:05Z'],
    ['%m/%d/%y %I:%M %p', 'America/New_York', '01/02/26 12:30 AM', '2026-01-02T05:30:00Z'],
    ['%Y%m%d%H%M%S%z', undefined, '20260102030405+0900', '2026-01-01T18:04:05Z'],
    ['%d-%b-%Y %H:%M:%S.%f', 'UTC', '02-Jan-2026 03:04:05.25', '2026-01-02T03:04:05.25Z'],
    ['%d.%m.%Y', 'UTC', '31.02.2026', null],
  ]
  for (const [format, zone, text, time] of said)
    assert.equal(timeReader(format, zone).read(text), time, `${format} ${zone} ${text}`)
  assert.ok(isNaive('2026-01-02 03:04') && !isNaive('2026-01-02T03:04:05Z'))
  for (const [format, zone] of [
    ['auto', 'Mars/Olympus'],
    ['%Q', 'UTC'],
    ['%H:%M', undefined],
    ['often', 'UTC'],
  ] as const)
    assert.throws(() => timeReader(format, zone), RangeError, format)
})
