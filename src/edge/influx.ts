// SPDX-License-Identifier: MIT
// InfluxDB's ways in, for Telegraf, Home Assistant and whatever else writes line protocol: POST /api/v2/write?bucket=&precision= and
// POST /write?db=&precision=, with /ping and /health as its clients ask for them. Answers are in InfluxDB's words: 204 when every
// point is on disk; when lines are refused, 400 that names them, and the others are kept. line-protocol.ts says what becomes of a point.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { bearer, type Caller, callerOf } from '../base/caller.ts'
import { type ErrorCode, errorTable, TmiError } from '../base/errors.ts'
import type { Identity } from '../db/access.ts'
import { admit } from '../db/admit.ts'
import { sendsNone } from '../db/pool.ts'
import { refusal } from './answer.ts'
import { readAway, readBody } from './body.ts'
import type { Intake } from './intake.ts'
import { type LineFault, type Precision, readLines } from './line-protocol.ts'

/** The version whose manners these are. */
const version = 'v2.7.0'
/** A message names so many lines; how many there are, it says too. */
const mostWorded = 10

const precisions: Record<string, Precision> = {
  ns: 'ns',
  n: 'ns',
  us: 'us',
  u: 'us',
  µ: 'us',
  ms: 'ms',
  s: 's',
  m: 'm',
  h: 'h',
}

/** InfluxDB's own codes. */
const codes: Record<number, string> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  405: 'method not allowed',
  413: 'request too large',
  415: 'invalid',
  422: 'unprocessable entity',
  429: 'too many requests',
  500: 'internal error',
  503: 'unavailable',
}

type Api = 'v1' | 'v2'

/** False when the address is not one of these; ready rejects while the instance cannot answer. */
export function influxIntake(
  intake: Intake,
  ready: () => Promise<unknown>,
): (req: IncomingMessage, res: ServerResponse) => boolean {
  return (req, res) => {
    const url = req.url as string
    const question = url.indexOf('?')
    const path = question < 0 ? url : url.slice(0, question)
    const search = question < 0 ? '' : url.slice(question + 1)
    const isRead = req.method === 'GET' || req.method === 'HEAD'
    // GET /api/v2/write are the readings of a category "write", version 2.
    if (path === '/api/v2/write' && !isRead && req.method !== 'OPTIONS') answer(intake, req, res, 'v2', search)
    else if (path === '/write') answer(intake, req, res, 'v1', search)
    else if (path === '/query' && (isRead || req.method === 'POST')) query(intake, req, res, search)
    else if (path === '/ping' && isRead) ping(res, search)
    else if (path === '/health' && isRead) void health(res, ready)
    else return false
    return true
  }
}

function answer(intake: Intake, req: IncomingMessage, res: ServerResponse, api: Api, search: string): void {
  write(intake, req, res, new URLSearchParams(search), api)
    .then(({ accepted, faults }) => {
      if (faults.length === 0) return void res.writeHead(204, versionHeader).end()
      const worded = faults.slice(0, mostWorded).map((f) => `line ${f.line}: ${f.message}`)
      if (faults.length > worded.length) worded.push(`and ${faults.length - worded.length} more`)
      const message = `${accepted === 0 ? 'no line could be taken' : 'partial write'}: ${worded.join('; ')} (${accepted} written, ${faults.length} dropped)`
      const status = accepted === 0 ? errorTable[faults[0]?.code ?? 'TM220'].status : 400
      send(res, api, status, message, { line: faults[0]?.line, tmidb: faults[0]?.code })
    })
    .catch((thrown: unknown) => {
      const { e, requestId } = refusal(thrown)
      if (res.headersSent || res.destroyed) return
      if ((e.status === 429 || e.status === 503) && !res.hasHeader('Retry-After')) res.setHeader('Retry-After', '1')
      if (e.status === 401) res.setHeader('WWW-Authenticate', 'Token realm="tmiDB"')
      if (e.status === 405) res.setHeader('Allow', 'POST')
      readAway(req)
      send(res, api, e.status, e.message, { tmidb: e.code, requestId })
    })
}

