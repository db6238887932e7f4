// SPDX-License-Identifier: MIT
// Which of the eight shards a target belongs to: the twin of tmidb.shard_of (parity is tested). Keys repeat, so the hash is kept.
import { createHash } from 'node:crypto'

export const shardCount = 8

const known = new Map<string, number>()

export function shardOf(key: string): number {
  let shard = known.get(key)
  if (shard === undefined) {
    shard = (createHash('sha256').update(key, 'utf8').digest()[0] ?? 0) & 7
    if (known.size > 200_000) known.clear()
    known.set(key, shard)
  }
  return shard
}
