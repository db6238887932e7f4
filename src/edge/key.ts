// SPDX-License-Identifier: MIT
// The keys that a category's readings have shown, as a tree: what came behind each of them, and what each union takes for it.
import { BOOLEAN, EXACT, INTEGER, JSON_VALUE, NUMBER, OBJECT, TEXT } from './scan.ts'

/** How many unions a category has at most, less the last one, which takes all. */
export const mostUnions = 16
/** Keys in a path; an object at the last of them is json. tmidb.shape_of has the same number. */
export const mostLevels = 5
export const anything = BOOLEAN | INTEGER | NUMBER | EXACT | TEXT | JSON_VALUE | OBJECT

const unknownBytes = new Uint8Array(1)
const unknownMasks: readonly number[] = new Array<number>(mostUnions + 1).fill(0)

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

  /** Its field's name in SQL. */
  get path(): string {
    const name = this.name.replace(/[.\\]/g, '\\$&')
    return this.level > 1 ? `${this.parent!.path}.${name}` : name
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
export function before(): Key {
  const key = new Key('', FIELD, null)
  key.isKnown = true
  return key
}
