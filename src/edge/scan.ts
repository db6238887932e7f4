// SPDX-License-Identifier: MIT
// A scanner of JSON bytes that keeps nothing: it says where a value ends, of which kind it is, and what is wrong with it.
// JSON.parse would keep the last of two equal keys, round integers beyond 2^53, turn 1e400 into Infinity, and cost a parse and
// a stringify; here each byte is looked at once and the payload travels on as it came, to jsonb, which keeps numbers exactly.
//
// Every method takes the index of a byte and returns the index behind what it read, or -1 with `code` and `at` set. A method
// stops at the first fault; whether the rest is at least JSON is the business of skip().
import type { ErrorCode } from '../base/errors.ts'
import { hex4, isShortEscape, literal, skip } from './skip.ts'

export const NULL = 0
export const BOOLEAN = 1
export const INTEGER = 2
export const NUMBER = 4
export const EXACT = 8
export const TEXT = 16
export const JSON_VALUE = 32
/** An object whose members are looked at one by one; value() gives JSON_VALUE for others. */
export const OBJECT = 64

export const mostDepth = 32
export const mostKeys = 1000
export const mostKeyBytes = 256
export const mostStringBytes = 65_536
const mostIntegerDigits = 38
/** A float64 written out in full has at most 1,077 characters. */
const mostNumberBytes = 1100
/** 0e-16000 is zero, but PostgreSQL would print 16,000 digits of it. */
const mostExponent = 400
const leastNormal = 2.2250738585072014e-308
const twoTo53 = Buffer.from('9007199254740992')
/** Up to here each key is compared with each other key of its object, behind it a Set of strings takes over. */
const mostCompared = 8

export class Scan {
  b: Uint8Array = new Uint8Array(0)
  end = 0
  code: ErrorCode = 'TM201'
  at = 0
  /** Of the value that was read last. */
  kind = NULL
  /** Whether the string that was read last has escapes. */
  isEscaped = false
  /** Keys of the reading so far. */
  keys = 0
  /** Keys of the objects that are open below the top level: a stack of where they stand and their hashes. */
  readonly #keyFrom = new Int32Array(mostKeys + 1)
  readonly #keyTo = new Int32Array(mostKeys + 1)
  readonly #keyHash = new Int32Array(mostKeys + 1)
  #open = 0
  #text: Buffer | null = null

  open(b: Uint8Array): void {
    // One class for all bodies keeps the element loads in the loops below monomorphic; a Buffer would make them polymorphic.
    this.b = Buffer.isBuffer(b) ? new Uint8Array(b.buffer, b.byteOffset, b.byteLength) : b
    this.#text = null
    this.end = b.byteLength
  }

  /** The same bytes as a Buffer, which decodes parts without a view for each; most bodies need none. */
  get text(): Buffer {
    this.#text ??= Buffer.from(this.b.buffer as ArrayBuffer, this.b.byteOffset, this.b.byteLength)
    return this.#text
  }

  startReading(): void {
    this.keys = 0
    this.#open = 0
  }

  fault(code: ErrorCode, at: number): -1 {
    this.code = code
    this.at = at
    return -1
  }

  space(i: number): number {
    const { b, end } = this
    while (i < end) {
      const c = b[i]!
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
      i++
    }
    return i
  }

  /** Any value; `depth` is the level that an object or array has here. */
  value(i: number, depth: number): number {
    const c = i < this.end ? this.b[i]! : 0
    if (c === 0x22) {
      this.kind = TEXT
      return this.string(i + 1, mostStringBytes, 'TM206')
    }
    if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.number(i)
    if (c === 0x7b || c === 0x5b) {
      if (depth > mostDepth) return this.fault('TM203', i)
      const to = c === 0x7b ? this.object(i + 1, depth) : this.array(i + 1, depth)
      this.kind = JSON_VALUE
      return to
    }
    const length = literal(this.b, i, this.end)
    if (length === 0) return this.fault('TM201', i)
    this.kind = c === 0x6e ? NULL : BOOLEAN
    return i + length
  }

