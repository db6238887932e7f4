// SPDX-License-Identifier: MIT
// A file as records with their places, in constant memory: bytes in, slices out. Where a record ends is found on the bytes, so that a
// rejected one is kept as it was and a stopped import goes on at the exact byte.
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'

export type Format = 'csv' | 'ndjson' | 'json'

export interface Line {
  /** Number of its first line in the file, from 1. */
  line: number
  /** As it stands in the file, without the line's end. */
  bytes: Buffer
  /** Where the next one begins, in bytes of the unpacked file. */
  end: number
  /** Why it cannot even be cut out. */
  broken?: string
}

export interface Block {
  lines: Line[]
  /** All of it, with what stands between; to be read at once. */
  bytes: Buffer
  end: number
  /** Number of the line behind it. */
  nextLine: number
}

export interface Source {
  blocks: AsyncGenerator<Block>
  /** Bytes of the file on disk that were read. */
  bytesRead(): number
}

export interface Place {
  offset: number
  line: number
}

const chunkBytes = 1024 * 1024
/** A reading has at most 1 MB; what is longer is no record but a quote that was never closed. */
const mostRecord = 2 * 1024 * 1024
const newline = 0x0a
const quote = 0x22

export function openSource(
  file: string,
  format: Format,
  from: Place,
  options: { delimiter?: string; most: number; mostBytes: number; signal?: AbortSignal },
): Source {
  const isPacked = file.endsWith('.gz')
  const raw = createReadStream(file, { highWaterMark: chunkBytes, ...(isPacked ? {} : { start: from.offset }) })
  const bytes = isPacked ? raw.pipe(createGunzip({ chunkSize: chunkBytes })) : raw
  // pipe() hands no failure on.
  raw.on('error', (e) => bytes.destroy(e))
  const find = format === 'json' ? element : format === 'csv' ? csvRecord((options.delimiter ?? ',').charCodeAt(0)) : textLine
  return {
    bytesRead: () => raw.bytesRead + (isPacked ? 0 : from.offset),
    blocks: cut(bytes, isPacked ? from.offset : 0, from, find, options),
  }
}

/** Where the record that begins at i ends and the next begins; null: more bytes are needed. A start of -1: only filler, no record. */
type Find = (b: Buffer, i: number, isLast: boolean) => { start: number; to: number; next: number; broken?: string } | null

async function* cut(
  stream: AsyncIterable<Buffer> & { destroy(): void },
  skip: number,
  from: Place,
  find: Find,
  options: { most: number; mostBytes: number; signal?: AbortSignal },
): AsyncGenerator<Block> {
  let rest: Buffer = Buffer.alloc(0)
  let offset = from.offset
  let line = from.line
  const drain = function* (isLast: boolean): Generator<Block> {
    let i = 0
    let lines: Line[] = []
    let blockFrom = 0
    const block = (): Block => ({ lines, bytes: rest.subarray(blockFrom, i), end: offset + i, nextLine: line })
    while (i < rest.length) {
      const found = find(rest, i, isLast)
      if (found === null) break
      const { start, to, next, broken } = found
      if (start >= 0) {
        const first = line + newlines(rest, i, start)
        lines.push({ line: first, bytes: rest.subarray(start, to), end: offset + next, ...(broken ? { broken } : {}) })
      }
      line += newlines(rest, i, next)
      i = next
      if (lines.length >= options.most || i - blockFrom >= options.mostBytes) {
        yield block()
        lines = []
        blockFrom = i
      }
    }
    if (lines.length > 0) yield block()
    offset += i
    rest = rest.subarray(i)
  }
  try {
    for await (const chunk of stream) {
      if (options.signal?.aborted) return
      let bytes = chunk
      if (skip > 0) {
        const passed = Math.min(skip, bytes.length)
        skip -= passed
        bytes = bytes.subarray(passed)
        if (bytes.length === 0) continue
      }
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      yield* drain(false)
    }
    yield* drain(true)
  } finally {
    stream.destroy()
  }
}

