// SPDX-License-Identifier: MIT
// One process at a time changes the schema. The lock belongs to the connection, so it is free again whatever happens to its holder.
// It must be there before any table is, so it is an advisory one, which anybody with SQL can hold: who may not migrate is sent away.
import { TmiError } from '../../base/errors.ts'
import { sleep } from '../../base/retry.ts'
import type { Client } from '../superuser.ts'

const held = `l.locktype = 'advisory' and l.objsubid = 1 and l.database = (select oid from pg_database where datname = current_database())
  and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)`

/** Somebody else migrates, and did not end in time. */
export class Busy extends TmiError {}

export interface Waiting {
  waitMs: number
  say: (line: string) => void
  signal?: AbortSignal
}

/**
 * Asks again and again instead of waiting inside PostgreSQL: a query that waits keeps its snapshot, and "create index concurrently" of
 * the one who holds the lock would wait for that for ever.
 */
export async function takeLock(
  client: Client,
  name: 'tmidb.migrate' | 'tmidb.migration_run',
  { waitMs, say, signal }: Waiting,
): Promise<void> {
  for (const end = Date.now() + waitMs, told = { once: false }; ; await sleep(100, signal)) {
    signal?.throwIfAborted()
    if (await tryLock(client, name)) return
    if ((await sendAway(client, name)) && (await tryLock(client, name))) return
    if (!told.once) {
      told.once = true
      say(`Another migration runs${await holder(client, name)}; waiting up to ${Math.ceil(waitMs / 1000)} s for it to end.`)
    }
    if (Date.now() >= end) {
      throw new Busy('TM401', `Another migration still runs${await holder(client, name)}.`, {
        hint: 'Nothing was changed. Try again when it has ended; "tmictl migrate up --wait 600" waits longer.',
      })
    }
  }
}

async function tryLock(client: Client, name: string): Promise<boolean> {
  const { rows } = await client.query<{ mine: boolean }>(`select pg_try_advisory_lock(hashtextextended($1, 0)) as mine`, [name])
  return rows[0]?.mine === true
}

/** Ends the connections of those who hold or wait for the lock and may not migrate, as far as one's own rights go. */
async function sendAway(client: Client, name: string): Promise<boolean> {
  return await client
    .query(
      `select pg_terminate_backend(pid, 1000) from (
         select distinct l.pid from pg_locks l join pg_stat_activity a using (pid) join pg_roles r on r.oid = a.usesysid
         where ${held} and not r.rolsuper and not r.rolcreaterole
           and not exists (select from pg_roles t where t.rolname = 'tmidb_admin' and pg_has_role(r.oid, t.oid, 'member'))) s`,
      [name],
    )
    .then((r) => (r.rowCount ?? 0) > 0)
    .catch((e: { code?: string }) => {
      if (e.code === '42501') return false
      throw e
    })
}

async function holder(client: Client, name: string): Promise<string> {
  const { rows } = await client.query<{ pid: number; who: string }>(
    `select a.pid, a.usename as who from pg_locks l join pg_stat_activity a using (pid) where ${held} and l.granted`,
    [name],
  )
  return rows[0] ? ` (${rows[0].who}, process ${rows[0].pid} of PostgreSQL)` : ''
}
