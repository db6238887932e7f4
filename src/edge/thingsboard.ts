// SPDX-License-Identifier: MIT
// ThingsBoard's bodies as our envelopes, for firmware that is written already. Only the wrapping is rewritten, byte for byte: the
// values travel on as they came, so that no number is rounded on the way to the gate.
//   {"k":1}                               ->  {"data":{"k":1}}             ("target" and "ts" are fields like any other here)
//   {"ts":1700000000000,"values":{"k":1}} ->  {"ts":1700000000000,"data":{"k":1}}
//   [a, b]                                ->  [a', b']
//   gateway: {"Device A":[a], "B":b}      ->  [{"target":"Device A", a'…},{"target":"B", b'…}]
// What is not JSON goes on as it is: the gate says what is wrong with it, and where.
import { TmiError } from '../base/errors.ts'
import { skip } from './skip.ts'

/** A gateway's device name comes before each of its readings: so large may a body grow by that, four times the largest batch. */
const mostBytes = 40 * 1024 * 1024
/** 256 bytes, each of them written as \u00xx. */
const mostNameBytes = 256 * 6 + 2

const tsKey = Buffer.from('"ts"')
const valuesKey = Buffer.from('"values"')
const toTarget = Buffer.from('"target":')
const toTs = Buffer.from('"ts":')
const toData = Buffer.from('"data":')

/** The body of v1/devices/me/telemetry, v1/devices/me/attributes and POST /api/v1/{token}/telemetry. */
export function thingsboardBody(body: Buffer): Buffer {
  const scan = new Translation(body)
  return scan.isWhole(scan.readings(scan.start, null, true)) ? scan.result() : body
}

/** The body of v1/gateway/telemetry and v1/gateway/attributes: readings by device. */
export function thingsboardGatewayBody(body: Buffer): Buffer {
  const scan = new Translation(body)
  // The gate would read an array as envelopes of ours.
  if (body[scan.start] === 0x5b) throw new TmiError('TM202', 'A gateway sends an object: {"Device A":[…]}.')
  return scan.isWhole(scan.devices(scan.start)) ? scan.result() : body
}

/** Every method takes the index of a byte and returns the index behind what it read, or -1 if that is not JSON. */
class Translation {
  readonly start: number
  readonly #b: Buffer
  #out: Buffer
  #to = 0

  constructor(body: Buffer) {
    this.#b = body
    this.#out = Buffer.allocUnsafe(body.length + 64)
    const hasMark = body.length >= 3 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
    this.start = this.#space(hasMark ? 3 : 0)
  }

  isWhole(to: number): boolean {
    return to >= 0 && this.#space(to) === this.#b.length
  }

  result(): Buffer {
    return this.#out.subarray(0, this.#to)
  }

  /** One reading or an array of them. */
  readings(i: number, device: Buffer | null, withBrackets: boolean): number {
    if (this.#b[i] !== 0x5b) return this.#reading(i, device)
    if (withBrackets) this.#byte(0x5b)
    i = this.#space(i + 1)
    if (this.#b[i] === 0x5d) {
      if (withBrackets) this.#byte(0x5d)
      return i + 1
    }
    for (let isFirst = true; ; isFirst = false) {
      if (!isFirst) this.#byte(0x2c)
      i = this.#reading(i, device)
      if (i < 0) return i
      i = this.#space(i)
      if (this.#b[i] === 0x5d) break
      if (this.#b[i] !== 0x2c) return -1
      i = this.#space(i + 1)
    }
    if (withBrackets) this.#byte(0x5d)
    return i + 1
  }

  devices(i: number): number {
    if (this.#b[i] !== 0x7b) return -1
    this.#byte(0x5b)
    const to = this.#members(i, (keyFrom, keyTo, from) => {
      if (keyTo - keyFrom > mostNameBytes) throw new TmiError('TM105')
      const before = this.#to
      if (before > 1) this.#byte(0x2c)
      const afterComma = this.#to
      const end = this.readings(from, this.#b.subarray(keyFrom, keyTo), false)
      // A device without readings.
      if (this.#to === afterComma) this.#to = before
      return end
    })
    this.#byte(0x5d)
    return to
  }

  #reading(i: number, device: Buffer | null): number {
    // Parts of {"ts", "values"}, in their order: 0 or 1, from, to. Twice the same is the gate's to refuse.
    const parts: number[] = []
    let hasTs = false
    let hasValues = false
    const isObject = this.#b[i] === 0x7b
    const to = isObject
      ? this.#members(i, (keyFrom, keyTo, from) => {
          const end = this.#skip(from)
          const isTs = this.#is(tsKey, keyFrom, keyTo)
          const isValues = this.#is(valuesKey, keyFrom, keyTo)
          if (isTs || isValues) parts.push(isTs ? 0 : 1, from, end)
          hasTs ||= isTs
          hasValues ||= isValues
          return end
        })
      : this.#skip(i)
    if (to < 0) return to
    // A value that is no object stays alone: the gate refuses it by its place.
    if (!isObject) {
      this.#copy(this.#b, i, to)
      return to
    }
    this.#byte(0x7b)
    if (device !== null) {
      this.#copy(toTarget)
      this.#copy(device)
      this.#byte(0x2c)
    }
    if (hasTs && hasValues) {
      for (let p = 0; p < parts.length; p += 3) {
        if (p > 0) this.#byte(0x2c)
        this.#copy(parts[p] === 0 ? toTs : toData)
        this.#copy(this.#b, parts[p + 1], parts[p + 2])
      }
    } else {
      this.#copy(toData)
      this.#copy(this.#b, i, to)
    }
    this.#byte(0x7d)
    return to
  }

  /** The members of the object at i; `on` gets key (with its quotes) and the start of the value, and returns where that ends. */
  #members(i: number, on: (keyFrom: number, keyTo: number, from: number) => number): number {
    const b = this.#b
    i = this.#space(i + 1)
    if (b[i] === 0x7d) return i + 1
    for (;;) {
      if (b[i] !== 0x22) return -1
      const keyTo = this.#skip(i)
      if (keyTo < 0) return -1
      const colon = this.#space(keyTo)
      if (b[colon] !== 0x3a) return -1
      const to = on(i, keyTo, this.#space(colon + 1))
      if (to < 0) return -1
      i = this.#space(to)
      if (b[i] === 0x7d) return i + 1
      if (b[i] !== 0x2c) return -1
      i = this.#space(i + 1)
    }
  }

  #skip(i: number): number {
    const to = skip(this.#b, i, this.#b.length)
    return to < 0 ? -1 : to
  }

  #space(i: number): number {
    const b = this.#b
    while (i < b.length) {
      const c = b[i]!
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
      i++
    }
    return i
  }

  #is(key: Buffer, from: number, to: number): boolean {
    return to - from === key.length && this.#b.compare(key, 0, key.length, from, to) === 0
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#out[this.#to++] = byte
  }

  #copy(bytes: Buffer, from = 0, to = bytes.length): void {
    this.#room(to - from)
    this.#to += bytes.copy(this.#out, this.#to, from, to)
  }

  #room(bytes: number): void {
    const needed = this.#to + bytes
    if (needed <= this.#out.length) return
    if (needed > mostBytes) throw new TmiError('TM212')
    const larger = Buffer.allocUnsafe(Math.min(Math.max(this.#out.length * 2, needed), mostBytes))
    this.#out.copy(larger, 0, 0, this.#to)
    this.#out = larger
  }
}
