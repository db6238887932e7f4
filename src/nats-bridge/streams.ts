// SPDX-License-Identifier: MIT
// The connection, and the two streams that hold what was acknowledged until it is stored, four shards each. Few, because each
// round of group commit costs an fsync a stream; two, because two transactions at a time fill PostgreSQL (decision 13). No filters:
// a stream with filtered consumers collapsed to 4,000-6,000 messages/s as soon as it lagged.
import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node'
import { type Doubt, refuseDoubts } from '../base/doubt.ts'
import { TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import { settleStream } from './stream-check.ts'

export type { JetStreamManager } from '@nats-io/jetstream'
export type { NatsConnection } from '@nats-io/transport-node'

export const streamCount = 2

export const streamName = (stream: number): string => `TMI_IN_${stream}`
export const streamSubject = (stream: number): string => `tmi.in.${stream}`
export const streamOf = (shard: number): number => shard % streamCount

/** Where answers to our own processes go: outside clients listen on _INBOX.> only, so they hear none of ours. */
export const inboxPrefix = '_TMI'

export async function openNats(server: string, signal: AbortSignal): Promise<NatsConnection> {
  for (;;) {
    try {
      const nc = await connect({
        ...address(server),
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

function address(server: string): ConnectionOptions {
  const url = new URL(server)
  const login = url.username ? { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } : {}
  return { servers: `${url.hostname}:${url.port || '4222'}`, ...login }
}

async function watch(nc: NatsConnection): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect' || status.type === 'reconnect') {
      observe({ kind: 'log', level: 'warn', message: `NATS ${status.type}` })
    }
  }
}

/**
 * Makes the streams that are missing, corrects the others and gives each its part of maxBytes; safe to call from every process at once,
 * and called at each start. Full means refused, never dropped.
 */
export async function ensureStreams(nc: NatsConnection, maxBytes: number): Promise<JetStreamManager> {
  const manager = await jetstreamManager(nc)
  const warn = (message: string): void => observe({ kind: 'log', level: 'warn', message })
  refuseDoubts(await settleStreams(manager, maxBytes), process.env.TMIDB_ALLOW_UNSAFE === '1', warn)
  return manager
}

async function settleStreams(manager: JetStreamManager, maxBytes: number): Promise<Doubt[]> {
  const specs = Array.from({ length: streamCount }, (_, stream) => ({
    name: streamName(stream),
    subject: streamSubject(stream),
    maxBytes: Math.floor(maxBytes / streamCount),
  }))
  return (await Promise.all(specs.map((spec) => settleStream(manager, spec)))).flat()
}

/** The same for the supervisor, before anything is started on them: what cannot be mended. */
export async function doubtsAboutStreams(server: string, maxBytes: number): Promise<Doubt[]> {
  let nc: NatsConnection
  try {
    nc = await connect({ ...address(server), inboxPrefix, reconnect: false, timeout: 5000, name: 'tmidb-supervisor' })
  } catch (cause) {
    const hint = 'Check user and password in TMIDB_NATS_URL.'
    throw new TmiError('TM501', `NATS does not let us in (${(cause as Error).message}).`, { cause, hint })
  }
  try {
    return await settleStreams(await jetstreamManager(nc), maxBytes)
  } catch (cause) {
    throw new TmiError('TM501', `The streams cannot be made in NATS (${(cause as Error).message}).`, { cause })
  } finally {
    await nc.close()
  }
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