  /** A string whose opening quote has been read. The limits count decoded bytes, which are never more than the written ones. */
  string(i: number, most: number, tooLong: ErrorCode): number {
    const { b, end } = this
    const from = i
    for (; i < end; i++) {
      const c = b[i]!
      if (c === 0x22) {
        this.isEscaped = false
        return i - from > most ? this.fault(tooLong, from) : i + 1
      }
      if (c === 0x5c || c < 0x20) return this.#escapedString(from, i, most, tooLong)
    }
    return this.fault('TM201', i)
  }

  #escapedString(from: number, i: number, most: number, tooLong: ErrorCode): number {
    const { b, end } = this
    let spared = 0
    while (i < end) {
      const c = b[i]!
      if (c === 0x22) {
        this.isEscaped = true
        return i - from - spared > most ? this.fault(tooLong, from) : i + 1
      }
      if (c < 0x20) return this.fault(c === 0 ? 'TM208' : 'TM201', i)
      if (c !== 0x5c) {
        i++
        continue
      }
      if (i + 1 >= end) return this.fault('TM201', i)
      if (b[i + 1] !== 0x75) {
        if (!isShortEscape(b[i + 1]!)) return this.fault('TM201', i)
        spared++
        i += 2
        continue
      }
      const unit = hex4(b, i + 2, end)
      if (unit < 0) return this.fault('TM201', i)
      if (unit === 0) return this.fault('TM208', i)
      if (unit >= 0xd800 && unit <= 0xdfff) {
        const low = unit < 0xdc00 && i + 7 < end && b[i + 6] === 0x5c && b[i + 7] === 0x75 ? hex4(b, i + 8, end) : -1
        if (low < 0xdc00 || low > 0xdfff) return this.fault('TM209', i)
        spared += 8
        i += 12
      } else {
        spared += unit < 0x80 ? 5 : unit < 0x800 ? 4 : 3
        i += 6
      }
    }
    return this.fault('TM201', i)
  }

  number(i: number): number {
    const { b, end } = this
    const from = i
    if (b[i] === 0x2d) i++
    const digits = i
    let c = i < end ? b[i]! : 0
    if (c === 0x30) i++
    else if (c >= 0x31 && c <= 0x39) {
      do i++
      while (i < end && b[i]! >= 0x30 && b[i]! <= 0x39)
    } else return this.fault('TM201', i)
    c = i < end ? b[i]! : 0
    if (c !== 0x2e && (c | 0x20) !== 0x65) {
      const length = i - digits
      this.kind = length < 16 || (length === 16 && this.#isSafe(digits)) ? INTEGER : EXACT
      return length > mostIntegerDigits ? this.fault('TM207', from) : i
    }
    this.kind = NUMBER
    if (c === 0x2e) {
      const fraction = ++i
      while (i < end && b[i]! >= 0x30 && b[i]! <= 0x39) i++
      if (i === fraction) return this.fault('TM201', i)
      c = i < end ? b[i]! : 0
    }
    if ((c | 0x20) === 0x65) return this.#exponent(from, i)
    return i - from > 290 ? this.#float(from, i) : i
  }

  #exponent(from: number, i: number): number {
    const { b, end } = this
    const mantissa = i - from
    i++
    if (i < end && (b[i] === 0x2b || b[i] === 0x2d)) i++
    const digits = i
    let exponent = 0
    while (i < end && b[i]! >= 0x30 && b[i]! <= 0x39) exponent = Math.min(exponent * 10 + b[i++]! - 0x30, 1e6)
    if (i === digits) return this.fault('TM201', i)
    if (exponent > mostExponent) return this.fault('TM207', from)
    return exponent + mantissa > 290 ? this.#float(from, i) : i
  }

  /** Numbers near the ends of float64, and unusually long ones: only these are converted. */
  #float(from: number, to: number): number {
    if (to - from > mostNumberBytes) return this.fault('TM207', from)
    const written = this.text.toString('latin1', from, to)
    const size = Math.abs(Number(written))
    const isLost = size < leastNormal && /^[^eE]*[1-9]/.test(written)
    return isLost || size === Number.POSITIVE_INFINITY ? this.fault('TM207', from) : to
  }

  /** Whether 16 digits are at most 2^53. */
  #isSafe(digits: number): boolean {
    for (let k = 0; k < 16; k++) {
      const difference = this.b[digits + k]! - twoTo53[k]!
      if (difference !== 0) return difference < 0
    }
    return true
  }

  array(i: number, depth: number): number {
    i = this.space(i)
    if (i < this.end && this.b[i] === 0x5d) return i + 1
    for (;;) {
      i = this.value(i, depth + 1)
      if (i < 0) return i
      i = this.space(i)
      const c = i < this.end ? this.b[i]! : 0
      if (c === 0x5d) return i + 1
      if (c !== 0x2c) return this.fault('TM201', i)
      i = this.space(i + 1)
    }
  }

  object(i: number, depth: number): number {
    const base = this.#open
    let seen: Set<string> | null = null
    i = this.space(i)
    if (i < this.end && this.b[i] === 0x7d) return i + 1
    for (;;) {
      const key = i
      i = this.key(i)
      if (i < 0) return i
      if (++this.keys > mostKeys) return this.fault('TM204', key)
      if (seen === null) {
        if (this.#isRepeated(base, key + 1, i - 1)) return this.fault('TM210', key)
        if (this.#open - base > mostCompared) seen = this.#namesFrom(base)
      } else {
        const before = seen.size
        if (seen.add(this.name(key + 1, i - 1, this.isEscaped)).size === before) return this.fault('TM210', key)
      }
      i = this.colon(i)
      if (i < 0) return i
      i = this.value(i, depth + 1)
      if (i < 0) return i
      i = this.space(i)
      const c = i < this.end ? this.b[i]! : 0
      if (c === 0x7d) break
      if (c !== 0x2c) return this.fault('TM201', i)
      i = this.space(i + 1)
    }
    this.#open = base
    return i + 1
  }

  key(i: number): number {
    if (i >= this.end || this.b[i] !== 0x22) return this.fault('TM201', i)
    return this.string(i + 1, mostKeyBytes, 'TM205')
  }

  /** The colon behind a key, up to the value. */
  colon(i: number): number {
    i = this.space(i)
    if (i >= this.end || this.b[i] !== 0x3a) return this.fault('TM201', i)
    return this.space(i + 1)
  }

  /** The string between two quotes; JSON.parse does the escapes. */
  name(from: number, to: number, isEscaped: boolean): string {
    return isEscaped ? (JSON.parse(this.text.toString('utf8', from - 1, to + 1)) as string) : this.text.toString('utf8', from, to)
  }

  #isRepeated(base: number, from: number, to: number): boolean {
    const hash = this.isEscaped ? hashOf(Buffer.from(this.name(from, to, true)), 0) : hashOf(this.b, from, to)
    for (let k = base; k < this.#open; k++) {
      if (this.#keyHash[k] === hash && this.#nameAt(k) === this.name(from, to, true)) return true
    }
    this.#keyFrom[this.#open] = from
    this.#keyTo[this.#open] = to
    this.#keyHash[this.#open++] = hash
    return false
  }

  #namesFrom(base: number): Set<string> {
    const names = new Set<string>()
    for (let k = base; k < this.#open; k++) names.add(this.#nameAt(k))
    return names
  }

  #nameAt(k: number): string {
    return this.name(this.#keyFrom[k]!, this.#keyTo[k]!, true)
  }

  /** Whether a value is JSON at all, whatever its size and depth: where it ends, or -1. */
  skip(i: number): number {
    const to = skip(this.b, i, this.end)
    if (to >= 0) return to
    const at = -1 - to
    return this.fault(this.b[at] === 0 ? 'TM208' : 'TM201', at)
  }
}

/** FNV-1a; equal hashes are compared as strings, so a collision costs time only, and at most eight comparisons. */
function hashOf(b: Uint8Array, from: number, to = b.length): number {
  let hash = 0x811c9dc5 | 0
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ b[i]!, 0x01000193)
  return hash
}
