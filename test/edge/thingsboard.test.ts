// SPDX-License-Identifier: MIT
// ThingsBoard's bodies as our envelopes, and what the gate makes of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gateBody } from '../../src/edge/gate.ts'
import { ShapeBook } from '../../src/edge/shape.ts'
import { thingsboardBody, thingsboardGatewayBody } from '../../src/edge/thingsboard.ts'

const device = (text: string) => thingsboardBody(Buffer.from(text)).toString()
const gateway = (text: string) => thingsboardGatewayBody(Buffer.from(text)).toString()
const gated = (body: Buffer) =>
  gateBody(body, { format: 'json', shapes: new ShapeBook().of('telemetry'), now: Date.now() * 1000 })

test('a bare object is the data, its "target" and "ts" included', () => {
  assert.equal(device('{"temperature":21.50,"target":22}'), '{"data":{"temperature":21.50,"target":22}}')
  assert.equal(device(' {"ts":5} '), '{"data":{"ts":5}}')
  assert.equal(device('{"values":{"a":1}}'), '{"data":{"values":{"a":1}}}')
  assert.equal(device('{}'), '{"data":{}}')
})

test('{"ts", "values"} becomes {"ts", "data"} in either order; what else stands there is nobody’s', () => {
  assert.equal(device('{"ts":1700000000000,"values":{"a":1}}'), '{"ts":1700000000000,"data":{"a":1}}')
  assert.equal(device('{ "values" : {"a": 1} , "x":[1,{"ts":2}], "ts" : 17 }'), '{"data":{"a": 1},"ts":17}')
})

test('arrays are arrays of those, each in its place', () => {
  assert.equal(device('[{"a":1}, {"ts":2,"values":{"b":3}},5]'), '[{"data":{"a":1}},{"ts":2,"data":{"b":3}},5]')
  assert.equal(device('[ ]'), '[]')
  const { readings, rejected } = gated(thingsboardBody(Buffer.from('[{"a":1},5,{"ts":1700000000000,"values":{"b":3}}]')))
  assert.deepEqual(
    readings.map((r) => [r.index, r.ts, Buffer.from(r.payload).toString()]),
    [
      [0, null, '{"a":1}'],
      [2, 1700000000000000, '{"b":3}'],
    ],
  )
  assert.deepEqual(
    rejected.map((r) => [r.index, r.code]),
    [[1, 'TM202']],
  )
})

test('a gateway’s devices are the targets', () => {
  assert.equal(
    gateway('{"Device A":[{"ts":1,"values":{"t":42}},{"t":43}],"empty":[],"B \\"x\\"":{"v":1}}'),
    '[{"target":"Device A","ts":1,"data":{"t":42}},{"target":"Device A","data":{"t":43}},{"target":"B \\"x\\"","data":{"v":1}}]',
  )
  assert.equal(gateway('{"empty":[],"B":[{}]}'), '[{"target":"B","data":{}}]')
  assert.equal(gateway('{}'), '[]')
})

test('numbers stay as they were written', () => {
  for (const n of ['9007199254740993', '1.10', '12345678901234567890123456789012345678', '-0.0', '1e2']) {
    const { readings } = gated(thingsboardBody(Buffer.from(`{"ts":1700000000000,"values":{"n":${n}}}`)))
    assert.equal(Buffer.from(readings[0]!.payload).toString(), `{"n":${n}}`)
  }
})

test('what is not JSON goes on as it is, for the gate to say where (TM201)', () => {
  for (const text of ['', '5', '{', '{"a":1', '[{"a":1},', '{"a":1}x', '{"a" 1}', '{"ts":1,"values":}', 'ÿ']) {
    assert.equal(device(text), text)
    if (!text.startsWith('[')) assert.equal(gateway(text), text)
  }
  assert.throws(() => gated(thingsboardBody(Buffer.from('{"a":01}'))), /TM201|not JSON/)
})

test('TM202 a gateway that sends an array is refused: it names no device', () => {
  assert.throws(() => gateway('[{"target":"x","a":1}]'), { code: 'TM202' })
})

test('TM210 twice the same key is refused, not chosen from', () => {
  const { rejected } = gated(thingsboardBody(Buffer.from('{"ts":1,"ts":2,"values":{"a":1}}')))
  assert.deepEqual(
    rejected.map((r) => r.code),
    ['TM210'],
  )
})

test('TM105, TM212 a long device name is not written a million times', () => {
  assert.throws(() => gateway(`{"${'x'.repeat(2000)}":[{},{}]}`), { code: 'TM105' })
  assert.throws(() => gateway(`{"${'x'.repeat(1000)}":[${'{},'.repeat(100_000)}{}]}`), { code: 'TM212' })
})

test('whatever JSON comes, the result is JSON with the same values', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (objects) => {
      const out = JSON.parse(device(JSON.stringify(objects))) as { ts?: unknown; data: unknown }[]
      assert.equal(out.length, objects.length)
      for (const [i, o] of objects.entries()) {
        const isTimed = Object.hasOwn(o, 'ts') && Object.hasOwn(o, 'values')
        assert.deepEqual(out[i]?.data, JSON.parse(JSON.stringify(isTimed ? o.values : o)))
      }
    }),
  )
})
