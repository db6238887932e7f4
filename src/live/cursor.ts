// SPDX-License-Identifier: MIT
// Where a client stands: the eight shards' positions. Each shard commits in order, so "everything up to this vector" has one
// meaning, which no single sequence number or transaction id would have.
import { TmiError } from '../base/errors.ts'

export type Vector = number[]

export function encodeCursor(vector: Vector): string {
  let text = '1'
  for (const position of vector) text += `.${position.toString(36)}`
  return text
}

export function decodeCursor(text: string): Vector {
  const [version, ...parts] = text.split('.')
  if (version !== '1' || parts.length !== 8 || !parts.every((p) => /^[0-9a-z]{1,11}$/.test(p))) throw new TmiError('TM304')
  const vector = parts.map((p) => Number.parseInt(p, 36))
  if (!vector.every(Number.isSafeInteger)) throw new TmiError('TM304')
  return vector
}
