// SPDX-License-Identifier: MIT
// What one JetStream message holds: readings of a stream's shards that travelled together. Columns, laid out so that the drain copies
// whole sections into PostgreSQL's binary array parameters without looking at a row: time and payload are array elements
// already (length, bytes). Dictionaries (targets, shapes, speakers) are few and go as JSON in the head.
//
//   'T1' | u32 head length | head JSON | u32 rows | rows x u32 target, u16 shape, u16 speaker | rows x (i32 8, i64 PostgreSQL micros)
//   | u32 bytes | rows x (i32 length or -1, message id) if the head says so | u32 bytes | rows x (i32 length, payload)
export interface FrameHead {
  targets: string[]
  /** [category, signature, {"field": "type"} text] */
  shapes: [string, string, string][]
  speakers: string[]
  mids: boolean
  /** Rows (from 0) whose message id alone says who they are. */
  unique?: number[]
  refused?: Refused[]
}

/** Acknowledged although it can't be stored; kept with its bytes. */
export interface Refused {
  code: string
  message: string
  speaker: string
  shard: number
  category: string | null
  target: string | null
  /** base64 */
  raw: string
  /** By which the drain knows it when it reads the stream again. */
  origin?: string
  /** Of a reading whose time and message id are known: epoch microseconds. */
  ts?: number
  mid?: string | null
}

export interface Row {
  category: string
  target: string
  speaker: string
  sig: bigint
  descriptor: string
  /** Epoch microseconds. */
  ts: number
  mid: string | null
  /** Its time is the server's: sent again it would get another one, and only the message id tells. */
  unique?: boolean
  payload: Uint8Array
}

export interface Frame {
  head: FrameHead
  count: number
  /** count x (u32 target, u16 shape, u16 speaker), little endian. */
  refs: DataView
  ts: Uint8Array
  mids: Uint8Array | null
  payloads: Uint8Array
}

/** PostgreSQL counts from 2000: microseconds between 1970 and then. */
export const epoch2000 = 946_684_800_000_000
const magic = 0x3154

/** Collects what one message will hold; add and refuse return by how many bytes it grew. */
export class FrameBuilder {
  #rows: Row[] = []
  #refused: Refused[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  add(row: Row): number {
    this.#rows.push(row)
    return this.#grow(row.payload.length + 32)
  }

  refuse(refused: Refused): number {
    this.#refused.push(refused)
    return this.#grow(refused.raw.length + 200)
  }

  encode(): Uint8Array {
    return encodeFrame(this.#rows, this.#refused)
  }

  #grow(by: number): number {
    this.#bytes += by
    return by
  }
}

function encodeFrame(rows: Row[], refused: Refused[]): Uint8Array {
  const head: FrameHead = { targets: [], shapes: [], speakers: [], mids: false }
  const targets = new Map<string, number>()
  const shapes = new Map<string, number>()
  const speakers = new Map<string, number>()
  const count = rows.length
  const refs = new Uint32Array(count * 2)
  const mids: (Buffer | null)[] = []
  let midBytes = 0
  let payloadBytes = 0
  let lastRow: Row | null = null
  let lastShape = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i] as Row
    let target = targets.get(row.target)
    if (target === undefined) {
      target = head.targets.push(row.target) - 1
      targets.set(row.target, target)
    }
    // Neighbours mostly share category and shape; only a change builds the key.
    if (lastRow === null || lastRow.sig !== row.sig || lastRow.category !== row.category) {
      const key = `${row.category} ${row.sig}`
      let shape = shapes.get(key)
      if (shape === undefined) {
        shape = head.shapes.push([row.category, String(row.sig), row.descriptor]) - 1
        shapes.set(key, shape)
      }
      lastShape = shape
    }
    lastRow = row
    let speaker = speakers.get(row.speaker)
    if (speaker === undefined) {
      speaker = head.speakers.push(row.speaker) - 1
      speakers.set(row.speaker, speaker)
    }
    refs[i * 2] = target
    refs[i * 2 + 1] = lastShape | (speaker << 16)
    if (row.mid === null) mids.push(null)
    else {
      const mid = Buffer.from(row.mid)
      mids.push(mid)
      midBytes += mid.length
      head.mids = true
      if (row.unique) {
        head.unique ??= []
        head.unique.push(i)
      }
    }
    payloadBytes += row.payload.length
  }
  if (refused.length > 0) head.refused = refused

  const headText = Buffer.from(JSON.stringify(head))
  const midSection = head.mids ? midBytes + 4 * count : 0
  const out = Buffer.allocUnsafe(2 + 4 + headText.length + 4 + count * 20 + 4 + midSection + 4 + payloadBytes + 4 * count)
  let o = out.writeUInt16LE(magic, 0)
  o = out.writeUInt32LE(headText.length, o)
  o += headText.copy(out, o)
  o = out.writeUInt32LE(count, o)
  for (let i = 0; i < refs.length; i++) o = out.writeUInt32LE(refs[i] as number, o)
  for (const row of rows) {
    o = out.writeInt32BE(8, o)
    const micros = row.ts - epoch2000
    const high = Math.floor(micros / 4294967296)
    o = out.writeInt32BE(high, o)
    o = out.writeUInt32BE(micros - high * 4294967296, o)
  }
  o = out.writeUInt32LE(midSection, o)
  if (head.mids) {
    for (const mid of mids) {
      o = out.writeInt32BE(mid === null ? -1 : mid.length, o)
      if (mid !== null) o += mid.copy(out, o)
    }
  }
  o = out.writeUInt32LE(payloadBytes + 4 * count, o)
  for (const row of rows) {
    o = out.writeInt32BE(row.payload.length, o)
    out.set(row.payload, o)
    o += row.payload.length
  }
  return out
}

export function decodeFrame(data: Uint8Array): Frame {
  const b = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (b.length < 18 || b.readUInt16LE(0) !== magic) throw new Error('not a frame')
  const headLength = b.readUInt32LE(2)
  if (6 + headLength + 4 > b.length) throw new Error('not a frame')
  const head = JSON.parse(b.toString('utf8', 6, 6 + headLength)) as FrameHead
  let o = 6 + headLength
  const count = b.readUInt32LE(o)
  o += 4
  const refs = new DataView(b.buffer, b.byteOffset + o, count * 8)
  o += count * 8
  const ts = b.subarray(o, o + count * 12)
  o += count * 12
  const midBytes = b.readUInt32LE(o)
  const mids = head.mids ? b.subarray(o + 4, o + 4 + midBytes) : null
  o += 4 + midBytes
  const payloadBytes = b.readUInt32LE(o)
  const payloads = b.subarray(o + 4, o + 4 + payloadBytes)
  if (o + 4 + payloadBytes !== b.length) throw new Error('not a frame')
  return { head, count, refs, ts, mids, payloads }
}
