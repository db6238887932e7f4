// SPDX-License-Identifier: MIT
// Frames of several shards as the parameters of one call of tmidb.ingest_batch: sections are copied whole, only the dictionary
// indexes are moved.
import { arrayOf, int4Array, oid } from '../db/binary.ts'
import type { Frame, Refused } from '../nats-bridge/frame.ts'

export interface Taken {
  shard: number
  seq: number
  frame: Frame
}

export interface ShardPlace {
  created: string
  lastSeq: number
}

export function batchValues(taken: Taken[], places: Map<number, ShardPlace>, refuseAll = false): unknown[] {
  const first = new Map<number, number>()
  const last = new Map<number, number>()
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
  for (const { frame } of taken) {
    if (!refuseAll) count += frame.count
    anyMid ||= frame.head.mids
  }
  const target = new Int32Array(count)
  const shape = new Int32Array(count)
  const speaker = new Int32Array(count)
  let row = 0
  for (const { shard, seq, frame } of taken) {
    if (!first.has(shard)) first.set(shard, seq)
    last.set(shard, seq)
    for (const r of frame.head.refused ?? []) refused.push(storable(r))
    if (refuseAll) {
      refused.push(...refuseFrame(frame, shard))
      continue
    }
    const [baseTarget, baseShape, baseSpeaker] = [keys.length + 1, sigs.length + 1, speakers.length + 1]
    for (const key of frame.head.targets) {
      keys.push(key)
      keyShards.push(shard)
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
  const shards = [...first.keys()]
  return [
    shards,
    shards.map((s) => places.get(s)?.created),
    shards.map((s) => first.get(s)),
    shards.map((s) => last.get(s)),
    refused.length === 0 ? null : JSON.stringify(refused),
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
  ]
}

/** Names that came from outside, as PostgreSQL can keep them: a refusal that is refused in turn would hold its shard up for ever. */
function storable(r: Refused): Refused {
  const clean = (text: string | null) => text?.replaceAll('\0', '\ufffd').toWellFormed() ?? null
  return { ...r, category: clean(r.category), target: clean(r.target), message: clean(r.message) ?? '' }
}

/** Every reading of a frame that PostgreSQL refuses goes to quarantine, so that it cannot hold its shard up. */
function refuseFrame(frame: Frame, shard: number): Refused[] {
  const payloads = Buffer.from(frame.payloads.buffer, frame.payloads.byteOffset, frame.payloads.byteLength)
  const out: Refused[] = []
  let o = 0
  for (let i = 0; i < frame.count; i++) {
    const length = payloads.readInt32BE(o)
    out.push({
      code: 'TM218',
      message: 'PostgreSQL refused the batch that held this reading.',
      speaker: frame.head.speakers[frame.refs.getUint16(i * 8 + 6, true)] ?? '0',
      shard,
      category: frame.head.shapes[frame.refs.getUint16(i * 8 + 4, true)]?.[0] ?? null,
      target: frame.head.targets[frame.refs.getUint32(i * 8, true)] ?? null,
      raw: payloads.toString('base64', o + 4, o + 4 + length),
    })
    o += 4 + length
  }
  return out
}
