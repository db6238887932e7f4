// SPDX-License-Identifier: MIT
// The connection, and the eight streams that hold what was acknowledged until it is stored. One stream a shard and no filters:
// one stream with filtered consumers collapsed to 4,000-6,000 messages/s as soon as it lagged.
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import { shardCount } from './shard.ts'

export type { JetStreamManager } from '@nats-io/jetstream'
export type { NatsConnection } from '@nats-io/transport-node'

/** Half a GB a shard: about an hour of 1,000 readings/s with PostgreSQL away. Full means refused, never dropped. */
const maxBytes = 512 * 1024 * 1024
const maxAgeMs = 7 * 24 * 3600 * 1000

export const streamName = (shard: number): string => `TMI_IN_${shard}`
export const streamSubject = (shard: number): string => `tmi.in.${shard}`

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

/** Makes the streams that are missing; safe to call from every process at once. */
export async function ensureStreams(nc: NatsConnection): Promise<JetStreamManager> {
  const manager = await jetstreamManager(nc)
  for (let shard = 0; shard < shardCount; shard++) {
    const name = streamName(shard)
    try {
      await manager.streams.info(name)
    } catch {
      await manager.streams.add({
        name,
        subjects: [streamSubject(shard)],
        storage: 'file',
        retention: 'limits',
        discard: 'new',
        max_bytes: maxBytes,
        max_age: nanos(maxAgeMs),
        num_replicas: 1,
      })
    }
  }
  return manager
}
