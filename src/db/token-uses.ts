// SPDX-License-Identifier: MIT
// Uses of tokens are counted here and told to PostgreSQL together: a row an answer would be a write for each read.
import type { Pool } from './pool.ts'

export interface TokenUses extends AsyncDisposable {
  count(tokenId: string): void
}

const tellAfterMs = 2000
/** Where many tokens are used, telling is rarer: at most 200 rows a second, whatever the number of devices. */
const msPerToken = 5
const mostWaiting = 100_000

export function openTokenUses(pool: Pool): TokenUses {
  let uses = new Map<string, number>()
  let timer: NodeJS.Timeout | null = null
  let telling: Promise<void> = Promise.resolve()

  const tell = async (): Promise<void> => {
    const told = uses
    if (told.size === 0) return
    uses = new Map()
    try {
      await pool.query('select tmidb.note_uses($1, $2, now())', [[...told.keys()], [...told.values()]])
    } catch {
      // PostgreSQL is away: they are told later.
      if (uses.size + told.size > mostWaiting) return
      for (const [tokenId, n] of told) uses.set(tokenId, (uses.get(tokenId) ?? 0) + n)
    }
  }

  const soon = (ms: number): void => {
    timer = setTimeout(() => {
      const size = uses.size
      telling = tell().then(() => {
        timer = null
        if (uses.size > 0) soon(Math.max(tellAfterMs, size * msPerToken))
      })
    }, ms)
    timer.unref()
  }

  return {
    count(tokenId) {
      uses.set(tokenId, (uses.get(tokenId) ?? 0) + 1)
      if (timer === null) soon(tellAfterMs)
    },
    async [Symbol.asyncDispose]() {
      await telling
      if (timer !== null) clearTimeout(timer)
      await tell()
    },
  }
}
