// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TmiError } from '../../src/base/errors.ts'
import { decodeCursor, encodeCursor } from '../../src/live/cursor.ts'

test('a cursor comes back as it was and fits an address', () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeNat(), { minLength: 8, maxLength: 8 }), (vector) => {
      const text = encodeCursor(vector)
      assert.deepEqual(decodeCursor(text), vector)
      assert.equal(encodeURIComponent(text), text)
    }),
  )
})

test('anything else is TM304', () => {
  const refused = (e: unknown) => e instanceof TmiError && e.code === 'TM304'
  for (const text of [
    '',
    '1',
    '2.0.0.0.0.0.0.0.0',
    '1.0.0.0.0.0.0.0',
    '1.0.0.0.0.0.0.0.0.0',
    '1.-1.0.0.0.0.0.0.0',
    '1.A.0.0.0.0.0.0.0',
    '1..0.0.0.0.0.0.0',
    '1.zzzzzzzzzzz.0.0.0.0.0.0.0',
    `1.${'1'.repeat(12)}.0.0.0.0.0.0.0`,
    "1.0.0.0.0.0.0.0.0'; drop table",
  ]) {
    assert.throws(() => decodeCursor(text), refused, text)
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.throws(() => decodeCursor(text), refused)
    }),
  )
})
