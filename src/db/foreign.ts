// SPDX-License-Identifier: MIT
// Rows of a PostgreSQL that is not ours, in a thread of its own: whatever its server sends, the thread ends and nothing else does.
import { inThread } from '../base/thread.ts'

export interface ForeignRead {
  /** postgres://user:password@host:port/database?sslmode=… */
  url: string
  /** One select that gives the columns w (watermark), r (row as JSON) and t (type of the watermark), all texts. */
  statement: string
  /** Hosts that may be private, by name. */
  allow: readonly string[]
  timeoutMs: number
  maxRows: number
  maxBytes: number
}

export interface ForeignRows {
  /** [{"w": …, "t": …, "r": …}] as JSON text: the rows as the other side wrote them, never parsed here. */
  document: string
  rows: number
  bytes: number
}

/** Beyond its own time-out the thread is ended from here. */
const graceMs = 2000
const heapMb = 512

export async function readForeign(read: ForeignRead, signal?: AbortSignal): Promise<ForeignRows> {
  const file = new URL('./foreign-thread.ts', import.meta.url)
  return await inThread<ForeignRows>(file, read, { timeoutMs: read.timeoutMs + graceMs, heapMb, signal })
}
