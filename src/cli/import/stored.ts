// SPDX-License-Identifier: MIT
// Accepted means safe on disk; the end of an import means that all of it can be read. Beside its own instance the command looks at the
// cursors and at what waits for room; a remote server is asked for the last line of each shard again, with wait=stored: order is kept
// within a shard, so all before it is stored too, and the line itself changes nothing.

import { loadConfig } from '../../base/config.ts'
import { sleep } from '../../base/retry.ts'
import type { Connection } from '../../supervisor/connection.ts'
import { withDatabase } from '../administrator.ts'
import { count } from '../progress.ts'
import { askStreams } from '../streams.ts'
import type { Fed } from './feed.ts'

/** Without progress for so long something else is wrong, and "tmictl status" says what. */
const patienceMs = 60_000

interface Stand {
  streams: { stream: string; lastSeq: number }[]
  totals: { parked: number }
}

export async function whenStored(parts: { connection: Connection | null; sender: Fed; signal: AbortSignal }): Promise<void> {
  const { connection, sender, signal } = parts
  const streams = connection === null ? null : await askStreams(loadConfig())
  if (connection === null || streams === null) {
    if (sender.last.length > 0) await sender.sender.send(sender.last, true)
    return
  }
  let best = Number.POSITIVE_INFINITY
  let bestAt = Date.now()
  for (let round = 0; ; round++) {
    signal.throwIfAborted()
    const open = await withDatabase(connection.postgres, async (ask) => {
      const [row] = await ask<{ s: Stand }>('select tmidb.ingest_status() as s')
      if (!row) return 0
      const behind = row.s.streams.reduce((sum, s) => sum + Math.max(0, (streams.get(s.stream)?.lastSeq ?? 0) - s.lastSeq), 0)
      return behind + row.s.totals.parked
    }).catch(() => best)
    if (open === 0) return
    if (open < best) {
      best = open
      bestAt = Date.now()
    }
    if (Date.now() - bestAt > patienceMs) {
      process.stderr.write(`All is safe on disk, but ${count(best)} messages still wait to be stored: see "tmictl status".\n`)
      return
    }
    if (round === 20) process.stderr.write('All is sent; waiting until it is stored.\n')
    await sleep(round < 10 ? 50 : 250, signal)
  }
}
