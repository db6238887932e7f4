// SPDX-License-Identifier: MIT
// The connection, and the two streams that hold what was acknowledged until it is stored, four shards each. Few, because each
// round of group commit costs an fsync a stream; two, because two transactions at a time fill PostgreSQL (decision 13). No filters:
// a stream with filtered consumers collapsed to 4,000-6,000 messages/s as soon as it lagged.
import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'

export type { JetStreamManager } from '@nats-io/jetstream'
export type { NatsConnection } from '@nats-io/transport-node'

export const streamCount = 2
const maxAgeMs = 7 * 24 * 3600 * 1000

export const streamName = (stream: number): string => `TMI_IN_${stream}`
export const streamSubject = (stream: number): string => `tmi.in.${stream}`
export const streamOf = (shard: number): number => shard % streamCount

/** Where answers to our own processes go: outside clients listen on _INBOX.> only, so they hear none of ours. */
export const inboxPrefix = '_TMI'

export async function openNats(server: string, signal: AbortSignal): Promise<NatsConnection> {
  const url = new URL(server)
  for (;;) {
    try {
      const nc = await connect({
        servers: `${url.hostname}:${url.port || '4222'}`,
        ...(url.username ? { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } : {}),
        maxReconnectAttempts: -1,
        reconnectTimeWait: 200,
        pingInterval: 5000,
        noAsyncTraces: true,
        inboxPrefix,
        name: `tmidb-${process.env.TMIDB_UNIT ?? 'unit'}`,
      })
      void watch(nc)
      return nc
    } catch (e) {
      observe({ kind: 'log', level: 'warn', message: `NATS is not there yet: ${(e as Error).message}` })
      await sleep(300, signal)
    }
  }
}

async function watch(nc: NatsConnection): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect' || status.type === 'reconnect') {
      observe({ kind: 'log', level: 'warn', message: `NATS ${status.type}` })
    }
  }
}

/**
 * Makes the streams that are missing and gives each its part of maxBytes; safe to call from every process at once. Full means
 * refused, never dropped.
 */
export async function ensureStreams(nc: NatsConnection, maxBytes: number): Promise<JetStreamManager> {
  const manager = await jetstreamManager(nc)
  const max_bytes = Math.floor(maxBytes / streamCount)
  for (let stream = 0; stream < streamCount; stream++) {
    const name = streamName(stream)
    const info = await manager.streams.info(name).catch(() => null)
    if (info === null) {
      await manager.streams.add({
        name,
        subjects: [streamSubject(stream)],
        storage: 'file',
        retention: 'limits',
        discard: 'new',
        max_bytes,
        max_age: nanos(maxAgeMs),
        num_replicas: 1,
      })
    } else if (info.config.max_bytes !== max_bytes && info.state.bytes < max_bytes) {
      await manager.streams.update(name, { max_bytes })
    }
  }
  return manager
}

/**
 * Streams that an older tmiDB filled (it had eight) and that carry shards of this one. What they hold is older than anything in it.
 * Once their messages have aged out they go.
 */
export async function olderStreams(manager: JetStreamManager, stream: number): Promise<StreamInfo[]> {
  const found: StreamInfo[] = []
  for await (const info of manager.streams.list()) {
    const number = Number(/^TMI_IN_(\d+)$/.exec(info.config.name)?.[1] ?? -1)
    if (number < streamCount || streamOf(number) !== stream) continue
    if (info.state.messages === 0) await manager.streams.delete(info.config.name)
    else found.push(info)
  }
  return found
}
