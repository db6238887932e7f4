// SPDX-License-Identifier: MIT
// ThingsBoard's device API over HTTP, for firmware that is written already: POST /api/v1/{token}/telemetry and
// /api/v1/{token}/attributes. The token is the speaker's, the target the one it is bound to, else the speaker's name. Three parts
// tell these addresses from /api/v{major}/{category}. Answers are ThingsBoard's: 200 and nothing in it when all is on disk, 401 for a
// token that opens nothing; what is refused is said in our own words with 400.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { bearer, callerOf } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'
import type { Identity } from '../db/access.ts'
import { admit } from '../db/admit.ts'
import { sendsNone } from '../db/pool.ts'
import { taken } from './answer.ts'
import { readBody } from './body.ts'
import { decode, refuse } from './http.ts'
import type { Intake } from './intake.ts'
import { thingsboardBody } from './thingsboard.ts'

const address = /^\/api\/v1\/([^/?]+)\/(telemetry|attributes)\/?(?:\?|$)/

/** False when the address is not one of these. */
export function thingsboardIntake(intake: Intake): (req: IncomingMessage, res: ServerResponse) => boolean {
  return (req, res) => {
    const found = address.exec(req.url as string)
    if (found === null) return false
    const what = found[2] as 'telemetry' | 'attributes'
    answer(intake, req, res, found[1] as string, what)
      .then((body) => {
        res.writeHead(
          200,
          body === '' ? { 'Content-Length': 0 } : { 'Content-Type': 'application/json', 'Content-Length': body.length },
        )
        res.end(req.method === 'HEAD' ? undefined : body)
      })
      .catch((thrown: unknown) => {
        if (what === 'attributes' && thrown instanceof TmiError && thrown.status === 405)
          res.setHeader('Allow', 'GET, HEAD, POST')
        refuse(req, res, thrown, thrown instanceof TmiError && thrown.status === 403 ? 401 : undefined)
      })
    return true
  }
}

async function answer(
  intake: Intake,
  req: IncomingMessage,
  res: ServerResponse,
  token: string,
  what: 'telemetry' | 'attributes',
): Promise<string> {
  const isRead = what === 'attributes' && (req.method === 'GET' || req.method === 'HEAD')
  if (req.method !== 'POST' && !isRead) throw new TmiError('TM302')
  const identity = await device(intake, req, res, decode(token))
  // A server's wishes for a device are not kept here: none are shared.
  if (isRead) return '{}'
  const body = thingsboardBody(await readBody(req))
  const target = identity.target ?? identity.name
  const verdict = taken(await intake.take({ identity, category: what, target, body, format: 'json' }))
  const [first] = verdict.rejected
  if (first !== undefined) throw new TmiError(first.code, first.message, { details: verdict })
  return ''
}

async function device(intake: Intake, req: IncomingMessage, res: ServerResponse, token: string): Promise<Identity> {
  // Not a scheme of the Authorization header: "Basic …" in an address is no device.
  const caller = { ...callerOf(req), cookie: undefined, authorization: bearer(token) }
  const identity = await admit(intake.access, caller, 'ingest', res)
  if (identity.claims.speaker_id === undefined) throw sendsNone(identity.claims)
  return identity
}
