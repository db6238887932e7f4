// SPDX-License-Identifier: MIT
// The job that stores one stream. Holding the job is the lease; it runs for some seconds and adds itself again. It has no
// queue name on purpose: with one, each hand-over waits a poll interval (p99 535 ms instead of 24 ms).
import type { Task } from 'graphile-worker'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import type { StreamDrain } from './stream-drain.ts'

const sliceMs = 10_000

export const drainKey = (stream: number): string => `drain${stream}`
export const drainSpec = (stream: number) => ({ jobKey: drainKey(stream), maxAttempts: 32767, priority: -10 })

export function drainTask(drains: StreamDrain[], ended: AbortSignal): Task {
  return async (payload, helpers) => {
    const { stream } = payload as { stream: number }
    const drain = drains[stream]
    if (drain === undefined) return
    const until = Date.now() + sliceMs
    while (Date.now() < until && !ended.aborted) {
      try {
        await drain.run(Math.min(until, Date.now() + 1000))
      } catch (e) {
        observe({ kind: 'log', level: 'warn', message: `drain ${stream} starts over: ${(e as Error).message}` })
        await sleep(100)
      }
    }
    await helpers.addJob('drain', { stream }, drainSpec(stream))
  }
}
