// SPDX-License-Identifier: MIT
// What a reading looks like: field -> type. The database finds a reading's schema version by the 64-bit signature of this.
// Members of nested objects are fields by their path, down to five levels; what is deeper, and arrays, is json. An empty object
// brings nothing, like null, so that it says neither that there is an object nor that there is none.
//
// Devices leave fields out, so n fields would make 2^n shapes if each reading had its own. A category keeps a union of what its
// readings have shown instead: whatever fits the union has the union's shape, what adds to it makes it grow, and what contradicts
// it (text where a number is known) goes to the first further union that it fits. The last union takes contradicted fields as
// json, which nothing contradicts, so shapes come to an end whatever devices send.
//
// In a strict category the unions are its majors, newest first, as SQL told them, and no other is made: what none of them takes has
// no shape and is refused. So a refused reading leaves nothing behind in a union, and a shape never mixes two majors.
import { anything, before, DATA, FIELD, Key, MID, mostUnions, TARGET, TS } from './key.ts'
import { INTEGER, JSON_VALUE, NULL, NUMBER, OBJECT } from './scan.ts'
import { kindsByName, type Shape, typeNames, Union } from './union.ts'

/** A field of a major of a strict category; pinned: it takes any value. */
export interface StrictField {
  readonly name: string
  /** The keys that lead to it, where that is not its name alone. */
  readonly path?: readonly string[]
  readonly type: string
  readonly pinned: boolean
}

/** By category, the fields of its majors, newest first. */
export type StrictMajors = ReadonlyMap<string, readonly (readonly StrictField[])[]>

/** Keys that are known though no union has them (always null, or beyond mostFields), a category. */
const mostSpareKeys = 512
/** Over all categories, about 500 bytes each: behind it the book starts anew, so that names made up for ever cost no memory. */
const mostBookKeys = 100_000

const cut = (name: string) => (name.length > 80 ? `${name.slice(0, 80)}…` : name)

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
  readonly #isStrict: boolean
  #spare = 0
  #stamp = 0

  constructor(book: ShapeBook, majors: readonly (readonly StrictField[])[]) {
    this.#book = book
    this.#isStrict = majors.length > 0
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
    for (const fields of majors.slice(0, mostUnions)) this.#seed(fields)
  }

  #seed(fields: readonly StrictField[]): void {
    const union = new Union(this.#unions.length)
    for (const { name, path, type, pinned } of fields) {
      const kind = kindsByName.get(type) ?? JSON_VALUE
      let key = this.root
      for (const part of path ?? [name]) key = this.#member(key, part)
      this.#know(key)
      union.add(key, kind)
      if (pinned || kind === JSON_VALUE) key.masks[union.index] = anything
    }
    union.describe(this.root)
    this.#unions.push(union)
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
    const key = (isData ? undefined : this.#envelope.get(name)) ?? this.#member(parent, name)
    if (key.isKnown && last.isKnown) {
      // Only known keys are chained: a fresh one is another object next time, and two objects of one name would hide a repeat.
      last.other = last.next
      last.next = key
    }
    return key
  }

  #member(parent: Key, name: string): Key {
    parent.members ??= new Map()
    let key = parent.members.get(name)
    if (key === undefined) {
      key = new Key(name, FIELD, parent)
      parent.members.set(name, key)
      this.#fresh.push(key)
    }
    return key
  }

  /** What precedes the first key of an object of this key. */
  firstOf(parent: Key): Key {
    parent.first ??= before()
    return parent.first
  }

  /**
   * The shape of the reading with these fields; of an object, its own key comes before its members. Null where it would break a
   * strict category.
   */
  shapeOf(keys: readonly Key[], kinds: Uint8Array, count: number): Shape | null {
    const union = this.#unionOf(keys, kinds, count)
    if (this.#fresh.length > 0) this.#keepSpare()
    return union === null ? null : union.shape
  }

  /** What a reading without a shape has that the newest major has not, in the words of SQL's tmidb.discover. */
  contradiction(keys: readonly Key[], kinds: Uint8Array, count: number): string {
    const known = this.#unions[0]?.fields
    const words: string[] = []
    for (let k = 0; k < count; k++) {
      const key = keys[k]!
      const kind = kinds[k]!
      const mask = key.masks[0]!
      if (kind === NULL || mask === 0 || (mask & kind) !== 0 || (mask === INTEGER && kind === NUMBER)) continue
      const was = mask === OBJECT ? 'object' : typeNames.get(known?.get(key) ?? JSON_VALUE)
      words.push(`${cut(key.path)}: ${kind === OBJECT ? 'object' : typeNames.get(kind)} where ${was} is known`)
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
        if (mask === 0) grows ||= !union.isFull && !keys[k]!.isBelowJson(index)
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
