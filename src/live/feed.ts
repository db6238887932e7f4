// SPDX-License-Identifier: MIT
// What stands, then what comes: the last values under the reader's rights, and the live events from exactly there on. Both are
// bound by one snapshot: the same statement that reads the values reads how far the shards are.
import type { Caller } from '../base/caller.ts'
import type { TmiError } from '../base/errors.ts'
import type { Identity } from '../db/access.ts'
import { openPool } from '../db/pool.ts'
import { encodeCursor, type Vector } from './cursor.ts'
import type { Hub } from './hub.ts'
import { reader } from './read.ts'

export interface FeedWish {
  identity: Identity
  caller: Caller
  category: string | null
  targets: string[] | null
}

export interface FeedValue {
  category: string
  target: string
  text: string
}

export interface FeedReader {
  /** Of what stands; the next is handed over when this one is taken. False: no more, please. */
  last(value: FeedValue): Promise<boolean>
  push(value: FeedValue): void
  end(why: TmiError): void
}

export interface Feed extends AsyncDisposable {
  follow(wish: FeedWish, to: FeedReader): Promise<{ stop(): void }>
}

/** A reader's last values lie in memory until its socket has taken them, so only so many readers are served at once. */
const mostAtOnce = 4

export function openFeed(url: string, hub: Hub): Feed {
  const pool = openPool(url, { max: 2, application: 'feed' })
  const read = reader(pool)
  const queue: (() => void)[] = []
  let busy = 0

  const enter = async (): Promise<void> => {
    if (busy >= mostAtOnce) await new Promise<void>((resolve) => queue.push(resolve))
    else busy++
  }
  const leave = (): void => {
    const next = queue.shift()
    if (next) next()
    else busy--
  }

  /** Up to where the values reach; null if the reader wants no more. */
  const handOver = async (wish: FeedWish, to: FeedReader): Promise<Vector | null> => {
    await enter()
    try {
      for (;;) {
        let seen = hub.changes()
        const classId = await read.classOf(wish.identity)
        const { heads, values } = await read.lastValues(classId, wish.category, wish.targets)
        let isOver = false
        for (const { category, target, tail } of values) {
          // A slow reader takes long, and may see something else meanwhile: from the beginning.
          if (seen !== hub.changes()) {
            seen = hub.changes()
            isOver = classId !== (await read.classOf(wish.identity))
            if (isOver) break
          }
          if (!(await to.last({ category, target, text: `{${tail}` }))) return null
        }
        if (!isOver) return heads
      }
    } finally {
      leave()
    }
  }

  return {
    async follow(wish, to) {
      const heads = await handOver(wish, to)
      if (heads === null) return { stop() {} }
      const attachment = await hub.attach(
        { ...wish, since: encodeCursor(heads) },
        {
          push(event) {
            // The hub may be behind the values for a moment.
            if (event.position <= (heads[event.shard] as number)) return
            to.push({ category: event.category, target: event.target, text: `{${event.tail}` })
          },
          end: (why) => to.end(why),
        },
      )
      return { stop: () => attachment.detach() }
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
    },
  }
}
