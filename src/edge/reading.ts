// SPDX-License-Identifier: MIT
// One reading at a time out of a body's bytes: the envelope (target, ts, mid, data) is read, every other byte only checked.
// A device sends the same keys in the same order, so each key is guessed from the one before it and compared as bytes: no
// string is made, and a stamp on each known key finds repeats without a set.
import type { ErrorCode } from '../base/errors.ts'
import { EXACT, INTEGER, mostKeys, NULL, NUMBER, Scan, TEXT } from './scan.ts'
import { type CategoryShapes, DATA, FIELD, type Key, type Shape, TARGET, TS } from './shape.ts'
import { epochMicros, microsOf } from './time.ts'

export interface Reading {
  index: number
  target: string | null
  /** Microseconds since 1970. */
  ts: number | null
  mid: string | null
  /** One JSON object; mostly a view of the body's bytes. */
  payload: Uint8Array
  shape: Shape
  /** Why it is accepted but not stored as it is. */
  quarantine: ErrorCode | null
}

export interface ReadingOptions {
  shapes: CategoryShapes
  /** Microseconds since 1970. */
  now: number
}

const leastTs = -2_208_988_800_000_000 // 1900-01-01
const mostAhead = 86_400_000_000 // one day
const mostTargetBytes = 256
const mostMidBytes = 128
const nothing = new Uint8Array(0)
const targetSlots = 4096
const targets = new Array<string>(targetSlots).fill('')

export class ReadingScan extends Scan {
  shapes!: CategoryShapes
  now = 0
  /** The top-level key that a fault is reported with. */
  field: Key | null = null
  reading: Reading | null = null
  readonly keysRead: Key[] = []
  readonly kinds = new Uint8Array(mostKeys + 1)
  count = 0
  target: string | null = null
  ts = Number.NaN
  mid: string | null = null
  quarantine: ErrorCode | null = null
  dataFrom = -1
  dataTo = -1
  /** Runs of members that are no envelope: from, to, from, to; three envelope keys leave at most four. */
  readonly runs = new Int32Array(8)
  runCount = 0
  isCut = false
  keyTo = 0
  /** Payloads that had to be put together, of all readings of the body: never more bytes than the body has. */
  spliced = nothing
  splicedTo = 0

  begin(body: Uint8Array, options: ReadingOptions): number {
    this.open(body)
    this.shapes = options.shapes
    this.now = options.now
    this.spliced = nothing
    this.splicedTo = 0
    return body.length >= 3 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
  }

  /** One reading at i: `reading` is set, or null with the reason in code, at and field. -1 if it is not even JSON. */
  one(i: number, index: number): number {
    this.reading = null
    this.field = null
    this.startReading()
    this.shapes.startReading()
    this.count = 0
    this.runCount = 0
    this.isCut = false
    this.target = null
    this.ts = Number.NaN
    this.mid = null
    this.quarantine = null
    this.dataFrom = -1
    const isObject = i < this.end && this.b[i] === 0x7b
    const to = isObject ? this.members(i + 1, false) : this.fault('TM202', i)
    if (to < 0) {
      const { code, at } = this
      const skipped = this.skip(i)
      if (skipped >= 0) this.fault(code, at)
      else this.field = null
      return skipped
    }
    const { ts } = this
    const isTimed = !Number.isNaN(ts)
    const shape = this.shapes.shapeOf(this.keysRead, this.kinds, this.count)
    if (shape === null) {
      this.fault('TM223', i)
      return to
    }
    if (isTimed && (ts < leastTs || ts > this.now + mostAhead)) this.quarantine = 'TM216'
    this.reading = {
      index,
      target: this.target,
      ts: isTimed ? ts : null,
      mid: this.mid,
      payload: this.payload(i, to),
      shape,
      quarantine: this.quarantine,
    }
    return to
  }

  members(i: number, isData: boolean): number {
    const { b, end, shapes } = this
    const stamp = shapes.nextStamp()
    let last = isData ? shapes.firstOfData : shapes.first
    let beside = -1
    let runFrom = -1
    let runTo = -1
    if (i < end && b[i]! <= 0x20) i = this.space(i)
    if (i < end && b[i] === 0x7d) return i + 1
    for (;;) {
      const keyFrom = i
      const key = this.keyBehind(last, i, isData)
      if (key === null) return -1
      this.field = key
      if (key.stamp === stamp) return this.fault('TM210', keyFrom)
      key.stamp = stamp
      last = key
      i = this.keyTo
      i = i < end && b[i] === 0x3a ? i + 1 : this.colon(i)
      if (i < 0) return i
      if (i < end && b[i]! <= 0x20) i = this.space(i)

      if (key.role === FIELD) {
        if (++this.keys > mostKeys) return this.fault('TM204', keyFrom)
        i = this.value(i, 2)
        if (i < 0) return i
        this.kinds[this.count] = this.kind
        this.keysRead[this.count++] = key
        if (beside < 0) beside = keyFrom
        if (runFrom < 0) runFrom = keyFrom
        runTo = i
      } else {
        i = this.envelope(key.role, i)
        if (i < 0) return i
        this.isCut = true
        if (runFrom >= 0) this.run(runFrom, runTo)
        runFrom = -1
      }

      if (i < end && b[i]! <= 0x20) i = this.space(i)
      const c = i < end ? b[i]! : 0
      if (c === 0x7d) break
      if (c !== 0x2c) return this.fault('TM201', i)
      i++
      if (i < end && b[i]! <= 0x20) i = this.space(i)
    }
    if (isData) return i + 1
    if (this.dataFrom >= 0 && beside >= 0) {
      this.field = null
      return this.fault('TM215', beside)
    }
    if (runFrom >= 0) this.run(runFrom, runTo)
    return i + 1
  }

