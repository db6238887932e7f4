// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { epochMicros } from '../../src/edge/time.ts'

const micros = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000

for (const [value, expected] of [
  ['2026-01-02T03:04:05Z', micros],
  ['2026-01-02t03:04:05z', micros],
  ['2026-01-02 03:04:05Z', micros],
  ['2026-01-02T03:04:05.5Z', micros + 500_000],
  ['2026-01-02T03:04:05.123456Z', micros + 123_456],
  ['2026-01-02T03:04:05.123456789Z', micros + 123_457],
  ['2026-01-02T03:04:05.9999999Z', micros + 1_000_000],
  ['2026-01-02T12:04:05+09:00', micros],
  ['2026-01-01T21:34:05-0530', micros],
  ['2026-01-02T04:04:05+01', micros],
  ['2026-01-02T03:03:60Z', micros - 5_000_000],
  ['1969-12-31T23:59:59.25Z', -750_000],
  ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29) * 1000],
] as const) {
  test(`${value} is RFC 3339`, () => assert.equal(epochMicros(value), expected))
}

for (const [value, expected] of [
  [1_767_323_045, micros],
  [1_767_323_045.25, micros + 250_000],
  ['1767323045.000001', micros + 1],
  [1_767_323_045_123, micros + 123_000],
  ['1767323045123.4567', micros + 123_457],
  [1_767_323_045_123_456, micros + 123_456],
  [0, 0],
  ['-1.5', -1_500_000],
  ['1.767323045e9', micros],
  [99_999_999_999, 99_999_999_999_000_000],
  [100_000_000_000, 100_000_000_000_000],
  [99_999_999_999_999, 99_999_999_999_999_000],
  [100_000_000_000_000, 100_000_000_000_000],
] as const) {
  test(`${value} is a time whose unit its size tells`, () => assert.equal(epochMicros(value), expected))
}

for (const value of [
  '',
  ' ',
  'now',
  'infinity',
  '2026-01-02',
  '2026-01-02T03:04:05',
  '2026-01-02T03:04Z',
  '2026-13-02T03:04:05Z',
  '2026-00-02T03:04:05Z',
  '2026-02-29T03:04:05Z',
  '1900-02-29T00:00:00Z',
  '2026-01-32T03:04:05Z',
  '2026-01-02T24:00:00Z',
  '2026-01-02T03:60:05Z',
  '2026-01-02T03:04:61Z',
  '2026-01-02T03:04:05.Z',
  '2026-01-02T03:04:05Zz',
  '2026-01-02T03:04:05+25:00',
  '2026-01-02T03:04:05+1:00',
  '2026-01-02T03:04:05+01:0',
  '02026-01-02T03:04:05Z',
  '2026-01-02T03:04:05 Z',
  '294277-01-01T00:00:00Z',
  '1.',
  '.5',
  '+5',
  '1e',
  '1e9999',
  '0x10',
  '1 ',
  '1767323045123456789',
  '-',
  Number.NaN,
  Number.POSITIVE_INFINITY,
]) {
  test(`${JSON.stringify(value)} is no time`, () => assert.equal(epochMicros(value), null))
}

test('every time that Date can write is read back', () => {
  const date = fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  fc.assert(fc.property(date, (d) => assert.equal(epochMicros(d.toISOString()), d.getTime() * 1000)))
})

test('any text gives whole microseconds or null', () => {
  const pieces = fc.array(fc.constantFrom('2026', '-', '01', ':', 'T', 'Z', '.', '+', 'e', ' ', '9', 'ß'), { maxLength: 16 })
  fc.assert(
    fc.property(pieces, (p) => {
      const value = epochMicros(p.join(''))
      assert.ok(value === null || Number.isInteger(value))
    }),
    { numRuns: 2000 },
  )
})
