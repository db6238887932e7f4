// SPDX-License-Identifier: MIT
// What somebody may read, and as whom: both are answered by SQL.
import { type Caller, viaOf } from '../../base/caller.ts'
import { TmiError } from '../../base/errors.ts'
import type { Access, Identity } from '../../db/access.ts'
import { type Claims, type Pool, readAs } from '../../db/pool.ts'
import { viewedClaims } from '../view-as.ts'

/** By category: the columns of fields that are visible; null means all. */
export type Visible = ReadonlyMap<string, ReadonlySet<string> | null>

export async function visibleCategories(pool: Pool, claims: Claims): Promise<Visible> {
  const { rows } = await readAs<{ category: string; columns: string[] | null }>(pool, claims, {
    name: 'visible_categories',
    text: 'select category, columns from tmidb.visible_categories() order by category',
  })
  return new Map(rows.map((r) => [r.category, r.columns && new Set(r.columns)]))
}

/** Stands for all that somebody may see, targets among them: another right is another digest. */
export async function rulesDigest(pool: Pool, claims: Claims): Promise<string> {
  const { rows } = await readAs<{ digest: string }>(pool, claims, {
    name: 'rules_digest',
    text: `select encode(sha256(convert_to(tmidb.rules()::text, 'UTF8')), 'hex') as digest`,
  })
  return rows[0]?.digest ?? ''
}

/**
 * Claims for /api/{listener}: its own, or for an administrator those of the listener, so that it sees what the listener sees. Nobody
 * else learns even whether there is such a listener.
 */
export async function listenerClaims(pool: Pool, identity: Identity, listener: string): Promise<Claims> {
  if (identity.kind === 'listener' && identity.name === listener) return identity.claims
  if (identity.claims.role !== 'tmidb_admin') {
    throw new TmiError('TM102', 'Only this listener itself and administrators may open its address.')
  }
  return await viewedClaims(pool, identity, `listener:${listener}`)
}

/**
 * Who opens the address of another listener is in the audit, whether there is one or not; nobody waits for that, so that it takes as
 * long as any other refusal.
 */
export function tellStranger(
  access: Pick<Access, 'audit'>,
  { kind, name, claims }: Identity,
  listener: string,
  caller: Caller,
): void {
  if ((kind === 'listener' && name === listener) || claims.role === 'tmidb_admin') return
  const from = { ...viaOf(caller), role: claims.role, resource: `listener:${listener}` }
  void access.audit('access.denied', name, { code: 'TM102', door: 'rest' }, from)
}
