// SPDX-License-Identifier: MIT
// The pump: cut, convert, send some batches at a time, and note what is acknowledged in the file's order, so that the place in the
// state is always one before which nothing is open.
import { createHash } from 'node:crypto'
import { bytes, count, openProgress } from '../progress.ts'
import { converter, type Refused } from './convert.ts'
import { unquoted } from './plan.ts'
import { openSource, type Place } from './records.ts'
import { openSender, type Sender, type Verdict } from './send.ts'
import type { State, StateFile } from './state.ts'

interface Open {
  next: Place
  lines: number
  refused: Refused[]
  verdict: Verdict | null
}

export interface Fed {
  sender: Sender
  /** The last line of each shard: once these are stored, all before them are. */
  last: string[]
}

const mostBatchBytes = 4_000_000

export async function feed(options: {
  file: string
  state: State
  stateFile: StateFile
  token: string
  batch: number
  concurrency: number
  signal: AbortSignal
  quiet: boolean
  /** Whether the end can be seen beside the server; else the last lines are remembered. */
  isOwn: boolean
}): Promise<Fed> {
  const { file, state, stateFile, concurrency } = options
  const { plan, counts } = state
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const progress = openProgress(state.file.bytes, options.quiet)
  const sender = openSender({
    url: state.url,
    category: state.category,
    token: options.token,
    signal,
    say: (line) => progress.say(line),
  })
  const convert = converter(plan, { hash: state.file.hash, baseMicros: state.baseMicros })
  const source = openSource(file, plan.format, state.place, {
    delimiter: plan.delimiter,
    most: options.batch,
    mostBytes: mostBatchBytes,
    signal,
  })
  const started = Date.now()
  const linesBefore = counts.lines
  const open: Open[] = []
  const flying = new Set<Promise<void>>()
  const last = new Map<number, string>()

  const settle = (): void => {
    while (open[0]?.verdict) {
      const { next, lines, refused, verdict } = open.shift() as Open & { verdict: Verdict }
      counts.lines += lines
      counts.accepted += verdict.accepted
      counts.quarantined += verdict.quarantined
      counts.rejected += refused.length
      for (const { code } of refused) state.reasons[code] = (state.reasons[code] ?? 0) + 1
      state.place = next
      stateFile.note(refused)
    }
    const rate = ((counts.lines - linesBefore) / Math.max(1, Date.now() - started)) * 1000
    // What was read runs ahead of what is acknowledged; of a packed file only the former can be told in its own bytes.
    const done = file.endsWith('.gz') ? source.bytesRead() : state.place.offset
    progress.at(
      done,
      `${count(counts.lines)} lines, ${count(Math.round(rate))}/s${counts.rejected > 0 ? `, ${count(counts.rejected)} rejected` : ''}, ${bytes(done)}`,
    )
  }

  try {
    for await (const block of source.blocks) {
      signal.throwIfAborted()
      const { sent, refused } = convert(block)
      const entry: Open = { next: { offset: block.end, line: block.nextLine }, lines: block.lines.length, refused, verdict: null }
      open.push(entry)
      if (sent.length === 0) {
        entry.verdict = { accepted: 0, quarantined: 0, rejected: [] }
        settle()
        continue
      }
      if (!options.isOwn) for (const { json } of sent) last.set(shardOf(json), json)
      const flight = sender
        .send(sent.map((s) => s.json))
        .then((verdict) => {
          for (const r of verdict.rejected) {
            const { line } = sent[r.index] as { line: Refused['line'] }
            // Where in the sent line something stands means nothing in the file.
            entry.refused.push({
              line,
              code: r.code,
              message: r.message.replace(/ \(byte \d+(, in ("[^"]*"))?\)/, (_all, _in, name: string | undefined) =>
                name ? ` (${name})` : '',
              ),
            })
          }
          entry.refused.sort((a, b) => a.line.line - b.line.line)
          entry.verdict = verdict
          settle()
        })
        .catch((e: unknown) => failed.abort(e))
        .finally(() => flying.delete(flight))
      flying.add(flight)
      if (flying.size >= concurrency) await Promise.race(flying)
    }
    await Promise.all(flying)
    signal.throwIfAborted()
  } catch (e) {
    // What is on its way may still be acknowledged; a second or so decides.
    await Promise.allSettled(flying)
    throw failed.signal.aborted ? failed.signal.reason : e
  } finally {
    progress.stop()
  }
  return { sender, last: [...last.values()] }
}

const shards = new Map<string, number>()

/** As the server splits targets (src/nats-bridge/shard.ts); from the line that convert.ts made. */
function shardOf(json: string): number {
  const raw = /^\{"target":("(?:[^"\\]|\\.)*"|[^,]+)/.exec(json)?.[1] ?? ''
  let shard = shards.get(raw)
  if (shard === undefined) {
    shard = (createHash('sha256').update(unquoted(raw)).digest()[0] ?? 0) & 7
    if (shards.size > 100_000) shards.clear()
    shards.set(raw, shard)
  }
  return shard
}
