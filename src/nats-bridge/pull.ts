// SPDX-License-Identifier: MIT
// Reading a stream in order from any sequence on. The consumer is ordered and keeps no state on the server: the cursor in
// PostgreSQL is the only truth, and acknowledgements with redelivery would change the order.
import { type JetStreamManager, jetstream, type StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from './streams.ts'

export interface Message {
  seq: number
  data: Uint8Array
}

export interface StreamState {
  name: string
  created: string
  firstSeq: number
  lastSeq: number
}

export async function streamState(manager: JetStreamManager, name: string): Promise<StreamState> {
  return stateOf(await manager.streams.info(name))
}

export function stateOf(info: StreamInfo): StreamState {
  return { name: info.config.name, created: info.created, firstSeq: info.state.first_seq, lastSeq: info.state.last_seq }
}

/** Calls on for each message from seq on, until stop() of the result. Gaps are the reader's to notice, by seq. */
export async function readFrom(
  nc: NatsConnection,
  name: string,
  seq: number,
  on: (m: Message) => void,
): Promise<{ stop(): void }> {
  const consumer = await jetstream(nc).consumers.get(name, {
    deliver_policy: 'by_start_sequence',
    opt_start_seq: seq,
  } as object)
  return await consumer.consume({
    // At most 16 MB a stream sit here while PostgreSQL is slow. A bound in bytes would say so directly, but a pull whose rest is
    // smaller than the next message ends, and the client asks again only when it expires: 30 s of standstill, seen under backlog.
    max_messages: 64,
    callback(m) {
      on({ seq: m.seq, data: m.data })
    },
  })
}

/**
 * A stream may keep this part of its bytes of what is stored already, for replay onto a restored backup; more is let go. Far below
 * the four fifths at which a full stream takes readings again (room.ts).
 */
const keptPart = 0.25

/** Drops the oldest stored messages of a stream that has grown; the stream refuses new ones when it is full, so room must be made. */
export async function letGo(manager: JetStreamManager, name: string, storedSeq: number): Promise<void> {
  const { state, config } = await manager.streams.info(name)
  const kept = config.max_bytes * keptPart
  if (state.bytes <= kept || state.messages === 0) return
  // Down to half of that, so that a purge is seldom; messages differ in size, the next look sees what is left.
  const surplus = Math.ceil((state.bytes - kept / 2) / (state.bytes / state.messages))
  const upto = Math.min(storedSeq, state.first_seq + surplus - 1)
  if (upto >= state.first_seq) await manager.streams.purge(name, { seq: upto + 1 })
}
