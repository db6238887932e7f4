// SPDX-License-Identifier: MIT
// Who calls, as a door sees it: what it shows (a token in a header, a session in a cookie) and where it comes from. Every door hands
// this on, and what stays open keeps it, to ask again with the same when access changed.
import type { IncomingMessage } from 'node:http'
import { TmiError } from './errors.ts'

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
  const { authorization, cookie, 'user-agent': agent, 'x-request-id': id, 'tmidb-view-as': view } = req.headers
  return {
    authorization,
    cookie,
    address: plainAddress(req.socket.remoteAddress),
    agent: agent?.slice(0, 300),
    requestId: typeof id === 'string' && /^[\w.:+/=-]{1,100}$/.test(id) ? id : undefined,
    ...(typeof view === 'string' && view !== '' ? { viewAs: view.slice(0, 300) } : {}),
  }
}

/** Of a socket that is no HTTP request. */
export function callerAt(remoteAddress: string | undefined, token: string | undefined): Caller {
  return { authorization: bearer(token), address: plainAddress(remoteAddress) }
}

export function bearer(token: string | null | undefined): string | undefined {
  return token ? `Bearer ${token}` : undefined
}

/** IPv4 in an IPv6 socket is IPv4. */
export function plainAddress(address: string | undefined): string | undefined {
  return address?.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

const sessionCookie = /(?:^|;\s*)__Host-tmidb=(tmi_session_[0-9A-Za-z]+)(?:;|$)/

/** What it shows, as an Authorization header; undefined if nothing. */
export function credentialOf({ authorization, cookie }: Caller): string | undefined {
  return authorization || bearer(cookie && sessionCookie.exec(cookie)?.[1])
}

/** Whether what is open must end: its caller is not known any more, or may not come from there. */
export function isShutOut(e: unknown): boolean {
  return e instanceof TmiError && (e.status === 401 || e.status === 403)
}
