// SPDX-License-Identifier: MIT
// What a reading looks like: field -> type. The database finds a reading's schema version by the 64-bit signature of this.
//
// Devices leave fields out, so n fields would make 2^n shapes if each reading had its own. A category keeps a union of what its
// readings have shown instead: whatever fits the union has the union's shape, what adds to it makes it grow, and what contradicts
// it (text where a number is known) goes to the first further union that it fits. The last union takes contradicted fields as
// json, which nothing contradicts, so shapes come to an end whatever devices send.
//
// In a strict category the unions are its majors, newest first, as SQL told them, and no other is made: what none of them takes has
// no shape and is refused. So a refused reading leaves nothing behind in a union, and a shape never mixes two majors.
import { createHash } from 'node:crypto'
import { BOOLEAN, EXACT, INTEGER, JSON_VALUE, NULL, NUMBER, TEXT } from './scan.ts'

export interface Shape {
  /** Signed 64 bits: the start of the descriptor's SHA-256. */
  readonly sig: bigint
  /** JSON object text, field -> "boolean" | "integer" | "number" | "exact" | "text" | "json", sorted. */
  readonly descriptor: string
  /** Small and unique in this process. */
  readonly seq: number
}

/** A field of a major of a strict category; pinned: it takes any value. */
export interface StrictField {
  readonly name: string
  readonly type: string
  readonly pinned: boolean
}

/** By category, the fields of its majors, newest first. */
export type StrictMajors = ReadonlyMap<string, readonly (readonly StrictField[])[]>

export const mostUnions = 16
/** One more than the views show (tmidb.discover): by the one too many SQL learns that the category has too many fields, and flags it. */
export const mostFields = 257
/** Keys that are known though no union has them (always null, or beyond mostFields), a category. */
const mostSpareKeys = 512
/** Over all categories, about 500 bytes each: behind it the book starts anew, so that names made up for ever cost no memory. */
const mostBookKeys = 100_000

const typeNames = new Map([
  [BOOLEAN, 'boolean'],
  [INTEGER, 'integer'],
  [NUMBER, 'number'],
  [EXACT, 'exact'],
  [TEXT, 'text'],
  [JSON_VALUE, 'json'],
])
const kindsByName = new Map([...typeNames].map(([kind, name]) => [name, kind]))
/** The kinds that a field of a type takes, as SQL's tmidb.discover has it: an integer is a number, and both fit an exact one. */
const accepted = new Map([
  [BOOLEAN, BOOLEAN],
  [INTEGER, INTEGER],
  [NUMBER, INTEGER | NUMBER],
  [EXACT, INTEGER | NUMBER | EXACT],
  [TEXT, TEXT],
  [JSON_VALUE, JSON_VALUE],
])
const anything = BOOLEAN | INTEGER | NUMBER | EXACT | TEXT | JSON_VALUE

const unknownBytes = new Uint8Array(1)
const unknownMasks: readonly number[] = new Array<number>(mostUnions + 1).fill(0)
let shapeCount = 0

export const FIELD = 0
export const TARGET = 1
export const TS = 2
export const MID = 3
export const DATA = 4

/** A top-level key of a category, and what came behind it the last two times: the predictor. */
export class Key {
  readonly name: string
  readonly role: number
  /** Its bytes with both quotes, as a serialiser writes them; other spellings are looked up by name. */
  bytes = unknownBytes
  /** For each union the kinds that it takes for this field; 0 where it does not know the field. */
  masks = unknownMasks as number[]
  next: Key = this
  other: Key = this
  /** The object in which it was seen last, which tells a repeated key from a known one. */
  stamp = 0
  isKnown = false

  constructor(name: string, role: number) {
    this.name = name
    this.role = role
  }

  know(): void {
    this.isKnown = true
    this.bytes = new Uint8Array(Buffer.from(JSON.stringify(this.name)))
    this.masks = [...unknownMasks]
  }
}

class Union {
  readonly index: number
  readonly fields = new Map<string, number>()
  shape: Shape = describe(this.fields)

  constructor(index: number) {
    this.index = index
  }

  get isFull(): boolean {
    return this.fields.size >= mostFields
  }

  get takesAll(): boolean {
    return this.index === mostUnions
  }
}

export class CategoryShapes {
  /** What precedes the first key of a reading, and of its "data". */
  readonly first = new Key('', FIELD)
  readonly firstOfData = new Key('', FIELD)
  readonly #book: ShapeBook
  readonly #envelope = new Map<string, Key>()
  readonly #keys = new Map<string, Key>()
  /** Keys of the current reading that nobody has seen before. */
  readonly #fresh = new Map<string, Key>()
  readonly #unions: Union[] = []
  readonly #isStrict: boolean
  #spare = 0
  #stamp = 0

  constructor(book: ShapeBook, majors: readonly (readonly StrictField[])[]) {
    this.#book = book
    this.#isStrict = majors.length > 0
    for (const [name, role] of [
      ['target', TARGET],
      ['ts', TS],
      ['mid', MID],
      ['data', DATA],
    ] as const) {
      const key = new Key(name, role)
      key.know()
      this.#envelope.set(name, key)
    }
    for (const fields of majors.slice(0, mostUnions)) this.#seed(fields)
  }

  #seed(fields: readonly StrictField[]): void {
    const union = new Union(this.#unions.length)
    for (const { name, type, pinned } of fields) {
      const kind = kindsByName.get(type) ?? JSON_VALUE
      let key = this.#keys.get(name)
      if (key === undefined) {
        key = new Key(name, FIELD)
        this.#know(key)
      }
      key.masks[union.index] = pinned || kind === JSON_VALUE ? anything : accepted.get(kind)!
      union.fields.set(name, kind)
    }
    union.shape = describe(union.fields)
    this.#unions.push(union)
  }

