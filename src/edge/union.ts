// SPDX-License-Identifier: MIT
// One union of a category: which fields its readings have shown, of which types, and the shape that says so.
import { createHash } from 'node:crypto'
import { anything, type Key, mostUnions } from './key.ts'
import { BOOLEAN, EXACT, INTEGER, JSON_VALUE, NUMBER, OBJECT, TEXT } from './scan.ts'

export interface Shape {
  /** Signed 64 bits: the start of the descriptor's SHA-256. */
  readonly sig: bigint
  /** JSON object text, field -> "boolean" | "integer" | "number" | "exact" | "text" | "json" or such an object, sorted. */
  readonly descriptor: string
  /** Small and unique in this process. */
  readonly seq: number
}

/** One more than the views show (tmidb.discover): by the one too many SQL learns that the category has too many fields, and flags it. */
export const mostFields = 257

export const typeNames = new Map([
  [BOOLEAN, 'boolean'],
  [INTEGER, 'integer'],
  [NUMBER, 'number'],
  [EXACT, 'exact'],
  [TEXT, 'text'],
  [JSON_VALUE, 'json'],
])
export const kindsByName = new Map([...typeNames].map(([kind, name]) => [name, kind]))
/** The kinds that a field of a type takes, as SQL's tmidb.discover has it: an integer is a number, and both fit an exact one. */
const accepted = new Map([
  [BOOLEAN, BOOLEAN],
  [INTEGER, INTEGER],
  [NUMBER, INTEGER | NUMBER],
  [EXACT, INTEGER | NUMBER | EXACT],
  [TEXT, TEXT],
  [JSON_VALUE, JSON_VALUE],
])

let shapeCount = 0

export class Union {
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
