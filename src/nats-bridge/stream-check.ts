// SPDX-License-Identifier: MIT
// What our streams have to be like, and what is done about one that is not: corrected where JetStream lets a stream be changed,
// else a doubt. A stream of persist_mode async acknowledges before it fsyncs even on a server with sync_interval always.
import { JetStreamApiError, type JetStreamManager, type StreamConfig, type StreamInfo } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import type { Doubt } from '../base/doubt.ts'

const maxAge = nanos(7 * 24 * 3600 * 1000)
/** send.ts gives a frame up after 60 s; until well behind that JetStream has to know its message id. */
const duplicateWindow = nanos(2 * 60 * 1000)
/** The largest frame: NATS's max_payload. */
const maxMessage = 8 * 1024 * 1024
const streamNotFound = 10059

/** What is ours to say of a stream. */
export interface StreamSpec {
  name: string
  subject: string
  maxBytes: number
}

/** Makes the stream, or brings the one that is there to what is needed; says what cannot be mended. */
export async function settleStream(manager: JetStreamManager, spec: StreamSpec): Promise<Doubt[]> {
  const { name } = spec
  let info: StreamInfo
  try {
    info = await manager.streams.info(name)
  } catch (e) {
    if (!(e instanceof JetStreamApiError && e.code === streamNotFound)) throw e
    // Another process may make it at this moment: the same again is no error.
    info = await manager.streams.add({ name, storage: 'file', num_replicas: 1, ...needed(spec) })
  }
  const { config } = info
  const doubts = lasting(config)
  if (doubts.length > 0) return doubts
  const wanted = needed(spec, info)
  // What is false may also be left out.
  const same = (name: string): boolean =>
    JSON.stringify(wanted[name as keyof StreamConfig]) === JSON.stringify(config[name as keyof StreamConfig] ?? false)
  if (Object.keys(wanted).every(same)) return []
  try {
    await manager.streams.update(name, { ...config, ...wanted })
    return []
  } catch (e) {
    return [
      { what: `the stream ${name} is set up wrongly and cannot be corrected (${(e as Error).message})`, cure: remade(name) },
    ]
  }
}

/** What a stream cannot be cured of. */
function lasting(config: StreamConfig): Doubt[] {
  const { name } = config
  const cure = remade(name)
  const doubts: Doubt[] = []
  if (config.storage !== 'file') doubts.push({ what: `the stream ${name} keeps its messages in memory`, cure })
  if (config.persist_mode === 'async')
    doubts.push({ what: `the stream ${name} acknowledges before it has fsynced (persist_mode async)`, cure })
  if (config.sealed) doubts.push({ what: `the stream ${name} is sealed`, cure })
  return doubts
}

function remade(name: string): string {
  return `Once all of ${name} is stored, remove it ("nats stream rm ${name}"): tmiDB makes it anew.`
}

/** Ages may be longer than ours; never may something be dropped that was acknowledged, or counted twice. */
function needed({ subject, maxBytes }: StreamSpec, is?: StreamInfo): Partial<StreamConfig> & { subjects: string[] } {
  const { max_age = maxAge, max_bytes = maxBytes, max_msg_size = -1, duplicate_window = 0 } = is?.config ?? {}
  return {
    subjects: [subject],
    retention: 'limits',
    discard: 'new',
    discard_new_per_subject: false,
    // A stream that holds more than it may now keeps its old size until it has been emptied.
    max_bytes: max_bytes > 0 && (is?.state.bytes ?? 0) >= maxBytes ? max_bytes : maxBytes,
    max_age: max_age === 0 || max_age >= maxAge ? max_age : maxAge,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: max_msg_size >= maxMessage ? max_msg_size : -1,
    duplicate_window: Math.max(duplicate_window, duplicateWindow),
    no_ack: false,
  }
}
