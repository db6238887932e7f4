// SPDX-License-Identifier: MIT
// Influx line protocol to our envelopes, in one pass over the bytes: each point becomes one line of JSON of its measurement's
// category, and the gate judges that as it judges everything. Numbers are copied digit by digit, never converted.
//
//   cpu,host=web-1,cpu=cpu0 usage=1.5,n=3i 1700000000000000000
//   cpu: {"data":{"usage":1.5,"n":3,"cpu":"cpu0"},"target":"web-1","ts":1700000000000000}
//
// category  the measurement in lower case, every other character than a-z, 0-9 and _ as _, with m_ before it unless a letter begins
// target    the first of the tags target, device, device_id, entity_id, host, id that is there, else the bucket or database;
//           a token that is bound to a target has that one, and then only the tag "target" is read
// fields    each field by its type (a float stays one: 21 is kept as 21.0); each other tag as text, by its name, or with _tag behind
//           it where a field has the same name
// ts        to the microsecond: what nanoseconds have beyond is cut off
import { type ErrorCode, TmiError } from '../base/errors.ts'

export interface LineOptions {
  precision: Precision
  /** Whether tags other than "target" may name the target. */
  anyTarget: boolean
}

export type Precision = 'ns' | 'us' | 'ms' | 's' | 'm' | 'h'

/** The points of one measurement. */
export interface Points {
  category: string
  /** One reading a line. */
  ndjson: Buffer
  /** In which line of the body each of them stands, from 1. */
  lines: number[]
}

export interface LineFault {
  line: number
  code: ErrorCode
  message: string
}

export interface Lines {
  points: Points[]
  faults: LineFault[]
}

const mostPoints = 100_000
/** A category of its own for each point of a body would keep the database busy with views for minutes. */
const mostMeasurements = 2000
/** What a body of 10 MB may grow to: 1 byte of a control character is 6 in JSON. */
const mostOutBytes = 64 * 1024 * 1024
const mostMembers = 1000
const mostPairs = 4096

const targetTags = ['target', 'device', 'device_id', 'entity_id', 'host', 'id'].map((name) => Buffer.from(name))
const microsOf: Record<Precision, number> = { ns: 0, us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6 }
const words = new Map(
  ['t', 'T', 'true', 'True', 'TRUE', 'f', 'F', 'false', 'False', 'FALSE'].map((word) => [word, /^t/i.test(word)] as const),
)
const hex = '0123456789abcdef'

const newline = 0x0a
const space = 0x20
const quote = 0x22
const comma = 0x2c
const equals = 0x3d
const backslash = 0x5c

/** Every point of the body, by category; a line that is not one is a fault and the others are taken. */
export function readLines(body: Uint8Array, options: LineOptions): Lines {
  return new LineReader(body, options).read()
}

class Output {
  readonly category: string
  readonly lines: number[] = []
  bytes = Buffer.allocUnsafe(512)
  to = 0

  constructor(category: string) {
    this.category = category
  }

  byte(c: number): void {
    if (this.to === this.bytes.length) this.#grow(1)
    this.bytes[this.to++] = c
  }

  text(ascii: string): void {
    if (this.to + ascii.length > this.bytes.length) this.#grow(ascii.length)
    for (let k = 0; k < ascii.length; k++) this.bytes[this.to++] = ascii.charCodeAt(k)
  }

  /** One byte of a string's content. */
  escaped(c: number): void {
    if (c < 0x20) this.text(`\\u00${hex[c >> 4]}${hex[c & 15]}`)
    else {
      if (c === quote || c === backslash) this.byte(backslash)
      this.byte(c)
    }
  }

  #grow(by: number): void {
    const size = Math.max(this.bytes.length * 2, this.to + by)
    if (size > mostOutBytes) throw new TmiError('TM212')
    const larger = Buffer.allocUnsafe(size)
    this.bytes.copy(larger, 0, 0, this.to)
    this.bytes = larger
  }
}

class LineReader {
  readonly #b: Uint8Array
  readonly #text: Buffer
  readonly #end: number
  readonly #options: LineOptions
  readonly #outputs = new Map<string, Output>()
  /** By the measurement as it is written. */
  readonly #byName = new Map<string, Output>()
  readonly #faults: LineFault[] = []
  /** Where names stand in the body: from, to of each tag's key and value, and of each field's key. */
  readonly #tags = new Int32Array(mostMembers * 4)
  readonly #fields = new Int32Array(mostMembers * 2)
  #tagCount = 0
  #fieldCount = 0
  #line = 0
  #points = 0
  /** Set once a quote was never closed: from there on a string ends with its line, or each line would be searched to the end. */
  #isOneLine = false
  #code: ErrorCode = 'TM220'
  #why = ''

  constructor(body: Uint8Array, options: LineOptions) {
    this.#b = body
    this.#text = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    this.#end = body.length
    this.#options = options
  }