/** Only within the part: in a file of one line every search would else go through the whole chunk. */
function newlines(b: Buffer, from: number, to: number): number {
  if (from === to) return 0
  const part = b.subarray(from, to)
  let n = 0
  for (let i = part.indexOf(newline); i >= 0; i = part.indexOf(newline, i + 1)) n++
  return n
}

function textLine(b: Buffer, i: number, isLast: boolean): ReturnType<Find> {
  const at = b.indexOf(newline, i)
  if (at < 0 && !isLast) return b.length - i > mostRecord ? tooLong(b, i, b.length) : null
  const next = at < 0 ? b.length : at + 1
  const end = at < 0 ? b.length : at
  const to = end > i && b[end - 1] === 0x0d ? end - 1 : end
  return { start: to > i ? i : -1, to, next }
}

function tooLong(_b: Buffer, i: number, to: number): ReturnType<Find> {
  return { start: i, to, next: to, broken: 'The line is longer than 2 MB.' }
}

/** A quote counts only where a field begins, so that 5" in the midst of one is no quote. */
function csvRecord(delimiter: number): Find {
  return (b, i, isLast) => {
    const simple = textLine(b, i, isLast)
    if (simple === null || simple.start < 0) return simple
    if (!b.subarray(i, simple.to).includes(quote)) return simple
    let isStart = true
    for (let k = i; k < b.length; k++) {
      const c = b[k]
      if (c === newline) return { start: i, to: b[k - 1] === 0x0d ? k - 1 : k, next: k + 1 }
      if (isStart && c === quote) {
        k = closing(b, k + 1)
        if (k < 0) break
        isStart = false
      } else isStart = c === delimiter
      if (k === b.length - 1 && isLast) return { start: i, to: b.length, next: b.length }
    }
    if (!isLast && b.length - i < mostRecord) return null
    return { ...simple, broken: 'A quote that opens here is never closed.' }
  }
}

/** The quote that closes what was opened before i; two together stand for one. */
function closing(b: Buffer, i: number): number {
  for (;;) {
    const at = b.indexOf(quote, i)
    if (at < 0 || b[at + 1] !== quote) return at
    i = at + 2
  }
}

/** The elements of an array, or objects one after another. */
function element(b: Buffer, i: number, isLast: boolean): ReturnType<Find> {
  let start = i
  while (start < b.length && isBetween(b[start] as number)) start++
  if (start >= b.length) return { start: -1, to: start, next: start }
  const first = b[start] as number
  const isNested = first === 0x7b || first === 0x5b
  let depth = 0
  for (let k = start; k < b.length; k++) {
    const c = b[k] as number
    if (c === quote) {
      k = endOfString(b, k + 1)
      if (k < 0) break
    } else if (c === 0x7b || c === 0x5b) depth++
    else if (c === 0x7d || c === 0x5d) {
      if (isNested && --depth === 0) return { start, to: k + 1, next: k + 1 }
      if (!isNested) return { start, to: k, next: k }
    } else if (!isNested && (c === 0x2c || c === newline)) return { start, to: k, next: k }
  }
  if (isLast)
    return { start, to: b.length, next: b.length, ...(isNested ? { broken: 'It ends in the midst of this element.' } : {}) }
  if (b.length - start < 8 * mostRecord) return null
  return { start, to: b.length, next: b.length, broken: 'The element is longer than 16 MB.' }
}

/** Space, comma, and the brackets and mark around the whole; the array's own "[" is passed by here and never counted. */
function isBetween(c: number): boolean {
  return c <= 0x20 || c === 0x2c || c === 0x5b || c === 0x5d || c === 0xef || c === 0xbb || c === 0xbf
}

function endOfString(b: Buffer, i: number): number {
  for (;;) {
    const at = b.indexOf(quote, i)
    if (at < 0) return -1
    let slashes = 0
    while (b[at - 1 - slashes] === 0x5c) slashes++
    if (slashes % 2 === 0) return at
    i = at + 1
  }
}
