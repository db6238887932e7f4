// SPDX-License-Identifier: MIT
// "Tmidb-View-As: listener:A": an administrator's requests show what somebody else sees. Who is viewed as is somebody's own identity, so
// every door answers as to that one; nothing is written meanwhile. Each view is written down, once a minute.
import { type Via, viaOf } from '../base/caller.ts'
import { fromPg, TmiError } from '../base/errors.ts'
import type { Access, Identity } from '../db/access.ts'
import { type Claims, type Pool, readAs } from '../db/pool.ts'

const auditedEveryMs = 60_000
const mostKept = 1000

/** The same access, which hears what the header says. */
export function viewing(access: Access, pool: Pool): Access {
  const known = new Map<string, Promise<Identity>>()
  const audited = new Map<string, number>()
  access.onChange(() => known.clear())

  async function note(actor: string | null, who: string, via: Via): Promise<void> {
    const key = JSON.stringify([actor, who])
    const now = Date.now()
    if (now < (audited.get(key) ?? 0) + auditedEveryMs) return
    if (audited.size > mostKept) audited.clear()
    audited.set(key, now)
    await access.audit('access.viewed_as', actor, { who }, { ...via, role: 'tmidb_admin', resource: who })
  }

  return {
    ...access,
    async identify(caller) {
      const identity = await access.identify(caller)
      const who = typeof caller === 'object' ? caller.viewAs : undefined
      if (who === undefined) return identity
      if (identity.claims.role !== 'tmidb_admin') {
        throw new TmiError('TM102', 'Only administrators view as somebody else.', { hint: 'Leave the header Tmidb-View-As out.' })
      }
      await note(identity.name, who, typeof caller === 'object' ? viaOf(caller) : {})
      // Of each administrator apart: whose view it is stands in the claims.
      const key = JSON.stringify([identity.claims, who])
      let viewed = known.get(key)
      if (!viewed) {
        if (known.size > mostKept) known.clear()
        known.set(key, (viewed = viewedIdentity(pool, identity, who)))
        viewed.catch(() => known.delete(key))
      }
      return await viewed
    },
  }
}

async function viewedIdentity(pool: Pool, identity: Identity, who: string): Promise<Identity> {
  const claims = await viewedClaims(pool, identity, who)
  return {
    kind: claims.listener_id === undefined ? 'account' : 'listener',
    claims,
    name: claims.name ?? null,
    target: null,
    mayCreate: false,
    mayIntrospect: true,
  }
}

/** What SQL is told of requests of an administrator that show what this one sees; TM107 if there is nobody of that name. */
export async function viewedClaims(pool: Pool, { name, claims }: Identity, who: string): Promise<Claims> {
  const { rows } = await readAs<{ viewed: Claims }>(pool, claims, {
    name: 'viewed',
    text: 'select tmidb.viewed($1) as viewed',
    values: [who],
  }).catch((e: unknown) => {
    throw fromPg(e)
  })
  return { ...(rows[0] as { viewed: Claims }).viewed, viewed_by: name ?? 'admin' }
}
