// SPDX-License-Identifier: MIT
// The networks that a token may come from.
import { BlockList, isIP } from 'node:net'

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
