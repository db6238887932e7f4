// SPDX-License-Identifier: MIT
// The limits as they are set (tmidb.rate_limits), in the form in which a request finds the ones that are its own.

/** live: sockets that are opened; anonymous: whatever comes without a valid token. */
export type Endpoint = 'read' | 'write' | 'ingest' | 'live' | 'login' | 'anonymous'
export type Scope = 'token' | 'user' | 'address'

/** Whom a request counts for: a token's id, listener:<name> and its like, an IP address. */
export type Counted = { [scope in Scope]?: string | undefined }

export interface Setting {
  scope: Scope
  endpoint: Endpoint
  subject: string | null
  per_minute: number
}

export interface Rule {
  scope: Scope
  every: number
  own: Map<string, number>
}

export const plural: Record<Endpoint, string> = {
  read: 'reads',
  write: 'writes',
  ingest: 'messages',
  live: 'new sockets',
  login: 'logins',
  anonymous: 'requests without a valid token',
}

export function rulesOf(settings: Setting[]): Map<Endpoint, Rule[]> {
  const rules = new Map<Endpoint, Rule[]>()
  for (const { scope, endpoint, subject, per_minute } of settings) {
    let of = rules.get(endpoint)
    if (of === undefined) rules.set(endpoint, (of = []))
    let rule = of.find((r) => r.scope === scope)
    if (rule === undefined) of.push((rule = { scope, every: 0, own: new Map() }))
    if (subject === null) rule.every = per_minute
    else rule.own.set(subject, per_minute)
  }
  // Where no limit is a number, there is nothing to look at.
  for (const [endpoint, of] of rules) {
    const limiting = of.filter((r) => r.every > 0 || [...r.own.values()].some((n) => n > 0))
    if (limiting.length > 0) rules.set(endpoint, limiting)
    else rules.delete(endpoint)
  }
  return rules
}

export function limitOf({ every, own }: Rule, subject: string): number {
  return own.get(subject) ?? every
}

/** An IPv4 address, or the 64 bits that an IPv6 customer has; as tmidb.set_rate_limit writes it. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = (address.split('%')[0] as string).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail ? tail.split(':') : []
  const groups =
    tail === undefined ? before : [...before, ...Array(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  const host = URL.parse(`http://[${groups.slice(0, 4).join(':')}::]`)?.hostname
  return host === undefined ? address : host.slice(1, -1)
}
