// SPDX-License-Identifier: MIT
// For senders that want to hear of the commit in PostgreSQL and not only of the fsync in the stream: they wait until the cursor of
// each stream has passed their readings. One question at a time serves all who wait; nobody waits, nobody asks.
import { sleep } from '../base/retry.ts'
import type { Pool } from '../db/pool.ts'
import type { Places } from '../nats-bridge/publish.ts'
import { streamCount, streamName } from '../nats-bridge/streams.ts'

const askEveryMs = 5
const patienceMs = 10_000

const question = {
  name: 'stored_upto',
  text: 'select tmidb.stored_upto($1) as upto',
  values: [Array.from({ length: streamCount }, (_, stream) => streamName(stream))],
}

interface Waiting {
  at: Places
  isOver: boolean
  end(isStored: boolean): void
}

/** Resolves true when all is stored, false when ms are over: it is not lost, it is only not there yet. */
export function openStoredWatch(pool: Pool): (at: Places, ms?: number) => Promise<boolean> {
  let waiting: Waiting[] = []
  let asking = false

  const ask = async (): Promise<void> => {
    while (waiting.length > 0) {
      // PostgreSQL is away: the same as not stored yet.
      const { rows } = await pool.query<{ upto: string[] }>(question).catch(() => ({ rows: [] }))
      const upto = rows[0]?.upto.map(Number) ?? []
      for (const w of waiting) if (w.at.every((seq, stream) => (upto[stream] ?? -1) >= seq)) w.end(true)
      waiting = waiting.filter((w) => !w.isOver)
      if (waiting.length > 0) await sleep(askEveryMs)
    }
    asking = false
  }

  return (at, ms = patienceMs) =>
    new Promise((resolve) => {
      const timer = setTimeout(() => me.end(false), ms)
      const me: Waiting = {
        at,
        isOver: false,
        end(isStored) {
          clearTimeout(timer)
          me.isOver = true
          resolve(isStored)
        },
      }
      waiting.push(me)
      if (!asking) {
        asking = true
        void ask()
      }
    })
}
