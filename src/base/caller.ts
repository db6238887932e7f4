// SPDX-License-Identifier: MIT
// Who calls, as a door sees it: what it shows (a token in a header, a session in a cookie) and where it comes from. Every door hands
// this on, and what stays open keeps it, to ask again with the same when access changed.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TmiError } from './errors.ts'
import { addressOf, plainAddress } from './proxies.ts'

export interface Caller {
  /** An Authorization header, or what a door makes one of. */
  authorization?: string | undefined
  /** The Cookie header; counts only without an authorization. */
  cookie?: string | undefined
  /** An IP address; absent where it is not known (NATS). */
  address?: string | undefined
  /** User-Agent. */
  agent?: string | undefined
  requestId?: string | undefined
  /** Whose view an administrator asks for, "listener:A"; see src/api/view-as.ts. */
  viewAs?: string
}

export function callerOf(req: IncomingMessage): Caller {
  const { authorization, cookie, 'user-agent': agent, 'tmidb-view-as': view } = req.headers
  return {
    authorization,
    cookie,
    address: addressOf(req),
    agent: agent?.slice(0, 300),
    requestId: requestIdOf(req),
    ...(typeof view === 'string' && view !== '' ? { viewAs: view.slice(0, 300) } : {}),
  }
}

const requestIds = new WeakMap<IncomingMessage, string>()

/** One name of a request for its error, the log and the audit: its own X-Request-Id, else one that is made when it is first asked for. */
export function requestIdOf(req: IncomingMessage): string {
  const known = requestIds.get(req)
  if (known !== undefined) return known
  const said = req.headers['x-request-id']
  const id = typeof said === 'string' && /^[\w.:+/=-]{1,100}$/.test(said) ? said : randomUUID()
  requestIds.set(req, id)
  return id
}

/** From where a change comes, as the audit keeps it. */
export interface Via {
  address?: string | undefined
  agent?: string | undefined
  request?: string | undefined
}

export function viaOf({ address, agent, requestId }: Caller): Via {
  return { address, agent, request: requestId }
}

/** Of a socket that is no HTTP request. */
export function callerAt(remoteAddress: string | undefined, token: string | undefined): Caller {
  return { authorization: bearer(token), address: plainAddress(remoteAddress) }
}

export function bearer(token: string | null | undefined): string | undefined {
  return token ? `Bearer ${token}` : undefined
}

const sessionCookie = /(?:^|;\s*)__Host-tmidb=(tmi_session_[0-9A-Za-z]+)(?:;|$)/

/** What it shows, as an Authorization header; undefined if nothing. */
export function credentialOf({ authorization, cookie }: Caller): string | undefined {
  return authorization || bearer(cookie && sessionCookie.exec(cookie)?.[1])
}

/** The session that a browser shows, and nothing beside it. */
export function cookieAlone({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return !headers.authorization && sessionCookie.test(headers.cookie ?? '')
}

/** Whether what is open must end: its caller is not known any more, or may not come from there. */
export function isShutOut(e: unknown): boolean {
  return e instanceof TmiError && (e.status === 401 || e.status === 403)
}
