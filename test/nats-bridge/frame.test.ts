// SPDX-License-Identifier: MIT
// What goes into a frame comes out of it, in PostgreSQL's binary form.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeFrame, FrameBuilder, type Refused, type Row } from '../../src/nats-bridge/frame.ts'

const text = fc.string({ unit: 'grapheme' })
const row: fc.Arbitrary<Row> = fc
  .record({
    category: fc.constantFrom('sensor', 'log', 'a'),
    target: text,
    speaker: fc.bigInt({ min: 1n, max: 9n }).map(String),
    sig: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    ts: fc.integer({ min: -2_208_988_800_000_000, max: 8_000_000_000_000_000 }),
    mid: fc.option(text),
    payload: fc.uint8Array({ maxLength: 300 }),
  })
  .map((r) => ({ ...r, descriptor: `{"${r.sig}":"text"}` }))
const refused: fc.Arbitrary<Refused> = fc.record(
  {
    code: fc.constant('TM201'),
    message: text,
    speaker: fc.constant('7'),
    shard: fc.nat(7),
    category: fc.option(text),
    target: fc.option(text),
    raw: fc.base64String(),
  },
  { noNullPrototype: true },
)

/** Reads sections of (i32 length, bytes); -1 is null. */
function sections(bytes: Uint8Array, count: number): (Buffer | null)[] {
  const b = Buffer.from(bytes)
  let o = 0
  const out = Array.from({ length: count }, () => {
    const length = b.readInt32BE(o)
    o += 4
    if (length < 0) return null
    o += length
    return b.subarray(o - length, o)
  })
  assert.equal(o, b.length, 'nothing is left over')
  return out
}

function rowsOf(data: Uint8Array): Omit<Row, 'descriptor'>[] {
  const { head, count, refs, ts, mids, payloads } = decodeFrame(data)
  const times = sections(ts, count)
  const ids = mids === null ? null : sections(mids, count)
  return sections(payloads, count).map((payload, i) => {
    const [category, sig] = head.shapes[refs.getUint16(i * 8 + 4, true)] ?? ['', '0']
    return {
      category,
      sig: BigInt(sig),
      target: head.targets[refs.getUint32(i * 8, true)] ?? '',
      speaker: head.speakers[refs.getUint16(i * 8 + 6, true)] ?? '',
      ts: Number((times[i] as Buffer).readBigInt64BE()) + 946_684_800_000_000,
      mid: ids?.[i]?.toString() ?? (ids?.[i] === undefined || ids[i] === null ? null : ''),
      payload: new Uint8Array(payload as Buffer),
    }
  })
}

test('rows and refusals come back as they were, wherever the frame lies in its buffer', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), fc.array(refused, { maxLength: 3 }), fc.nat(9), (rows, refusals, shift) => {
      const builder = new FrameBuilder()
      let bytes = 0
      for (const r of rows) bytes += builder.add(r)
      for (const r of refusals) bytes += builder.refuse(r)
      assert.equal(builder.bytes, bytes)
      const encoded = builder.encode()
      const moved = new Uint8Array(encoded.length + shift)
      moved.set(encoded, shift)
      const data = moved.subarray(shift)
      assert.deepEqual(
        rowsOf(data),
        rows.map(({ descriptor: _, ...r }) => r),
      )
      const { head } = decodeFrame(data)
      assert.deepEqual(head.refused ?? [], refusals)
      for (const [, sig, descriptor] of head.shapes) assert.equal(descriptor, `{"${sig}":"text"}`)
      assert.equal(
        head.mids,
        rows.some((r) => r.mid !== null),
      )
    }),
    { numRuns: 300 },
  )
})

test('what repeats stands in the frame once', () => {
  const builder = new FrameBuilder()
  const same = {
    category: 'sensor',
    target: 'truck-1',
    speaker: '1',
    sig: 5n,
    descriptor: '{}',
    ts: 1,
    mid: null,
    payload: Buffer.from('{}'),
  }
  for (const ts of [1, 2, 3]) builder.add({ ...same, ts })
  builder.add({ ...same, category: 'log' })
  const { head, count } = decodeFrame(builder.encode())
  assert.deepEqual([count, head.targets, head.speakers, head.shapes.map(([c]) => c)], [4, ['truck-1'], ['1'], ['sensor', 'log']])
})

test('what is no frame is refused', () => {
  for (const bytes of ['', 'T1', 'something else', '{"a":1}']) assert.throws(() => decodeFrame(Buffer.from(bytes)), /not a frame/)
})
