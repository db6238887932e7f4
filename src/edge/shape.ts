// SPDX-License-Identifier: MIT
// What a reading looks like: field -> type. The database finds a reading's schema version by the 64-bit signature of this.
// Members of nested objects are fields by their path, down to five levels; what is deeper, and arrays, is json. An empty object
// brings nothing, like null, so that it says neither that there is an object nor that there is none.
//
// Devices leave fields out, so n fields would make 2^n shapes if each reading had its own. A category keeps a union of what its
// readings have shown instead: whatever fits the union has the union's shape, what adds to it makes it grow, and what contradicts
// it (text where a number is known) goes to the first further union that it fits. The last union takes contradicted fields as
// json, which nothing contradicts, so shapes come to an end whatever devices send.
import { createHash } from 'node:crypto'
import { BOOLEAN, EXACT, INTEGER, JSON_VALUE, NULL, NUMBER, OBJECT, TEXT } from './scan.ts'

export interface Shape {
  /** Signed 64 bits: the start of the descriptor's SHA-256. */
  readonly sig: bigint
  /** JSON object text, field -> "boolean" | "integer" | "number" | "exact" | "text" | "json" or such an object, sorted. */
  readonly descriptor: string
  /** Small and unique in this process. */
  readonly seq: number
}

export const mostUnions = 16
/** Keys in a path; an object at the last of them is json. tmidb.shape_of has the same number. */
export const mostLevels = 5
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
/** The kinds that a field of a type takes, as SQL's tmidb.discover has it: an integer is a number, and both fit an exact one. */
const accepted = new Map([
  [BOOLEAN, BOOLEAN],
  [INTEGER, INTEGER],
  [NUMBER, INTEGER | NUMBER],
  [EXACT, INTEGER | NUMBER | EXACT],
  [TEXT, TEXT],
  [JSON_VALUE, JSON_VALUE],
])
const anything = BOOLEAN | INTEGER | NUMBER | EXACT | TEXT | JSON_VALUE | OBJECT

const unknownBytes = new Uint8Array(1)
const unknownMasks: readonly number[] = new Array<number>(mostUnions + 1).fill(0)
let shapeCount = 0

export const FIELD = 0
export const TARGET = 1
export const TS = 2
export const MID = 3
export const DATA = 4

/** A key of a category's objects, and what came behind it the last two times: the predictor. */
export class Key {
  readonly name: string
  readonly role: number
  /** The object that it is a member of; null of the reading itself. */
  readonly parent: Key | null
  /** How many keys its path has. */
  readonly level: number
  /** Its bytes with both quotes, as a serialiser writes them; other spellings are looked up by name. */
  bytes = unknownBytes
  /** For each union the kinds that it takes for this field; 0 where it does not know the field. */
  masks = unknownMasks as number[]
  next: Key = this
  other: Key = this
  /** The object in which it was seen last, which tells a repeated key from a known one. */
  stamp = 0
  isKnown = false
  members: Map<string, Key> | null = null
  /** What precedes the first key of the objects it holds. */
  first: Key | null = null

  constructor(name: string, role: number, parent: Key | null) {
    this.name = name
    this.role = role
    this.parent = parent
    this.level = parent === null ? 0 : parent.level + 1
  }

  know(): void {
    this.isKnown = true
    this.bytes = new Uint8Array(Buffer.from(JSON.stringify(this.name)))
    this.masks = [...unknownMasks]
  }

  forget(): void {
    this.stamp = 0
    if (this.members !== null) for (const key of this.members.values()) key.forget()
  }

  /** Whether a union takes anything at a place that this key is below of. */
  isBelowJson(index: number): boolean {
    for (let key = this.parent; key !== null; key = key.parent) if (key.masks[index] === anything) return true
    return false
  }
}

/** Stands where no key is: before the first key of an object. */
function before(): Key {
  const key = new Key('', FIELD, null)
  key.isKnown = true
  return key
}

class Union {
  readonly index: number
  readonly fields = new Map<Key, number>()
  shape: Shape | null = null

  constructor(index: number) {
    this.index = index
  }

  get isFull(): boolean {
    return this.fields.size >= mostFields
  }

  get takesAll(): boolean {
    return this.index === mostUnions
  }

  add(key: Key, kind: number): void {
    key.masks[this.index] = kind === JSON_VALUE && this.takesAll ? anything : accepted.get(kind)!
    this.fields.set(key, kind)
    for (let over = key.parent; over !== null; over = over.parent) over.masks[this.index] = OBJECT
  }

  /** Takes anything for this key from now on, and so for all below it. */
  takeAnything(key: Key): void {
    this.#drop(key)
    this.add(key, JSON_VALUE)
  }

  #drop(key: Key): void {
    for (const member of key.members?.values() ?? []) {
      if (member.masks[this.index] === 0) continue
      member.masks[this.index] = anything
      this.fields.delete(member)
      this.#drop(member)
    }
  }

  describe(root: Key): void {
    const descriptor = this.#text(root)
    const sig = createHash('sha256').update(descriptor).digest().readBigInt64BE(0)
    this.shape = { sig, descriptor, seq: ++shapeCount }
  }

  #text(parent: Key): string {
    const members: string[] = []
    for (const [name, key] of [...(parent.members ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const kind = this.fields.get(key)
      if (kind !== undefined) members.push(`${JSON.stringify(name)}:"${typeNames.get(kind)}"`)
      else if (key.masks[this.index] === OBJECT) members.push(`${JSON.stringify(name)}:${this.#text(key)}`)
    }
    return `{${members.join(',')}}`
  }
}

