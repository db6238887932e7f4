// SPDX-License-Identifier: MIT
// The networks that a token may come from.
import { BlockList, isIP } from 'node:net'
import type { Caller } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'

/** A token that comes from the wrong address is written down so often, with how many times it was. */
const writtenEveryMs = 10_000

/** Of networks as PostgreSQL prints them: 10.0.0.0/8, 2001:db8::/32. */
export function allowList(networks: string[]): (address: string | undefined) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return (address) => {
    // A link-local address names its interface behind a percent sign.
    const plain = address?.split('%', 1)[0] ?? ''
    const family = isIP(plain)
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** Of a key that is good and came from the wrong address: whoever owns it should hear of that. */
export function openStrays(audit: (kind: string, actor: string | null, detail: object) => Promise<void>) {
  const last = new Map<string, { at: number; times: number }>()
  return async ({ name, tokenId = '' }: { name: string | null; tokenId?: string }, { address }: Caller): Promise<TmiError> => {
    const now = Date.now()
    const before = last.get(tokenId)
    const times = (before?.times ?? 0) + 1
    if (before !== undefined && now - before.at < writtenEveryMs) before.times = times
    else {
      last.set(tokenId, { at: now, times: 0 })
      // While PostgreSQL is away there is nobody to tell.
      await audit('token.refused', name, { token_id: tokenId, address: address ?? null, times }).catch(() => {})
    }
    return new TmiError('TM111')
  }
}
