// SPDX-License-Identifier: MIT
// Chance that can be had again: the same seed, the same numbers (mulberry32).

export function seeded(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed of TMIDB_SEED, else a new one. */
export function seedOf(text: string | undefined = process.env.TMIDB_SEED): number {
  return text ? Number(text) : Math.floor(Math.random() * 1e9)
}