  /** The key at i, which in nearly every reading is one of the two that came behind this one before: then no string is made. */
  keyBehind(last: Key, i: number, isData: boolean): Key | null {
    let key = last.next
    if (!this.isAt(key, i)) {
      key = last.other
      if (!this.isAt(key, i)) return this.keyByName(last, i, isData)
      last.other = last.next
      last.next = key
    }
    if (isData && key.role !== FIELD) return this.keyByName(last, i, isData)
    this.keyTo = i + key.bytes.length
    return key
  }

  isAt(key: Key, i: number): boolean {
    const { b } = this
    const { bytes } = key
    const { length } = bytes
    if (i + length > this.end) return false
    for (let k = 0; k < length; k++) if (b[i + k] !== bytes[k]) return false
    return true
  }

  keyByName(last: Key, i: number, isData: boolean): Key | null {
    const to = this.key(i)
    if (to < 0) return null
    this.keyTo = to
    return this.shapes.key(this.name(i + 1, to - 1, this.isEscaped), last, isData)
  }

  run(from: number, to: number): void {
    this.runs[this.runCount++] = from
    this.runs[this.runCount++] = to
  }

  /** The value at i of target, ts, mid or data; null says that the sender has none. */
  envelope(role: number, i: number): number {
    const c = i < this.end ? this.b[i]! : 0
    if (role === DATA) {
      const to = c === 0x7b ? this.members(i + 1, true) : this.fault('TM202', i)
      this.dataFrom = i
      this.dataTo = to
      return to
    }
    const to = this.value(i, 2)
    if (to < 0 || this.kind === NULL) return to
    if (role === TS) return this.readTs(i, to)
    if (role === TARGET) return this.readTarget(i, to)
    return this.readMid(i, to)
  }

  readTs(from: number, to: number): number {
    const { kind } = this
    if (kind === TEXT && this.isEscaped) this.ts = epochMicros(this.name(from + 1, to - 1, true)) ?? Number.NaN
    else if (kind === TEXT) this.ts = microsOf(this.b, from + 1, to - 1)
    else if (kind === INTEGER || kind === NUMBER) this.ts = microsOf(this.b, from, to)
    return Number.isNaN(this.ts) ? this.fault('TM211', from) : to
  }

  readTarget(from: number, to: number): number {
    const isText = this.kind === TEXT
    if (!isText && this.kind !== INTEGER && this.kind !== NUMBER && this.kind !== EXACT) return this.fault('TM105', from)
    const target = isText ? this.targetName(from + 1, to - 1) : this.text.toString('latin1', from, to)
    if (target === '' || target.length > mostTargetBytes || Buffer.byteLength(target) > mostTargetBytes) {
      return this.fault('TM105', from)
    }
    // Without escapes the only control character that JSON lets through is DEL.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    if (isText && /[\x00-\x1f\x7f]/.test(target)) return this.fault('TM105', from)
    this.target = target
    return to
  }

  readMid(from: number, to: number): number {
    if (this.kind !== TEXT && this.kind !== INTEGER && this.kind !== EXACT) return this.fault('TM214', from)
    const mid = this.kind === TEXT ? this.name(from + 1, to - 1, this.isEscaped) : this.text.toString('latin1', from, to)
    if (mid === '' || mid.length > mostMidBytes || Buffer.byteLength(mid) > mostMidBytes) return this.fault('TM214', from)
    this.mid = mid
    return to
  }

  /** Few targets send many readings: their names are kept, which costs less than decoding each. */
  targetName(from: number, to: number): string {
    const { b } = this
    let hash = 0
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + b[i]!) | 0
    const slot = hash & (targetSlots - 1)
    const kept = targets[slot]!
    if (kept.length === to - from && !this.isEscaped) {
      let i = from
      while (i < to && kept.charCodeAt(i - from) === b[i]) i++
      if (i === to) return kept
    }
    const name = this.name(from, to, this.isEscaped)
    if (name.length === to - from && to - from <= 64) targets[slot] = name
    return name
  }

  payload(from: number, to: number): Uint8Array {
    if (this.dataFrom >= 0) return this.view(this.dataFrom, this.dataTo)
    const { runs, runCount, b } = this
    if (!this.isCut) return this.view(from, to)
    if (this.spliced.length === 0) this.spliced = Buffer.allocUnsafe(this.b.length)
    const out = this.spliced
    const start = this.splicedTo
    let at = start
    out[at++] = 0x7b
    for (let r = 0; r < runCount; r += 2) {
      if (r > 0) out[at++] = 0x2c
      const runTo = runs[r + 1]!
      for (let k = runs[r]!; k < runTo; k++) out[at++] = b[k]!
    }
    out[at++] = 0x7d
    this.splicedTo = at
    return new Uint8Array(out.buffer, out.byteOffset + start, at - start)
  }

  view(from: number, to: number): Uint8Array {
    return new Uint8Array(this.b.buffer, this.b.byteOffset + from, to - from)
  }

  /** The body's bytes are not kept alive by the scanner. */
  finish(): void {
    this.open(nothing)
    this.spliced = nothing
  }
}
