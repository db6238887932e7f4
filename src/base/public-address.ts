// SPDX-License-Identifier: MIT
// Which addresses an address from outside may lead to. Whoever may name a source could name one inside: the database itself, NATS, a
// cloud's metadata. So only public unicast addresses are connected to, unless the host is allowed by name. What is checked is the
// address that is then connected to: a look-up before would leave the time between the two to a DNS server that answers twice.
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { TmiError } from './errors.ts'

export interface AddressRules {
  /** Hosts that may be private, by name. */
  allow: readonly string[]
  /** In place of the system's resolver. */
  resolve?: (host: string) => Promise<LookupAddress[]>
}

/** Whether this is an address of the public internet; anything unknown is not. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.parse(address)
  if (parsed.kind() === 'ipv4') return parsed.range() === 'unicast'
  // What is not handed out (2000::/3 is) counts as unicast there: ::127.0.0.1, for one.
  const first = (parsed as ipaddr.IPv6).parts[0] ?? 0
  return parsed.range() === 'unicast' && first >= 0x2000 && first < 0x4000
}

export function isAllowedHost(host: string, allow: readonly string[]): boolean {
  const name = plainHost(host)
  return allow.some((a) => plainHost(a) === name)
}

/** As URLs and people write it: brackets, capitals and a last dot make no other host. */
function plainHost(host: string): string {
  return host
    .trim()
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
}

/** Throws TM221 for an address that may not be connected to. For hosts that are addresses already: those are never looked up. */
export function checkAddress(host: string, address: string, rules: AddressRules): void {
  if (isAllowedHost(host, rules.allow) || isPublicAddress(address)) return
  throw new TmiError('TM221', `${host} leads to ${host === address ? 'an address' : address}, which is not public.`)
}

/** For net.connect and everything built on it. One address that is not public spoils the whole answer. */
export function guardedLookup(rules: AddressRules): LookupFunction {
  return (host, options, callback) => {
    const resolved = rules.resolve
      ? rules.resolve(host)
      : new Promise<LookupAddress[]>((resolve, reject) =>
          systemLookup(host, { all: true, family: options.family ?? 0 }, (e, all) => (e ? reject(e) : resolve(all))),
        )
    resolved
      .then((all) => {
        for (const { address } of all) checkAddress(host, address, rules)
        return all
      })
      .then(
        (all) => {
          const [first] = all
          if (first === undefined) callback(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), '', 0)
          else if (options.all) callback(null, all)
          else callback(null, first.address, first.family)
        },
        (e: NodeJS.ErrnoException) => callback(e, '', 0),
      )
  }
}
