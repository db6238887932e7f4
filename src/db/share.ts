// SPDX-License-Identifier: MIT
// Connections are few, and a slow statement keeps one for as long as its role allows. Nobody gets all of them: what one identity asks
// beyond its share waits for its own statements, and the others find a connection free.
import { TmiError } from '../base/errors.ts'

interface Turn {
  busy: number
  waiting: (() => void)[]
}

const mostWaiting = 1000
const turns = new WeakMap<object, Map<string, Turn>>()

/** Resolves when this identity may use one more connection of the pool; call what it resolves with when that is given back. */
export async function takeShare(pool: { options: { max: number } }, identity: string): Promise<() => void> {
  const most = Math.max(1, Math.floor(pool.options.max * 0.7))
  let all = turns.get(pool)
  if (!all) turns.set(pool, (all = new Map()))
  const known = all
  let turn = known.get(identity)
  if (!turn) known.set(identity, (turn = { busy: 0, waiting: [] }))
  const mine = turn
  if (mine.busy < most) mine.busy++
  else {
    if (mine.waiting.length >= mostWaiting) throw new TmiError('TM400')
    // Whoever is done hands its place over.
    await new Promise<void>((resolve) => mine.waiting.push(resolve))
  }
  return () => {
    const next = mine.waiting.shift()
    if (next) next()
    else if (--mine.busy === 0) known.delete(identity)
  }
}
