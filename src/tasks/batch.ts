// SPDX-License-Identifier: MIT
// Frames of a stream as the parameters of one call of tmidb.ingest_batch: sections are copied whole, only the dictionary indexes
// are moved.
import { arrayOf, int4Array, oid } from '../db/binary.ts'
import { decodeFrame, epoch2000, type Frame, type Refused } from '../nats-bridge/frame.ts'
import { shardOf } from '../nats-bridge/shard.ts'

export interface Taken {
  seq: number
  frame: Frame
}

export interface StreamPlace {
  stream: string
  created: string
  lastSeq: number
}

/** A message that is no frame (only a foreign hand can have put it there) is parked as it is. */
export function takeMessage(seq: number, data: Uint8Array): Taken {
  try {
    return { seq, frame: decodeFrame(data) }
  } catch {
    const none = new Uint8Array(0)
    const refused = [
      {
        code: 'TM218',
        message: 'This is not a frame.',
        speaker: '0',
        shard: 0,
        category: null,
        target: null,
        raw: Buffer.from(data).toString('base64'),
      },
    ]
    const head = { targets: [], shapes: [], speakers: [], mids: false, refused }
    return { seq, frame: { head, count: 0, refs: new DataView(new ArrayBuffer(0)), ts: none, mids: null, payloads: none } }
  }
}

/** plain: all or nothing; sift: what PostgreSQL refuses is parked alone; a message: all is parked, and why. */
export type How = 'plain' | 'sift' | { park: string }

export function batchValues(taken: Taken[], place: StreamPlace, how: How = 'plain'): unknown[] {
  const keys: string[] = []
  const keyShards: number[] = []
  const categories: string[] = []
  const sigs: string[] = []
  const shapes: string[] = []
  const speakers: string[] = []
  const refused: Refused[] = []
  const ts: Uint8Array[] = []
  const mids: Uint8Array[] = []
  const payloads: Uint8Array[] = []
  let count = 0
  let anyMid = false
  const unique: number[] = []
  for (const { frame } of taken) {
    if (typeof how === 'string') count += frame.count
    anyMid ||= frame.head.mids
  }
  const target = new Int32Array(count)
  const shape = new Int32Array(count)
  const speaker = new Int32Array(count)
  let row = 0
  for (const { seq, frame } of taken) {
    const came = `${place.stream}/${place.created}/${seq}`
    for (const [i, r] of (frame.head.refused ?? []).entries()) refused.push({ ...storable(r), origin: `${came}/${i}` })
    if (typeof how !== 'string') {
      refused.push(...parkFrame(frame, how.park).map((r, i) => ({ ...r, origin: `${came}/r${i}` })))
      continue
    }
    for (const i of frame.head.unique ?? []) unique.push(row + i + 1)
    const [baseTarget, baseShape, baseSpeaker] = [keys.length + 1, sigs.length + 1, speakers.length + 1]
    for (const key of frame.head.targets) {
      keys.push(key)
      keyShards.push(shardOf(key))
    }
    for (const [category, sig, descriptor] of frame.head.shapes) {
      categories.push(category)
      sigs.push(sig)
      shapes.push(descriptor)
    }
    for (const s of frame.head.speakers) speakers.push(s)
    for (let i = 0; i < frame.count; i++, row++) {
      target[row] = baseTarget + frame.refs.getUint32(i * 8, true)
      shape[row] = baseShape + frame.refs.getUint16(i * 8 + 4, true)
      speaker[row] = baseSpeaker + frame.refs.getUint16(i * 8 + 6, true)
    }
    ts.push(frame.ts)
    payloads.push(frame.payloads)
    if (anyMid) mids.push(frame.mids ?? Buffer.alloc(frame.count * 4, 0xff))
  }
  return [
    place.stream,
    place.created,
    taken[0]?.seq,
    taken.at(-1)?.seq,
    refused.length === 0 ? null : JSON.stringify(refused),
    how === 'sift',
    keys,
    keyShards,
    categories,
    sigs,
    shapes,
    speakers,
    int4Array(target),
    int4Array(shape),
    int4Array(speaker),
    arrayOf(oid.timestamptz, count, ts),
    anyMid ? arrayOf(oid.text, count, mids, true) : null,
    arrayOf(oid.text, count, payloads),
    unique.length === 0 ? null : unique,
  ]
}

/** Names that came from outside, as PostgreSQL can keep them: a refusal that is refused in turn would hold its shard up for ever. */
function storable(r: Refused): Refused {
  const clean = (text: string | null) => text?.replaceAll('\0', '\ufffd').toWellFormed() ?? null
  return { ...r, category: clean(r.category), target: clean(r.target), message: clean(r.message) ?? '' }
}

/** Every reading of a frame that not even sifting could store, so that it cannot hold its stream up. */
function parkFrame(frame: Frame, message: string): Refused[] {
  const payloads = Buffer.from(frame.payloads.buffer, frame.payloads.byteOffset, frame.payloads.byteLength)
  const times = Buffer.from(frame.ts.buffer, frame.ts.byteOffset, frame.ts.byteLength)
  const mids = frame.mids === null ? null : Buffer.from(frame.mids.buffer, frame.mids.byteOffset, frame.mids.byteLength)
  const out: Refused[] = []
  let o = 0
  let m = 0
  for (let i = 0; i < frame.count; i++) {
    const length = payloads.readInt32BE(o)
    const midLength = mids === null ? -1 : mids.readInt32BE(m)
    const target = frame.head.targets[frame.refs.getUint32(i * 8, true)] ?? null
    out.push(
      storable({
        code: 'TM218',
        message,
        speaker: frame.head.speakers[frame.refs.getUint16(i * 8 + 6, true)] ?? '0',
        shard: target === null ? 0 : shardOf(target),
        category: frame.head.shapes[frame.refs.getUint16(i * 8 + 4, true)]?.[0] ?? null,
        target,
        raw: payloads.toString('base64', o + 4, o + 4 + length),
        ts: Number(times.readBigInt64BE(i * 12 + 4)) + epoch2000,
        mid: midLength < 0 ? null : (mids as Buffer).toString('utf8', m + 4, m + 4 + midLength).replaceAll('\0', '\ufffd'),
      }),
    )
    o += 4 + length
    m += 4 + Math.max(midLength, 0)
  }
  return out
}
