// SPDX-License-Identifier: MIT
// POST /api/in/{category} and /api/in/{category}/{target}. Runs before express: a request here costs what node:http costs
// (23,500/s against 18,300 through express on two cores).
import type { IncomingMessage, ServerResponse } from 'node:http'
import { callerOf } from '../base/caller.ts'
import { problem, TmiError } from '../base/errors.ts'
import { admit } from '../db/admit.ts'
import { refusal, taken } from './answer.ts'
import { readAway, readBody } from './body.ts'
import type { Intake, Verdict } from './intake.ts'

const prefix = '/api/in/'
const one = Buffer.from('{"accepted":1,"rejected":[]}')
const json = 'application/json; charset=utf-8'

/** False when the address is not one of these. */
export function httpIntake(intake: Intake): (req: IncomingMessage, res: ServerResponse) => boolean {
  return (req, res) => {
    const url = req.url as string
    if (!url.startsWith(prefix)) return false
    take(intake, req, res, url).catch((e: unknown) => refuse(req, res, e))
    return true
  }
}

async function take(intake: Intake, req: IncomingMessage, res: ServerResponse, url: string): Promise<void> {
  if (req.method !== 'POST') throw new TmiError('TM302')
  // Before anything is taken: who misspells it would believe that it was waited for.
  const waits = waitsForStored(url)
  const verdict = await receive(intake, req, res, url)
  if (waits) await answerStored(intake, res, verdict)
  else answer(res, verdict)
}

async function receive(intake: Intake, req: IncomingMessage, res: ServerResponse, url: string): Promise<Verdict> {
  const question = url.indexOf('?')
  const { category, target } = addressed(url.slice(prefix.length, question < 0 ? undefined : question))
  const identity = await admit(intake.access, callerOf(req), 'ingest', res)
  if (identity.kind === 'anonymous') throw new TmiError('TM100')
  const format = formatOf(req.headers['content-type'])
  const body = await readBody(req)
  const key = req.headers['idempotency-key']
  return await intake.take({ identity, category, target, body, format, mid: typeof key === 'string' ? midOf(key) : null })
}

/** {category} or {category}/{target}, percent-encoded. */
export function addressed(path: string): { category: string; target: string | null } {
  const slash = path.indexOf('/')
  return {
    category: decode(slash < 0 ? path : path.slice(0, slash)),
    target: slash < 0 || slash === path.length - 1 ? null : decode(path.slice(slash + 1)),
  }
}

export function decode(part: string): string {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new TmiError('TM303', 'The address is not valid percent-encoding.', { cause })
  }
}

function midOf(key: string): string {
  if (key.length < 1 || Buffer.byteLength(key) > 120) throw new TmiError('TM214', 'The Idempotency-Key cannot be used.')
  return key
}

function formatOf(type: string | undefined): 'json' | 'ndjson' {
  const name = type?.split(';', 1)[0]?.trim().toLowerCase()
  switch (name) {
    case undefined:
    case '':
    case 'application/json':
    case 'text/plain': // what fetch says of a string when nobody says more
    case 'application/x-www-form-urlencoded': // and curl -d
      return 'json'
    case 'application/x-ndjson':
    case 'application/ndjson':
    case 'application/jsonl':
    case 'application/x-jsonlines':
      return 'ndjson'
  }
  throw new TmiError('TM219')
}

function answer(res: ServerResponse, verdict: Verdict): void {
  const isPlain = verdict.accepted === 1 && verdict.rejected.length === 0 && verdict.quarantined.length === 0
  send(res, 202, isPlain ? one : Buffer.from(JSON.stringify(taken(verdict))))
}

/** ?wait=stored: 200 after the commit in PostgreSQL; 202 if that takes too long, the readings are on disk all the same. */
function waitsForStored(url: string): boolean {
  const question = url.indexOf('?')
  const wait = question < 0 ? null : new URLSearchParams(url.slice(question + 1)).get('wait')
  if (wait !== null && wait !== 'stored') throw new TmiError('TM303', 'Nothing but wait=stored can be waited for.')
  return wait !== null
}

async function answerStored(intake: Intake, res: ServerResponse, verdict: Verdict): Promise<void> {
  const body = taken(verdict)
  const stored = await intake.stored(verdict)
  send(res, stored ? 200 : 202, Buffer.from(JSON.stringify({ ...body, stored })))
}

/** An error in RFC 9457's form. */
export function refuse(req: IncomingMessage, res: ServerResponse, thrown: unknown, status?: number): void {
  const { e, requestId } = refusal(thrown, req)
  if (res.headersSent || res.destroyed) return
  if ((e.status === 429 || e.status === 503) && !res.hasHeader('Retry-After')) res.setHeader('Retry-After', '1')
  if (e.status === 401) res.setHeader('WWW-Authenticate', 'Bearer realm="tmiDB"')
  if (e.code === 'TM302' && !res.hasHeader('Allow')) res.setHeader('Allow', 'POST')
  readAway(req)
  const body = { ...problem(e, requestId), ...(status === undefined ? {} : { status }) }
  send(res, body.status, Buffer.from(JSON.stringify(body)), 'application/problem+json')
}

function send(res: ServerResponse, status: number, body: Buffer, type = json): void {
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length })
  res.end(body)
}
