// SPDX-License-Identifier: MIT
// What every way in does with a message once it has its bytes: right, name, gate, target, streams. One verdict for all.
import { type ErrorCode, errorTable, TmiError } from '../base/errors.ts'
import type { Access, Identity } from '../db/access.ts'
import { openPool, sendsNone } from '../db/pool.ts'
import type { Row } from '../nats-bridge/frame.ts'
import type { Places, Publisher } from '../nats-bridge/publish.ts'
import { gateBody, type Reading, type Rejection } from './gate.ts'
import { ShapeBook } from './shape.ts'
import { openStoredWatch } from './stored.ts'
import { openStrictWatch } from './strict.ts'

export interface Intake {
  access: Access
  publisher: Publisher
  /** Takes a message; resolves when all accepted readings are on disk. */
  take(message: Incoming): Promise<Verdict>
  /** Takes several messages of one sender, each of its own category, in one publish: a verdict for each, or all of them wait and fail together. */
  takeAll(messages: Incoming[]): Promise<Verdict[]>
  /** Resolves when there is room for more; for ways in that can wait instead of refuse. */
  room(): Promise<void>
  /** Whether what was taken has been committed in PostgreSQL, asked until it is or ms are over. */
  stored(verdict: Verdict, ms?: number): Promise<boolean>
}

export interface Incoming {
  identity: Identity
  category: string
  /** From the address; a reading may name its own. */
  target: string | null
  body: Uint8Array
  format: 'json' | 'ndjson'
  /** Message id of the whole message, for a single reading that has none of its own. */
  mid?: string | null
  /** For ways in that keep what is refused: filled with where each reading stands in the body. */
  spans?: number[]
}

export interface Verdict {
  accepted: number
  rejected: Rejection[]
  /** Accepted and kept, but out of range: not among the readings. */
  quarantined: Rejection[]
  single: boolean
  /** Where in the streams it is. */
  at: Places
}

/** Of one message: what goes to the streams, where each of it stood in the message, and what is said of it. */
interface Judged {
  rows: Row[]
  indexes: number[]
  verdict: Verdict
}

const noWait = Promise.resolve()
const categoryForm = /^[a-z][a-z0-9_]{0,47}$/
const mostSingleBytes = 1024 * 1024
const mostReadings = 100_000
const mostAllowed = 200_000
/** An answer names so many refusals; their number is in "rejectedCount". */
export const mostNamed = 1000

