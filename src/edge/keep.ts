// SPDX-License-Identifier: MIT
// For ways in that cannot answer: what the gate refuses is acknowledged and kept with its bytes, so that it can be repaired.
import { type Caller, viaOf } from '../base/caller.ts'
import { errorTable, fromPg, TmiError } from '../base/errors.ts'
import type { Identity } from '../db/access.ts'
import { shardOf } from '../nats-bridge/shard.ts'
import type { Incoming, Intake, Verdict } from './intake.ts'

/** The verdict, or the reason why nothing was taken, with the message kept; throws what must not be acknowledged. */
export async function takeOrKeep(intake: Intake, message: Incoming): Promise<Verdict | TmiError> {
  try {
    const spans: number[] = []
    const verdict = await intake.take({ ...message, spans })
    const [first] = verdict.rejected
    if (first === undefined) return verdict
    if (verdict.accepted === 0 && errorTable[first.code].status === 403) throw new TmiError(first.code, first.message)
    if (verdict.accepted === 0) await keep(intake, message, first.code, first.message)
    else {
      // Only what was refused: replayed whole, the accepted ones would be doubled.
      const parts = verdict.rejected.map(({ index, code, message: why }) =>
        keep(intake, { ...message, body: message.body.subarray(spans[index * 2], spans[index * 2 + 1]) }, code, why),
      )
      await Promise.all(parts)
    }
    return verdict
  } catch (thrown) {
    const e = fromPg(thrown)
    if (e.status === 401 || e.status === 403 || e.status === 429 || e.status >= 500) throw e
    await keep(intake, message, e.code, e.message)
    return e
  }
}

/** Bytes as they came. */
export async function keep(intake: Intake, of: Incoming, code: string, message: string): Promise<void> {
  await intake.publisher.refuse({
    code,
    message,
    speaker: of.identity.claims.speaker_id as string,
    shard: shardOf(of.target ?? ''),
    category: of.category,
    target: of.target,
    raw: Buffer.from(of.body).toString('base64'),
  })
}

/** What somebody may not do is written down. */
export async function audit(
  intake: Intake,
  kind: string,
  identity: Identity | undefined,
  detail: object,
  caller: Caller = {},
): Promise<void> {
  await intake.access.audit(kind, identity?.name ?? null, detail, { ...viaOf(caller), role: identity?.claims.role })
}
