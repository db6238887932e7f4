// SPDX-License-Identifier: MIT
// What every way in does with a message once it has its bytes: right, name, gate, target, streams. One verdict for all.
import { errorTable, TmiError } from '../base/errors.ts'
import type { Access, Identity } from '../db/access.ts'
import { openPool } from '../db/pool.ts'
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

const noWait = Promise.resolve()
const categoryForm = /^[a-z][a-z0-9_]{0,47}$/
const mostSingleBytes = 1024 * 1024
const mostReadings = 100_000
/** An answer names so many refusals; their number is in "rejectedCount". */
export const mostNamed = 1000

export function openIntake(parts: { access: Access; publisher: Publisher; edgeUrl: string }): Intake {
  const { access, publisher } = parts
  const shapes = new ShapeBook()
  const pool = openPool(parts.edgeUrl, { max: 2, application: 'edge' })
  const knownNames = new Set<string>()
  const strict = openStrictWatch(pool, shapes)
  access.onChange(() => {
    knownNames.clear()
    strict.reload()
  })

  const whenStored = openStoredWatch(pool)

  const mustBeKnown = async (category: string, rows: Row[]): Promise<void> => {
    const missing = [...new Set(rows.map((r) => r.target))].filter((t) => !knownNames.has(`${category}\0${t}`))
    if (missing.length === 0) return
    const { rows: found } = await pool.query<{ known: boolean }>('select tmidb.all_known($1, $2) as known', [category, missing])
    if (!found[0]?.known) throw new TmiError('TM103')
    for (const t of missing) knownNames.add(`${category}\0${t}`)
  }

  /** Right, name, gate and target of one message: what goes to the streams and what is said of it. */
  const judge = ({ identity, category, target, body, format, mid, spans }: Incoming): { rows: Row[]; verdict: Verdict } => {
    const speaker = identity.claims.speaker_id
    if (identity.kind === 'anonymous') throw new TmiError('TM100')
    if (speaker === undefined) throw new TmiError('TM102')
    if (!categoryForm.test(category)) throw new TmiError('TM104')
    if (target !== null) checkTarget(target)
    const now = stamp()
    const { readings, rejected, single } = gateBody(body, { format, shapes: shapes.of(category), now, spans })
    if (single && body.length > mostSingleBytes) throw new TmiError('TM212')
    if (readings.length > mostReadings) throw new TmiError('TM212', `There are more than ${mostReadings} readings in this batch.`)
    const rows: Row[] = []
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
    return { rows, verdict: { accepted: rows.length, rejected, quarantined, single, at: [] } }
  }

  return {
    access,
    publisher,
    room: () => publisher.room?.() ?? noWait,
    stored: ({ at }, ms) => whenStored(at, ms),
    async take(message) {
      if (!strict.isKnown) await strict.known()
      const { rows, verdict } = judge(message)
      if (!message.identity.mayCreate) await mustBeKnown(message.category, rows)
      if (rows.length > 0) await publisher.publish(rows, verdict.at)
      return verdict
    },
    async takeAll(messages) {
      if (!strict.isKnown) await strict.known()
      const judged = messages.map(judge)
      for (const [i, { identity, category }] of messages.entries()) {
        if (!identity.mayCreate) await mustBeKnown(category, judged[i]!.rows)
      }
      const rows = judged.flatMap((j) => j.rows)
      const at: Places = []
      if (rows.length > 0) await publisher.publish(rows, at)
      for (const { verdict } of judged) verdict.at.push(...at)
      return judged.map((j) => j.verdict)
    },
  }
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