async function write(
  intake: Intake,
  req: IncomingMessage,
  res: ServerResponse,
  query: URLSearchParams,
  api: Api,
): Promise<{ accepted: number; faults: LineFault[] }> {
  if (req.method !== 'POST') throw new TmiError('TM302')
  const identity = await admit(intake.access, credentials(req, query), 'ingest', res)
  if (identity.kind === 'anonymous') throw new TmiError('TM100', 'unauthorized access')
  if (identity.claims.speaker_id === undefined) throw sendsNone(identity.claims)
  const precision = precisions[query.get('precision') ?? 'ns']
  if (precision === undefined) throw new TmiError('TM303', 'The precision is ns, us, ms or s.')
  const { points, faults } = readLines(await readBody(req), { precision, anyTarget: identity.target === null })
  if (points.length === 0) return { accepted: 0, faults }
  const target = fallback(identity, query.get(api === 'v2' ? 'bucket' : 'db'))
  const verdicts = await intake.takeAll(
    points.map(({ category, ndjson }) => ({ identity, category, target, body: ndjson, format: 'ndjson' as const })),
  )
  let accepted = 0
  for (const [i, verdict] of verdicts.entries()) {
    accepted += verdict.accepted
    for (const r of verdict.rejected) {
      faults.push({ line: points[i]!.lines[r.index] as number, code: r.code, message: plain(r.code, r.message) })
    }
  }
  faults.sort((a, b) => a.line - b.line)
  return { accepted, faults }
}

/** Whom a point without a tag of a target is of; a bound token knows it. */
function fallback(identity: Identity, bucket: string | null): string | null {
  return identity.target === null && bucket ? bucket : null
}

/** A token as InfluxDB 2 sends it, or as the password of InfluxDB 1: Basic, "Token user:password", or u and p. */
function credentials(req: IncomingMessage, query: URLSearchParams): Caller {
  const caller = callerOf(req)
  const { authorization } = caller
  const pair = /^token\s+[^\s:]*:(.+)$/i.exec(authorization ?? '')
  if (pair !== null) caller.authorization = bearer(pair[1])
  else if (authorization === undefined) caller.authorization = bearer(query.get('p'))
  // A device's door: no browser writes here.
  delete caller.cookie
  return caller
}

/** The byte of our rendering says nothing to the one who wrote the line. */
function plain(code: ErrorCode, message: string): string {
  const { sentence, hint } = errorTable[code]
  return message.includes('(byte ') ? `${sentence} ${hint}` : message
}

/** Telegraf's first words to an InfluxDB 1: categories are made by their first reading, so there is nothing to do. */
function query(intake: Intake, req: IncomingMessage, res: ServerResponse, search: string): void {
  admit(intake.access, credentials(req, new URLSearchParams(search)), 'read', res)
    .then(async (identity) => {
      if (identity.kind === 'anonymous') throw new TmiError('TM100', 'unauthorized access')
      const body = await readBody(req)
      const q = new URLSearchParams(search).get('q') ?? new URLSearchParams(body.toString()).get('q') ?? ''
      if (!/^\s*create\s+database\b/i.test(q))
        throw new TmiError('TM303', 'Only CREATE DATABASE is answered here; read by /api/v1/{category}.')
      sendJson(res, 200, { results: [{ statement_id: 0 }] })
    })
    .catch((thrown: unknown) => {
      const { e } = refusal(thrown)
      if (res.headersSent || res.destroyed) return
      readAway(req)
      send(res, 'v1', e.status, e.message, {})
    })
}

const versionHeader = { 'X-Influxdb-Version': version, 'X-Influxdb-Build': 'tmiDB' }

function ping(res: ServerResponse, search: string): void {
  const verbose = new URLSearchParams(search).get('verbose')
  if (verbose === null || verbose === 'false') res.writeHead(204, versionHeader).end()
  else sendJson(res, 200, { version })
}

async function health(res: ServerResponse, ready: () => Promise<unknown>): Promise<void> {
  const isWell = await ready().then(
    () => true,
    () => false,
  )
  sendJson(res, isWell ? 200 : 503, {
    name: 'tmiDB',
    message: isWell ? 'ready for queries and writes' : 'the database is away; readings are taken',
    checks: [],
    status: isWell ? 'pass' : 'fail',
    version,
  })
}

function send(res: ServerResponse, api: Api, status: number, message: string, more: object): void {
  if (api === 'v2') sendJson(res, status, { code: codes[status] ?? 'internal error', message, ...more })
  else {
    // It comes in a header too, where a line break or a letter beyond ASCII cannot stand.
    res.setHeader('X-Influxdb-Error', message.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000))
    sendJson(res, status, { error: message, ...more })
  }
}

function sendJson(res: ServerResponse, status: number, value: object): void {
  const body = Buffer.from(JSON.stringify(value))
  res.writeHead(status, { ...versionHeader, 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.length })
  res.end(res.req.method === 'HEAD' ? undefined : body)
}
