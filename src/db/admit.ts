// SPDX-License-Identifier: MIT
// What a door does with a request before anything else: who is it, and does it have requests left this minute?
import { type Caller, isShutOut } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'
import type { Access, Identity } from './access.ts'
import type { Counted, Endpoint } from './rate-rules.ts'

export type Admitting = Pick<Access, 'identify' | 'limits'>

/** Where an answer's headers are written. */
interface Answer {
  setHeader(name: string, value: string): unknown
}

/** TM403 when a limit is used up. What is left, or when to come again, is written on the answer; the error knows it too. */
export async function admit(access: Admitting, caller: Caller, endpoint: Endpoint, answer?: Answer): Promise<Identity> {
  const { limits } = access
  let identity: Identity
  try {
    try {
      identity = await access.identify(caller)
    } catch (e) {
      // Who shows what opens nothing counts for its address, like who shows nothing.
      if (isShutOut(e)) await limits.count('anonymous', { address: caller.address })
      throw e
    }
    if (identity.kind === 'anonymous') await limits.count('anonymous', { address: caller.address })
    if (!limits.has(endpoint)) return identity
    const left = limits.count(endpoint, counted(identity, caller))
    write(left instanceof Promise ? await left : left, answer)
    return identity
  } catch (e) {
    if (e instanceof TmiError) write(e.headers, answer)
    throw e
  }
}

/** When the next message of one who is inside may go on; null is at once. */
export function pace(access: Admitting, identity: Identity, caller: Caller): Promise<unknown> | null {
  return access.limits.has('ingest') ? access.limits.pace('ingest', counted(identity, caller)) : null
}

function counted({ kind, name, tokenId }: Identity, { address }: Caller): Counted {
  return { token: tokenId, user: name === null ? undefined : `${kind === 'account' ? 'user' : kind}:${name}`, address }
}

function write(headers: Record<string, string> | null, answer: Answer | undefined): void {
  for (const name in headers) answer?.setHeader(name, headers[name] as string)
}
