// SPDX-License-Identifier: MIT
// What a verdict says to its sender, in the same words through every way in that can answer.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { requestIdOf } from '../base/caller.ts'
import { fromPg, TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import type { Rejection } from './gate.ts'
import { mostNamed, type Verdict } from './intake.ts'

export interface Taken {
  accepted: number
  rejected: Rejection[]
  /** How many there are, if not all of them are named. */
  rejectedCount?: number
  quarantined?: Rejection[]
}

/** A message of which nothing was taken throws its first fault; the faults of a batch are in its details. */
export function taken(verdict: Verdict): Taken {
  const { accepted, quarantined, single } = verdict
  const all = verdict.rejected
  const rejected = all.length > mostNamed ? all.slice(0, mostNamed) : all
  const [first] = rejected
  if (accepted === 0 && first !== undefined) {
    throw new TmiError(first.code, first.message, single ? {} : { details: { accepted, rejected } })
  }
  return {
    accepted,
    rejected,
    ...(all.length > rejected.length ? { rejectedCount: all.length } : {}),
    ...(quarantined.length === 0 ? {} : { quarantined: quarantined.slice(0, mostNamed) }),
  }
}

/** What was thrown, as ours; what is our own fault goes to the log with the id that the sender gets. */
export function refusal(thrown: unknown, req?: IncomingMessage): { e: TmiError; requestId: string } {
  const requestId = req ? requestIdOf(req) : randomUUID()
  const e = fromPg(thrown)
  if (e.status >= 500) {
    const stack = String((e.cause as Error)?.stack ?? e.stack)
    observe({ kind: 'error', level: 'error', code: e.code, message: e.message, requestId, stack })
  }
  return { e, requestId }
}
