// SPDX-License-Identifier: MIT
// What NATS' monitoring says of the streams: how far they go. Null where there is none (a NATS of one's own) or it does not answer.
import type { Config } from '../base/config.ts'
import { natsOf } from '../supervisor/connection.ts'

export interface StreamEnd {
  created: string
  lastSeq: number
}

interface Answer {
  account_details?: { stream_detail?: { name: string; created: string; state: { last_seq: number } }[] }[]
}

export async function askStreams(config: Config): Promise<Map<string, StreamEnd> | null> {
  const { monitor } = natsOf(config)
  if (monitor === null) return null
  try {
    const answer = await fetch(`http://127.0.0.1:${monitor}/jsz?streams=true`, { signal: AbortSignal.timeout(3000) })
    const { account_details: accounts = [] } = (await answer.json()) as Answer
    const all = accounts.flatMap((a) => a.stream_detail ?? [])
    return new Map(all.map((s) => [s.name, { created: s.created, lastSeq: s.state.last_seq }]))
  } catch {
    return null
  }
}
