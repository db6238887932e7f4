// SPDX-License-Identifier: MIT
// A host is asked one request at a time and at most once a second, however many connectors name it; and all hosts together have so
// many requests under way. Whoever waits for a host holds nothing that others need.
import { TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'

export interface HostTurns {
  /** Runs fn when it is the host's turn; waiting counts to nobody's time-out. */
  take<T>(host: string, fn: () => Promise<T>): Promise<T>
}

export function hostTurns({ gapMs = 1000, mostAtOnce = 32, mostWaitMs = 300_000 } = {}): HostTurns {
  const last = new Map<string, { free: Promise<void>; startedAt: number; waiting: number }>()
  let running = 0
  const queue: (() => void)[] = []

  return {
    async take(host, fn) {
      const before = last.get(host)
      const freed = Promise.withResolvers<void>()
      const mine = { free: freed.promise, startedAt: 0, waiting: (before?.waiting ?? 0) + 1 }
      if (mine.waiting * gapMs > mostWaitMs) throw new TmiError('TM222', `Too many connectors ask ${host} at once.`)
      last.set(host, mine)
      try {
        if (before) {
          await before.free
          const rest = before.startedAt + gapMs - Date.now()
          if (rest > 0) await sleep(rest)
        }
        if (running >= mostAtOnce) await new Promise<void>((resolve) => queue.push(resolve))
        else running++
        mine.startedAt = Date.now()
        mine.waiting = last.get(host) === mine ? 1 : mine.waiting
        try {
          return await fn()
        } finally {
          const next = queue.shift()
          if (next) next()
          else running--
        }
      } finally {
        freed.resolve()
        // Nobody came behind: forgotten once the gap is over.
        setTimeout(() => last.get(host) === mine && last.delete(host), gapMs).unref()
      }
    },
  }
}
