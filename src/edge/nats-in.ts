// SPDX-License-Identifier: MIT
// Any NATS client may publish to tmi.pub.{category}.{target} (the rest of the subject, dots and all; without one the body names its
// target), with what POST /api/in takes. The token goes in a header: Authorization: Bearer …, or Tmi-Token. A request is answered
// after fsync with what HTTP would answer; who only publishes is told nothing, so what the gate refuses of it is kept.
import { randomUUID } from 'node:crypto'
import { bearer } from '../base/caller.ts'
import { fromPg, problem, TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import { admit } from '../db/admit.ts'
import { type NatsReply, type NatsRequest, serveRequests } from '../nats-bridge/requests.ts'
import type { NatsConnection } from '../nats-bridge/streams.ts'
import { type Incoming, type Intake, mostNamed, type Verdict } from './intake.ts'
import { audit, takeOrKeep } from './keep.ts'

export const publishSubject = 'tmi.pub'
const mostBytes = 10 * 1024 * 1024
/** NATS pushes and knows no "slower": beyond these, requests are refused at once instead of piling up here. */
const mostInFlight = 4096
const mostBytesInFlight = 32 * 1024 * 1024

export interface NatsIntakeOptions {
  subject?: string
  mostInFlight?: number
}

export function openNatsIntake(intake: Intake, nc: NatsConnection, options: NatsIntakeOptions = {}): Disposable {
  const most = options.mostInFlight ?? mostInFlight
  let inFlight = 0
  let bytesInFlight = 0
  return serveRequests(nc, `${options.subject ?? publishSubject}.>`, 'tmidb', async (request) => {
    const bytes = request.data.length
    if (inFlight >= most || bytesInFlight + bytes > mostBytesInFlight) return refused(new TmiError('TM400'))
    inFlight++
    bytesInFlight += bytes
    try {
      return await receive(intake, request)
    } catch (thrown) {
      return refused(fromPg(thrown))
    } finally {
      inFlight--
      bytesInFlight -= bytes
    }
  })
}

async function receive(intake: Intake, request: NatsRequest): Promise<NatsReply> {
  const [, , category = '', ...rest] = request.subject.split('.')
  // NATS does not tell where a message comes from: a token that is bound to addresses opens nothing here.
  const authorization = request.header('Authorization') ?? bearer(request.header('Tmi-Token'))
  // Nobody can be held back here: over its limit a request is refused, and who only publishes is not heard.
  const identity = await admit(intake.access, { authorization }, 'ingest')
  if (request.data.length > mostBytes) throw new TmiError('TM212')
  const message: Incoming = {
    identity,
    category,
    target: rest.length === 0 ? null : rest.join('.'),
    body: request.data,
    format: formatOf(request.header('Content-Type')),
    mid: midOf(request.header('Nats-Msg-Id')),
  }
  try {
    if (request.wantsReply) return answer(await intake.take(message))
    await takeOrKeep(intake, message)
    return { status: 202, body: '' }
  } catch (thrown) {
    const e = fromPg(thrown)
    if (e.status === 403) await audit(intake, 'nats.denied', identity, { subject: request.subject.slice(0, 300), code: e.code })
    throw e
  }
}

function formatOf(type: string | undefined): 'json' | 'ndjson' {
  return type !== undefined && /ndjson|jsonl/i.test(type) ? 'ndjson' : 'json'
}

function midOf(mid: string | undefined): string | null {
  if (mid === undefined || mid === '') return null
  if (Buffer.byteLength(mid) > 120) throw new TmiError('TM214', 'The Nats-Msg-Id cannot be used.')
  return mid
}

/** What POST /api/in answers. */
function answer({ accepted, rejected, quarantined, single }: Verdict): NatsReply {
  const [first] = rejected
  const named = rejected.slice(0, mostNamed)
  if (accepted === 0 && first !== undefined) {
    return refused(new TmiError(first.code, first.message, single ? {} : { details: { accepted, rejected: named } }))
  }
  const body = {
    accepted,
    rejected: named,
    ...(rejected.length > named.length ? { rejectedCount: rejected.length } : {}),
    ...(quarantined.length === 0 ? {} : { quarantined: quarantined.slice(0, mostNamed) }),
  }
  return { status: 202, body: JSON.stringify(body) }
}

function refused(e: TmiError): NatsReply {
  const requestId = randomUUID()
  if (e.status >= 500) {
    const stack = String((e.cause as Error | undefined)?.stack ?? e.stack)
    observe({ kind: 'error', level: 'error', code: e.code, message: e.message, requestId, stack })
  }
  return { status: e.status, body: JSON.stringify(problem(e, requestId)) }
}
