// SPDX-License-Identifier: MIT
// Where a request comes from. Anybody can write X-Forwarded-For or Forwarded, so they count only when a proxy that is trusted hands the
// request over, and are read from the right: what a trusted one added is true, what stood there before is anybody's word.
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { TmiError } from './errors.ts'

/** null: none. */
export type Proxies = BlockList | null

/** Addresses and networks, by comma or space. */
export function readProxies(text: string | undefined): Proxies {
  const all = (text ?? '').split(/[\s,]+/).filter(Boolean)
  if (all.length === 0) return null
  const list = new BlockList()
  for (const one of all) {
    const [address = '', bits, ...more] = one.split('/')
    const version = isIP(address)
    const most = version === 4 ? 32 : 128
    const prefix = bits === undefined ? most : Number(bits)
    if (version === 0 || more.length > 0 || bits === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > most) {
      throw new TmiError('TM501', `TMIDB_TRUSTED_PROXIES: ${one} is no address and no network.`, {
        hint: 'Write 10.0.0.5 or 10.0.0.0/8, several by comma.',
      })
    }
    list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

/** One setting of the process: every door asks where its requests come from. */
let trusted: Proxies = null

export function trustProxies(proxies: Proxies): void {
  trusted = proxies
}

export function addressOf(req: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined {
  const peer = plainAddress(req.socket.remoteAddress)
  if (trusted === null || peer === undefined || !isTrusted(peer)) return peer
  const { 'x-forwarded-for': list, forwarded } = req.headers
  const said = [
    typeof list === 'string' ? clientOf(list.split(','), peer) : null,
    forwarded === undefined ? null : clientOf(forwarded.split(',').map(forPart), peer),
  ].filter((a) => a !== null)
  const [address = peer, other = address] = said
  // A proxy writes one of them and hands on the other as it came: where they differ, one is forged.
  return address === other ? address : peer
}

/** From the right, the first that is not a proxy of ours; what is no address ends it at the last one that is. */
function clientOf(hops: string[], peer: string): string {
  let at = peer
  for (const hop of hops.reverse()) {
    const address = withoutPort(hop.trim())
    if (isIP(address) === 0) return at
    at = address
    if (!isTrusted(at)) return at
  }
  return at
}

function isTrusted(address: string): boolean {
  return trusted?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') === true
}

/** for="[2001:db8::1]:4711" of a Forwarded element. */
function forPart(element: string): string {
  return /(?:^|;)\s*for\s*=\s*"?([^";]*)/i.exec(element)?.[1] ?? ''
}

function withoutPort(hop: string): string {
  const inBrackets = /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1]
  return plainAddress(inBrackets ?? (isIP(hop) === 6 ? hop : hop.replace(/:\d+$/, ''))) ?? ''
}

/** IPv4 in an IPv6 socket is IPv4. */
export function plainAddress(address: string | undefined): string | undefined {
  return address?.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