export class CategoryShapes {
  /** Whose members the top-level keys are. */
  readonly root = before()
  /** What precedes the first key of a reading, and of its "data". */
  readonly first = before()
  readonly firstOfData = before()
  readonly #book: ShapeBook
  readonly #envelope = new Map<string, Key>()
  /** Keys of the current reading that nobody has seen before. */
  readonly #fresh: Key[] = []
  readonly #unions: Union[] = []
  #spare = 0
  #stamp = 0

  constructor(book: ShapeBook) {
    this.#book = book
    this.root.know()
    for (const [name, role] of [
      ['target', TARGET],
      ['ts', TS],
      ['mid', MID],
      ['data', DATA],
    ] as const) {
      const key = new Key(name, role, null)
      key.know()
      this.#envelope.set(name, key)
    }
  }

  startReading(): void {
    if (this.#fresh.length > 0) this.#dropFresh(0)
  }

  /** A number that no key carries yet. It stays a small integer, for a key's field would turn into a boxed double otherwise. */
  nextStamp(): number {
    if (this.#stamp === 0x3fff_ffff) {
      for (const key of [this.root, ...this.#envelope.values()]) key.forget()
      this.#stamp = 0
    }
    return ++this.#stamp
  }

  /** The key of this name behind `last` in an object of `parent`; in `data` the names of the envelope are fields like any other. */
  key(name: string, last: Key, parent: Key, isData: boolean): Key {
    parent.members ??= new Map()
    let key = (isData ? undefined : this.#envelope.get(name)) ?? parent.members.get(name)
    if (key === undefined) {
      key = new Key(name, FIELD, parent)
      parent.members.set(name, key)
      this.#fresh.push(key)
    } else if (key.isKnown && last.isKnown) {
      // Only known keys are chained: a fresh one is another object next time, and two objects of one name would hide a repeat.
      last.other = last.next
      last.next = key
    }
    return key
  }

  /** What precedes the first key of an object of this key. */
  firstOf(parent: Key): Key {
    parent.first ??= before()
    return parent.first
  }

  /** The shape of the reading with these fields; of an object, its own key comes before its members. */
  shapeOf(keys: readonly Key[], kinds: Uint8Array, count: number): Shape {
    const union = this.#unionOf(keys, kinds, count)
    if (this.#fresh.length > 0) this.#keepSpare()
    return union.shape!
  }

  #unionOf(keys: readonly Key[], kinds: Uint8Array, count: number): Union {
    for (const union of this.#unions) {
      const { index } = union
      let grows = false
      let k = 0
      for (; k < count; k++) {
        const kind = kinds[k]!
        const mask = keys[k]!.masks[index]!
        if (kind === NULL || (mask & kind) !== 0) continue
        if (mask === 0) grows ||= !union.isFull && !keys[k]!.isBelowJson(index)
        else if (union.takesAll || (mask === INTEGER && kind === NUMBER)) grows = true
        else break
      }
      if (k < count) continue
      if (grows) this.#grow(union, keys, kinds, count)
      return union
    }
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
      if (kind === NULL || (mask & kind) !== 0) continue
      if (mask !== 0 && union.takesAll) union.takeAnything(key)
      else if (mask !== 0) union.add(key, kind)
      else if (kind !== OBJECT && !union.isFull && !key.isBelowJson(union.index)) {
        this.#know(key)
        union.add(key, kind)
      }
    }
    union.describe(this.root)
  }

  #know(key: Key): void {
    if (key.isKnown) return
    this.#know(key.parent!)
    key.know()
    this.#book.keyCount++
  }

  #keepSpare(): void {
    const fresh = this.#fresh
    let k = 0
    for (; k < fresh.length && this.#spare < mostSpareKeys; k++) {
      const key = fresh[k]!
      if (key.isKnown) continue
      this.#spare++
      this.#know(key)
    }
    this.#dropFresh(k)
  }

  /** Forgets the keys that are still not known, and so what is below them. */
  #dropFresh(from: number): void {
    for (let k = from; k < this.#fresh.length; k++) {
      const key = this.#fresh[k]!
      if (!key.isKnown) key.parent!.members!.delete(key.name)
    }
    this.#fresh.length = 0
  }
}

/** The shapes of all categories. Ask for a category's anew for each body: the book may have started anew. */
export class ShapeBook {
  keyCount = 0
  readonly #categories = new Map<string, CategoryShapes>()

  of(category: string): CategoryShapes {
    if (this.keyCount > mostBookKeys) {
      this.#categories.clear()
      this.keyCount = 0
    }
    let shapes = this.#categories.get(category)
    if (shapes === undefined) {
      shapes = new CategoryShapes(this)
      this.#categories.set(category, shapes)
      this.keyCount += 4
    }
    return shapes
  }
}
