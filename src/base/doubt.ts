// SPDX-License-Identifier: MIT
// A setting of a server that lets it acknowledge what a power cut could take back. We do not start on such a server unless told so
// (decision 4): every promise of ours would be a lie.
import { TmiError } from './errors.ts'

export interface Doubt {
  /** Half a sentence: what is wrong. */
  what: string
  /** A sentence: what to do about it. */
  cure: string
}

/** Throws one sentence about all of them; where that is allowed, gives it to warn instead. */
export function refuseDoubts(doubts: Doubt[], allowUnsafe: boolean, warn: (line: string) => void): void {
  if (doubts.length === 0) return
  const sentence = `Readings could be lost after they were acknowledged: ${unique(doubts.map((d) => d.what)).join('; ')}.`
  if (allowUnsafe) {
    warn(`WARNING: ${sentence} Accepted by TMIDB_ALLOW_UNSAFE=1.`)
    return
  }
  const cures = unique(doubts.map((d) => d.cure)).join(' ')
  throw new TmiError('TM501', sentence, { hint: `${cures} To accept it all the same, set TMIDB_ALLOW_UNSAFE=1.` })
}

function unique(lines: string[]): string[] {
  return [...new Set(lines)]
}
