// SPDX-License-Identifier: MIT
// Reading a shard's stream in order from any sequence on. The consumer is ordered and keeps no state on the server: the cursor in
// PostgreSQL is the only truth, and acknowledgements with redelivery would change the order.
import { type JetStreamManager, jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from './streams.ts'
import { streamName } from './streams.ts'

export interface Message {
  seq: number
  data: Uint8Array
}

export interface StreamState {
  created: string
  firstSeq: number
  lastSeq: number
}

export async function streamState(manager: JetStreamManager, shard: number): Promise<StreamState> {
  const info = await manager.streams.info(streamName(shard))
  return { created: info.created, firstSeq: info.state.first_seq, lastSeq: info.state.last_seq }
}

/** Calls on for each message from seq on, until stop() of the result. Gaps are the reader's to notice, by seq. */
export async function readFrom(
  nc: NatsConnection,
  shard: number,
  seq: number,
  on: (m: Message) => void,
): Promise<{ stop(): void }> {
  const consumer = await jetstream(nc).consumers.get(streamName(shard), {
    deliver_policy: 'by_start_sequence',
    opt_start_seq: seq,
  } as object)
  return await consumer.consume({
    // At most 16 MB a shard sit here while PostgreSQL is slow. A bound in bytes would say so directly, but a pull whose rest is
    // smaller than the next message ends, and the client asks again only when it expires: 30 s of standstill, seen under backlog.
    max_messages: 64,
    callback(m) {
      on({ seq: m.seq, data: m.data })
    },
  })
}

/** A stream may keep this much of what is stored already, for replay onto a restored backup; more is let go. */
const keptBytes = 128 * 1024 * 1024

/** Drops stored messages of a stream that has grown; the stream refuses new ones when it is full, so room must be made. */
export async function letGo(manager: JetStreamManager, shard: number, storedSeq: number): Promise<void> {
  const { state } = await manager.streams.info(streamName(shard))
  if (state.bytes > keptBytes && storedSeq > state.first_seq)
    await manager.streams.purge(streamName(shard), { seq: storedSeq + 1 })
}
