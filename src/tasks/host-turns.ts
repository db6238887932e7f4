// SPDX-License-Identifier: MIT
// A host is asked one request at a time, and a second after it answered the last one at the earliest, however many connectors name it;
// and all hosts together have so many requests under way. Whoever waits for a host holds nothing that others need.
import { TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'

export interface HostTurns {
  /** Runs fn when it is the host's turn; waiting counts to nobody's time-out. */
  take<T>(host: string, fn: () => Promise<T>): Promise<T>
}

interface Host {
  /** Resolves when the last in line may be followed. */
  free: Promise<void>
  inLine: number
}

export function hostTurns({ gapMs = 1000, mostAtOnce = 32, mostWaitMs = 300_000 } = {}): HostTurns {
  const hosts = new Map<string, Host>()
  let running = 0
  const queue: (() => void)[] = []

  return {
    async take(host, fn) {
      const line = hosts.get(host) ?? { free: Promise.resolve(), inLine: 0 }
      if (line.inLine * gapMs > mostWaitMs) throw new TmiError('TM222', `Too many connectors ask ${host} at once.`)
      hosts.set(host, line)
      const before = line.free
      const done = Promise.withResolvers<void>()
      line.free = done.promise.then(() => sleep(gapMs))
      line.inLine++
      try {
        await before
        if (running >= mostAtOnce) await new Promise<void>((resolve) => queue.push(resolve))
        else running++
        try {
          return await fn()
        } finally {
          const next = queue.shift()
          if (next) next()
          else running--
        }
      } finally {
        line.inLine--
        done.resolve()
        const last = line.free
        // Nobody came behind: forgotten once the gap is over.
        void last.then(() => line.free === last && hosts.delete(host))
      }
    },
  }
}
