// SPDX-License-Identifier: MIT
// The job that stores a group of shards. Holding the job is the lease; it runs for some seconds and adds itself again. It has no
// queue name on purpose: with one, each hand-over waits a poll interval (p99 535 ms instead of 24 ms).
import type { Task } from 'graphile-worker'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import type { ShardGroup } from './shard-group.ts'

const sliceMs = 10_000

export const drainKey = (group: number): string => `drain${group}`
export const drainSpec = (group: number) => ({ jobKey: drainKey(group), maxAttempts: 32767, priority: -10 })

export function drainTask(groups: ShardGroup[], ended: AbortSignal): Task {
  return async (payload, helpers) => {
    const { group } = payload as { group: number }
    const shardGroup = groups[group]
    if (shardGroup === undefined) return
    const until = Date.now() + sliceMs
    while (Date.now() < until && !ended.aborted) {
      try {
        await shardGroup.run(Math.min(until, Date.now() + 1000))
      } catch (e) {
        observe({ kind: 'log', level: 'warn', message: `drain ${group} starts over: ${(e as Error).message}` })
        await sleep(100)
      }
    }
    await helpers.addJob('drain', { group }, drainSpec(group))
  }
}
