// SPDX-License-Identifier: MIT
// Something that is asked for often and done once: at most one runs and one waits.
import { sleep } from '../base/retry.ts'

/** Several notifications of one change come within a few milliseconds. */
const settleMs = 20

export interface Coalesced {
  /** Ends as a run does that began after the call. */
  run(): Promise<void>
  /** When nothing runs or waits any more. */
  settled(): Promise<void>
}

/** The longest rest between two runs. */
const longestRestMs = 250

/**
 * However steadily it is asked for, the waiting one begins: it is not put off. It rests for as long as the last one took, at most a
 * quarter of a second.
 */
export function coalesced(fn: () => Promise<void>): Coalesced {
  let running: Promise<void> = Promise.resolve()
  let waiting: Promise<void> | null = null
  let notBefore = 0
  async function soon(): Promise<void> {
    await sleep(settleMs)
    await running.catch(() => {})
    await sleep(Math.max(0, notBefore - performance.now()))
    waiting = null
    const begun = performance.now()
    running = fn().finally(() => {
      const end = performance.now()
      notBefore = end + Math.min(end - begun, longestRestMs)
    })
    await running
  }
  return {
    run: () => (waiting ??= soon()),
    async settled() {
      await waiting?.catch(() => {})
      await running.catch(() => {})
    },
  }
}
