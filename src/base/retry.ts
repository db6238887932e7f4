// SPDX-License-Identifier: MIT
import { setTimeout as delay } from 'node:timers/promises'

/** Resolves after ms; rejects with the signal's reason when it is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : undefined)
}

export interface Backoff {
  next(): number
  reset(): void
}

/** Doubles from min to max, each time up to a fifth shorter by chance, so that many clients do not come back at one instant. */
export function backoff({ min = 1000, max = 60_000 }: { min?: number; max?: number } = {}): Backoff {
  let step = min
  return {
    next() {
      const ms = step
      step = Math.min(step * 2, max)
      return ms === min ? ms : Math.round(ms * (0.8 + Math.random() * 0.2))
    },
    reset() {
      step = min
    },
  }
}

/** Calls fn again and again until the signal; a failure waits by backoff, a success starts it over. */
export async function forever(
  fn: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
  options: { min?: number; max?: number; onError?: (e: unknown, waitMs: number) => void } = {},
): Promise<void> {
  const wait = backoff(options)
  while (!signal.aborted) {
    try {
      await fn(signal)
      wait.reset()
    } catch (e) {
      if (signal.aborted) return
      const ms = wait.next()
      options.onError?.(e, ms)
      await sleep(ms, signal).catch(() => {})
    }
  }
}