  read(): Lines {
    let i = this.#b[0] === 0xef && this.#b[1] === 0xbb && this.#b[2] === 0xbf ? 3 : 0
    while (i < this.#end) {
      this.#line++
      const from = this.#blank(i)
      const c = from < this.#end ? this.#b[from]! : newline
      if (c === 0x23 || c === newline || (c === 0x0d && this.#isEnd(from))) {
        i = this.#nextLine(from)
        continue
      }
      if (++this.#points > mostPoints) throw new TmiError('TM212', `There are more than ${mostPoints} points in this body.`)
      const line = this.#line
      const to = this.#point(from)
      if (to < 0) {
        this.#faults.push({ line, code: this.#code, message: this.#why })
        this.#line = line
        i = this.#nextLine(from)
      } else i = to
    }
    const points = [...this.#outputs.values()]
      .filter((o) => o.lines.length > 0)
      .map((o) => ({ category: o.category, ndjson: o.bytes.subarray(0, o.to), lines: o.lines }))
    return { points, faults: this.#faults }
  }

  #fault(code: ErrorCode, why: string): -1 {
    this.#code = code
    this.#why = why
    return -1
  }

  /** One point at i; the index behind its line. */
  #point(i: number): number {
    const b = this.#b
    let at = this.#name(i, false)
    if (at === i) return this.#fault('TM220', 'There is no measurement.')
    const out = this.#outputOf(i, at)
    if (out === null) return -1
    this.#tagCount = 0
    this.#fieldCount = 0
    while (at < this.#end && b[at] === comma) {
      at = this.#tag(at + 1)
      if (at < 0) return at
    }
    if (at >= this.#end || b[at] !== space) return this.#fault('TM220', 'There are no fields.')
    const mark = out.to
    const to = this.#rest(this.#blank(at), out)
    if (to < 0) {
      out.to = mark
      return to
    }
    out.lines.push(this.#pointLine)
    return to
  }

  #pointLine = 0

  /** Fields and time, which are written as they are read, then the tags. */
  #rest(i: number, out: Output): number {
    this.#pointLine = this.#line
    out.text('{"data":{')
    for (;;) {
      i = this.#field(i, out)
      if (i < 0) return i
      if (i >= this.#end || this.#b[i] !== comma) break
      i++
    }
    const ts = this.#isEnd(i) ? '' : this.#time(i)
    if (ts === null) return -1
    const target = this.#targetTag()
    for (let t = 0; t < this.#tagCount; t++) if (t !== target) this.#writeTag(t, out)
    out.byte(0x7d)
    if (target >= 0) {
      out.text(',"target":"')
      this.#write(this.#tags[target * 4 + 2]!, this.#tags[target * 4 + 3]!, out)
      out.byte(quote)
    }
    if (ts !== '') out.text(`,"ts":${ts}`)
    out.text('}\n')
    return this.#nextLine(i)
  }

  #outputOf(from: number, to: number): Output | null {
    const written = this.#latin(from, to)
    let out = this.#byName.get(written)
    if (out !== undefined) return out
    const category = categoryOf(this.#b, from, to)
    if (category === null) {
      this.#fault('TM104', 'This measurement cannot be a category: 1 to 48 characters, at least one of them a letter or digit.')
      return null
    }
    out = this.#outputs.get(category)
    if (out === undefined) {
      if (this.#outputs.size >= mostMeasurements) {
        this.#fault('TM212', `There are more than ${mostMeasurements} measurements in this body.`)
        return null
      }
      out = new Output(category)
      this.#outputs.set(category, out)
    }
    if (this.#byName.size < 2 * mostMeasurements) this.#byName.set(written, out)
    return out
  }

  #tag(i: number): number {
    const keyTo = this.#name(i, true)
    if (keyTo === i || keyTo >= this.#end || this.#b[keyTo] !== equals) return this.#fault('TM220', 'A tag is key=value.')
    const to = this.#name(keyTo + 1, true)
    if (to === keyTo + 1) return this.#fault('TM220', 'A tag has no value.')
    if (this.#b[to] === equals) return this.#fault('TM220', 'A tag has two equals signs: one inside a name is written \\=.')
    if (this.#tagCount + 1 > mostMembers) return this.#fault('TM204', 'There are too many tags and fields.')
    const at = this.#tagCount++ * 4
    this.#tags[at] = i
    this.#tags[at + 1] = keyTo
    this.#tags[at + 2] = keyTo + 1
    this.#tags[at + 3] = to
    return to
  }

  #field(i: number, out: Output): number {
    const keyTo = this.#name(i, true)
    if (keyTo === i || keyTo >= this.#end || this.#b[keyTo] !== equals) {
      return this.#fault('TM220', keyTo === i && this.#isEnd(i) ? 'There are no fields.' : 'A field is key=value.')
    }
    if (this.#fieldCount + this.#tagCount >= mostMembers) return this.#fault('TM204', 'There are too many tags and fields.')
    if (this.#fieldCount > 0) out.byte(comma)
    const at = this.#fieldCount++ * 2
    this.#fields[at] = i
    this.#fields[at + 1] = keyTo
    out.byte(quote)
    this.#write(i, keyTo, out)
    out.byte(quote)
    out.byte(0x3a)
    const to = this.#value(keyTo + 1, out)
    if (to < 0 || this.#isEnd(to) || this.#b[to] === comma || this.#b[to] === space) return to
    return this.#fault('TM220', 'Behind a field comes a comma, a space or the end of the line.')
  }

  #value(i: number, out: Output): number {
    const c = i < this.#end ? this.#b[i]! : 0
    if (c === quote) return this.#string(i + 1, out)
    if (c === 0x2d || c === 0x2b || c === 0x2e || isDigit(c)) return this.#number(i, out)
    const to = this.#name(i, true)
    const word = to - i > 5 ? undefined : words.get(this.#latin(i, to))
    if (word !== undefined) {
      out.text(word ? 'true' : 'false')
      return to
    }
    if (to - i <= 9 && /^(nan|inf|infinity)$/i.test(this.#latin(i, to))) return this.#fault('TM207', 'A number is finite.')
    return this.#fault('TM220', 'A value is a number, a number with i or u, "text", true or false.')
  }

  /** In JSON digits stand on both sides of the point and no zero before them. */
  #number(i: number, out: Output): number {
    const b = this.#b
    const isNegative = b[i] === 0x2d
    if (isNegative || b[i] === 0x2b) i++
    let whole = i
    while (i < this.#end && isDigit(b[i]!)) i++
    const hasWhole = i > whole
    while (whole < i - 1 && b[whole] === 0x30) whole++
    const wholeTo = i
    const suffix = i < this.#end ? b[i]! : 0
    if (suffix === 0x69 || suffix === 0x75) {
      if (!hasWhole) return this.#noDigits(i)
      if (suffix === 0x75 && isNegative) return this.#fault('TM220', 'An unsigned number is not negative.')
      if (isNegative) out.byte(0x2d)
      for (let k = whole; k < wholeTo; k++) out.byte(b[k]!)
      return i + 1
    }
    let fraction = i
    let fractionTo = i
    if (suffix === 0x2e) {
      fraction = ++i
      while (i < this.#end && isDigit(b[i]!)) i++
      fractionTo = i
    }
    if (!hasWhole && fraction === fractionTo) return this.#noDigits(i)
    if (isNegative) out.byte(0x2d)
    if (hasWhole) for (let k = whole; k < wholeTo; k++) out.byte(b[k]!)
    else out.byte(0x30)
    const hasExponent = i < this.#end && (b[i]! | 0x20) === 0x65
    if (fractionTo > fraction) {
      out.byte(0x2e)
      for (let k = fraction; k < fractionTo; k++) out.byte(b[k]!)
    } else if (!hasExponent) out.text('.0')
    if (!hasExponent) return i
    out.byte(0x65)
    i++
    if (i < this.#end && (b[i] === 0x2b || b[i] === 0x2d)) out.byte(b[i++]!)
    const digits = i
    while (i < this.#end && isDigit(b[i]!)) out.byte(b[i++]!)
    return i === digits ? this.#fault('TM220', 'An exponent has digits.') : i
  }

  #noDigits(i: number): -1 {
    const isInfinite = this.#latin(i, Math.min(i + 3, this.#end)).toLowerCase() === 'inf'
    return isInfinite ? this.#fault('TM207', 'A number is finite.') : this.#fault('TM220', 'A number has digits.')
  }

  /** Behind the opening quote; it may go over several lines. */
  #string(i: number, out: Output): number {
    const b = this.#b
    const from = i
    out.byte(quote)
    for (; i < this.#end; i++) {
      let c = b[i]!
      if (c === quote) {
        out.byte(quote)
        return i + 1
      }
      if (c === newline) {
        if (this.#isOneLine) break
        this.#line++
      } else if (c === backslash && (b[i + 1] === quote || b[i + 1] === backslash)) c = b[++i]!
      out.escaped(c)
    }
    this.#isOneLine = true
    const newlineAt = this.#text.indexOf(newline, from)
    return this.#fault('TM220', `A text is not closed${newlineAt < 0 ? '' : ' on its line'}: a quote is missing.`)
  }

  /** Microseconds as the gate reads them, or null. */
  #time(i: number): string | null {
    const b = this.#b
    const none = (): null => {
      this.#fault('TM211', 'The time is a whole number in the precision that the address says.')
      return null
    }
    i = this.#blank(i)
    if (this.#isEnd(i)) return ''
    const isNegative = b[i] === 0x2d
    if (isNegative) i++
    const from = i
    while (i < this.#end && isDigit(b[i]!)) i++
    if (i === from || i - from > 19 || !this.#isEnd(this.#blank(i))) return none()
    const isNanos = this.#options.precision === 'ns'
    const digits = this.#latin(from, isNanos ? i - 3 : i)
    const size = isNanos ? Number(i - from > 3 ? digits : '0') : Number(digits) * microsOf[this.#options.precision]
    const micros = isNegative && size !== 0 ? -size : size
    // So far from 1970 nobody takes the number for milliseconds.
    if (size >= 1e14) return size < 1e18 ? String(micros) : none()
    const millis = Math.floor(micros / 1000)
    return `"${new Date(millis).toISOString().slice(0, -1)}${String(micros - millis * 1000).padStart(3, '0')}Z"`
  }

  #targetTag(): number {
    const most = this.#options.anyTarget ? targetTags.length : 1
    let found = -1
    let best = most
    for (let t = 0; t < this.#tagCount; t++) {
      const from = this.#tags[t * 4]!
      const length = this.#tags[t * 4 + 1]! - from
      for (let k = 0; k < best; k++) {
        const name = targetTags[k]!
        if (name.length !== length || this.#text.compare(name, 0, length, from, from + length) !== 0) continue
        best = k
        found = t
        break
      }
    }
    return found
  }

  #writeTag(t: number, out: Output): void {
    const at = t * 4
    out.byte(comma)
    out.byte(quote)
    this.#write(this.#tags[at]!, this.#tags[at + 1]!, out)
    if (this.#isField(this.#tags[at]!, this.#tags[at + 1]!)) out.text('_tag')
    out.text('":"')
    this.#write(this.#tags[at + 2]!, this.#tags[at + 3]!, out)
    out.byte(quote)
  }

  #isField(from: number, to: number): boolean {
    // A line with so many of both is no device's; its repeated names are the gate's to refuse.
    if (this.#fieldCount * this.#tagCount > mostPairs) return false
    for (let f = 0; f < this.#fieldCount; f++) {
      const keyFrom = this.#fields[f * 2]!
      const keyTo = this.#fields[f * 2 + 1]!
      if (keyTo - keyFrom !== to - from) continue
      if (this.#text.compare(this.#text, from, to, keyFrom, keyTo) === 0) return true
    }
    return false
  }

  /** The content of a name, without the backslashes that keep its commas, equals signs and spaces. */
  #write(from: number, to: number, out: Output): void {
    const b = this.#b
    for (let i = from; i < to; i++) {
      if (b[i] === backslash && i + 1 < to && isSeparator(b[i + 1]!)) i++
      out.escaped(b[i]!)
    }
  }

  /** Behind the name at i: before a comma, space or line end, and in tags and fields an equals sign. */
  #name(i: number, endsAtEquals: boolean): number {
    const b = this.#b
    while (i < this.#end) {
      const c = b[i]!
      if (c === backslash && i + 1 < this.#end && isSeparator(b[i + 1]!)) i += 2
      else if (c === comma || c === space || c === newline || (c === equals && endsAtEquals)) break
      else if (c === 0x0d && this.#isEnd(i)) break
      else i++
    }
    return i
  }

  #latin(from: number, to: number): string {
    return this.#text.toString('latin1', from, to)
  }

  #isEnd(i: number): boolean {
    const b = this.#b
    return i >= this.#end || b[i] === newline || (b[i] === 0x0d && (i + 1 >= this.#end || b[i + 1] === newline))
  }

  #blank(i: number): number {
    while (i < this.#end && (this.#b[i] === space || this.#b[i] === 0x09)) i++
    return i
  }

  #nextLine(i: number): number {
    const at = this.#text.indexOf(newline, i)
    return at < 0 ? this.#end : at + 1
  }
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

function isSeparator(c: number): boolean {
  return c === comma || c === equals || c === space
}

/** The measurement as a category, or null. */
export function categoryOf(b: Uint8Array, from: number, to: number): string | null {
  // Four bytes a character at most; whatever is longer is no name.
  if (to - from > 200) return null
  let name = ''
  let hasOwn = false
  for (let i = from; i < to; i++) {
    let c = b[i]!
    if (c === backslash && i + 1 < to && isSeparator(b[i + 1]!)) c = b[++i]!
    if ((c & 0xc0) === 0x80) continue // inside a character
    if (c >= 0x41 && c <= 0x5a) c += 0x20
    const isOwn = (c >= 0x61 && c <= 0x7a) || isDigit(c)
    hasOwn ||= isOwn
    name += isOwn ? String.fromCharCode(c) : '_'
  }
  if (!hasOwn) return null
  if (!/^[a-z]/.test(name)) name = `m_${name}`
  return name.length > 48 ? null : name
}