export function openIntake(parts: { access: Access; publisher: Publisher; edgeUrl: string }): Intake {
  const { access, publisher } = parts
  const shapes = new ShapeBook()
  const pool = openPool(parts.edgeUrl, { max: 2, application: 'edge' })
  /** What was asked for and allowed, until access changes: speaker, category, target. */
  const allowed = new Set<string>()
  let generation = 0
  const strict = openStrictWatch(pool, shapes)
  access.onChange(() => {
    generation++
    allowed.clear()
    strict.reload()
  })

  const whenStored = openStoredWatch(pool)

  /** Of somebody who may not write everything: what it may not is taken out and said. TM103 if something would have to be made. */
  const withhold = async ({ identity, category }: Incoming, judged: Judged): Promise<void> => {
    const speaker = identity.claims.speaker_id
    const place = `${speaker} ${category} `
    const asked = [...new Set(judged.rows.map((r) => r.target))].filter((t) => !allowed.has(place + t))
    if (asked.length === 0) return
    const before = generation
    const { rows } = await pool.query<{ target: string; code: ErrorCode }>({
      name: 'refused_targets',
      text: 'select target, code from tmidb.refused_targets($1, $2, $3)',
      values: [speaker, category, asked],
    })
    if (rows.some((r) => r.code === 'TM103')) throw new TmiError('TM103')
    const refused = new Map(
      rows.map((r) => [r.target, new TmiError(r.code, `This token does not write ${JSON.stringify(r.target)}.`)]),
    )
    if (before === generation) {
      if (allowed.size > mostAllowed) allowed.clear()
      for (const t of asked) if (!refused.has(t)) allowed.add(place + t)
    }
    if (refused.size > 0) takeOut(judged, refused)
  }

  /** Right, name, gate and target of one message. */
  const judge = ({ identity, category, target, body, format, mid, spans }: Incoming): Judged => {
    const speaker = identity.claims.speaker_id
    if (identity.kind === 'anonymous') throw new TmiError('TM100')
    if (speaker === undefined) throw sendsNone(identity.claims)
    if (!categoryForm.test(category)) throw new TmiError('TM104')
    if (target !== null) checkTarget(target)
    const now = stamp()
    const { readings, rejected, single } = gateBody(body, { format, shapes: shapes.of(category), now, spans })
    if (single && body.length > mostSingleBytes) throw new TmiError('TM212')
    if (readings.length > mostReadings) throw new TmiError('TM212', `There are more than ${mostReadings} readings in this batch.`)
    const rows: Row[] = []
    const indexes: number[] = []
    const quarantined: Rejection[] = []
    for (const reading of readings) {
      const isTooLarge = reading.payload.length > mostSingleBytes
      const of = isTooLarge ? new TmiError('TM212') : targetOf(reading, target, identity)
      if (of instanceof TmiError) {
        rejected.push({ index: reading.index, code: of.code, message: of.message })
        continue
      }
      if (reading.quarantine !== null) {
        quarantined.push({ index: reading.index, code: reading.quarantine, message: errorTable[reading.quarantine].sentence })
      }
      indexes.push(reading.index)
      rows.push({
        category,
        target: of,
        speaker,
        sig: reading.shape.sig,
        descriptor: reading.shape.descriptor,
        ts: reading.ts ?? stamp(),
        mid: reading.mid ?? (mid == null ? null : single ? mid : `${mid}#${reading.index}`),
        unique: reading.ts === null,
        payload: reading.payload,
      })
    }
    return { rows, indexes, verdict: { accepted: rows.length, rejected, quarantined, single, at: [] } }
  }

  return {
    access,
    publisher,
    room: () => publisher.room?.() ?? noWait,
    stored: ({ at }, ms) => whenStored(at, ms),
    async take(message) {
      if (!strict.isKnown) await strict.known()
      const judged = judge(message)
      if (!message.identity.mayCreate) await withhold(message, judged)
      const { rows, verdict } = judged
      if (rows.length > 0) await publisher.publish(rows, verdict.at)
      return verdict
    },
    async takeAll(messages) {
      if (!strict.isKnown) await strict.known()
      const judged = messages.map(judge)
      for (const [i, message] of messages.entries()) {
        if (!message.identity.mayCreate) await withhold(message, judged[i]!)
      }
      const rows = judged.flatMap((j) => j.rows)
      const at: Places = []
      if (rows.length > 0) await publisher.publish(rows, at)
      for (const { verdict } of judged) verdict.at.push(...at)
      return judged.map((j) => j.verdict)
    },
  }
}

function takeOut(judged: Judged, refused: Map<string, TmiError>): void {
  const { rows, indexes, verdict } = judged
  const out = new Set<number>()
  rows.forEach(({ target }, i) => {
    const e = refused.get(target)
    if (e === undefined) return
    out.add(indexes[i] as number)
    verdict.rejected.push({ index: indexes[i] as number, code: e.code, message: e.message })
  })
  judged.rows = rows.filter((_, i) => !out.has(indexes[i] as number))
  verdict.rejected.sort((a, b) => a.index - b.index)
  verdict.quarantined = verdict.quarantined.filter((q) => !out.has(q.index))
  verdict.accepted = judged.rows.length
}

let lastStamp = 0

/**
 * The time of a reading that brings none, in epoch microseconds. Always later than the one before: two equal readings of one
 * millisecond are two readings, and only their time tells them apart.
 */
function stamp(): number {
  lastStamp = Math.max(lastStamp + 1, Date.now() * 1000)
  return lastStamp
}

function targetOf(reading: Reading, fromAddress: string | null, identity: Identity): string | TmiError {
  const target = reading.target ?? fromAddress ?? identity.target
  if (target === null) return new TmiError('TM213')
  if (identity.target !== null && target !== identity.target) {
    return new TmiError('TM102', `This token writes only the target ${JSON.stringify(identity.target)}.`)
  }
  return target
}

export function checkTarget(target: string): void {
  const bytes = Buffer.byteLength(target)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
  if (bytes < 1 || bytes > 256 || /[\u0000-\u001f\u007f]/.test(target) || !target.isWellFormed()) throw new TmiError('TM105')
}
