// SPDX-License-Identifier: MIT

/** The word that was probably meant: a third of its letters may be wrong. */
export function nearestWord(typed: string, words: string[]): string | null {
  const scored = words.map((word) => ({ word, d: distance(typed, word) })).sort((a, b) => a.d - b.d)
  const best = scored[0]
  if (!best) return null
  return best.d <= Math.max(1, Math.ceil(best.word.length / 3)) || best.word.startsWith(typed) ? best.word : null
}

/** Levenshtein, with two swapped neighbours as one mistake. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let d = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, at(i - 2, j - 2) + 1)
      ;(rows[i] ??= [])[j] = d
    }
  }
  return at(a.length, b.length)
}