  startReading(): void {
    if (this.#fresh.size > 0) this.#fresh.clear()
  }

  /** A number that no key carries yet. It stays a small integer, for a key's field would turn into a boxed double otherwise. */
  nextStamp(): number {
    if (this.#stamp === 0x3fff_ffff) {
      for (const key of [...this.#keys.values(), ...this.#envelope.values()]) key.stamp = 0
      this.#stamp = 0
    }
    return ++this.#stamp
  }

  /** The key of this name behind `last`; in `data` the names of the envelope are fields like any other. */
  key(name: string, last: Key, isData: boolean): Key {
    const known = (isData ? undefined : this.#envelope.get(name)) ?? this.#keys.get(name)
    if (known !== undefined) {
      // Only known keys are chained: a fresh one is another object next time, and two objects of one name would hide a repeat.
      if (last.isKnown || last === this.first || last === this.firstOfData) {
        last.other = last.next
        last.next = known
      }
      return known
    }
    let key = this.#fresh.get(name)
    if (key === undefined) {
      key = new Key(name, FIELD)
      this.#fresh.set(name, key)
    }
    return key
  }

  /** The shape of the reading with these fields; null where it would break a strict category. */
  shapeOf(keys: readonly Key[], kinds: Uint8Array, count: number): Shape | null {
    const union = this.#unionOf(keys, kinds, count)
    if (this.#fresh.size > 0) this.#keepSpare()
    return union === null ? null : union.shape
  }

  /** What a reading without a shape has that the newest major has not, in the words of SQL's tmidb.discover. */
  contradiction(keys: readonly Key[], kinds: Uint8Array, count: number): string {
    const known = this.#unions[0]?.fields
    const words: string[] = []
    for (let k = 0; k < count; k++) {
      const { name, masks } = keys[k]!
      const kind = kinds[k]!
      const mask = masks[0]!
      if (kind === NULL || mask === 0 || (mask & kind) !== 0 || (mask === INTEGER && kind === NUMBER)) continue
      words.push(`${cut(name)}: ${typeNames.get(kind)} where ${typeNames.get(known?.get(name) ?? JSON_VALUE)} is known`)
    }
    return words.slice(0, 5).join(', ') + (words.length > 5 ? ` and ${words.length - 5} more` : '')
  }

  #unionOf(keys: readonly Key[], kinds: Uint8Array, count: number): Union | null {
    for (const union of this.#unions) {
      const { index } = union
      let grows = false
      let k = 0
      for (; k < count; k++) {
        const kind = kinds[k]!
        const mask = keys[k]!.masks[index]!
        if (kind === NULL || (mask & kind) !== 0) continue
        if (mask === 0) grows ||= !union.isFull
        else if (union.takesAll || (mask === INTEGER && kind === NUMBER)) grows = true
        else break
      }
      if (k < count) continue
      if (grows) this.#grow(union, keys, kinds, count)
      return union
    }
    if (this.#isStrict) return null
    const union = new Union(this.#unions.length)
    this.#unions.push(union)
    this.#grow(union, keys, kinds, count)
    return union
  }

  #grow(union: Union, keys: readonly Key[], kinds: Uint8Array, count: number): void {
    for (let k = 0; k < count; k++) {
      const key = keys[k]!
      const kind = kinds[k]!
      const mask = key.masks[union.index]!
      if (kind === NULL || (mask & kind) !== 0 || (mask === 0 && union.isFull)) continue
      const type = mask !== 0 && union.takesAll ? JSON_VALUE : kind
      if (!key.isKnown) this.#know(key)
      key.masks[union.index] = type === JSON_VALUE && union.takesAll ? anything : accepted.get(type)!
      union.fields.set(key.name, type)
    }
    union.shape = describe(union.fields)
  }

  #know(key: Key): void {
    key.know()
    this.#keys.set(key.name, key)
    this.#book.keyCount++
  }

  #keepSpare(): void {
    for (const key of this.#fresh.values()) {
      if (key.isKnown) continue
      if (this.#spare >= mostSpareKeys) break
      this.#spare++
      this.#know(key)
    }
  }
}

/** The shapes of all categories. Ask for a category's anew for each body: the book may have started anew. */
export class ShapeBook {
  keyCount = 0
  readonly #categories = new Map<string, CategoryShapes>()
  #strict: StrictMajors = new Map()

  /** What strict categories take from now on; where that is what it was, their unions stay. */
  setStrict(strict: StrictMajors): void {
    for (const category of new Set([...this.#strict.keys(), ...strict.keys()])) {
      if (JSON.stringify(this.#strict.get(category)) !== JSON.stringify(strict.get(category))) this.#categories.delete(category)
    }
    this.#strict = strict
  }

  of(category: string): CategoryShapes {
    if (this.keyCount > mostBookKeys) {
      this.#categories.clear()
      this.keyCount = 0
    }
    let shapes = this.#categories.get(category)
    if (shapes === undefined) {
      shapes = new CategoryShapes(this, this.#strict.get(category) ?? [])
      this.#categories.set(category, shapes)
      this.keyCount += 4
    }
    return shapes
  }
}

const cut = (name: string) => (name.length > 80 ? `${name.slice(0, 80)}…` : name)

function describe(fields: ReadonlyMap<string, number>): Shape {
  const members = [...fields.keys()].sort().map((name) => `${JSON.stringify(name)}:"${typeNames.get(fields.get(name)!)}"`)
  const descriptor = `{${members.join(',')}}`
  const sig = createHash('sha256').update(descriptor).digest().readBigInt64BE(0)
  return { sig, descriptor, seq: ++shapeCount }
}
