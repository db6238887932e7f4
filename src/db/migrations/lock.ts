// SPDX-License-Identifier: MIT
// One process at a time changes the schema. The lock belongs to the connection, so it is free again whatever happens to its holder.
import { TmiError } from '../../base/errors.ts'
import { sleep } from '../../base/retry.ts'
import type { Client } from '../superuser.ts'

const lock = `hashtextextended('tmidb.migration_run', 0)`

/** Somebody else migrates, and did not end in time. */
export class Busy extends TmiError {}

/**
 * Asks again and again instead of waiting inside PostgreSQL: a query that waits keeps its snapshot, and "create index concurrently" of
 * the one who holds the lock would wait for that for ever.
 */
export async function takeLock(client: Client, waitMs: number, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  for (const end = Date.now() + waitMs, told = { once: false }; ; await sleep(100, signal)) {
    signal.throwIfAborted()
    const { rows } = await client.query<{ mine: boolean }>(`select pg_try_advisory_lock(${lock}) as mine`)
    if (rows[0]?.mine) return
    if (!told.once) {
      told.once = true
      say(`Another migration runs${await holder(client)}; waiting up to ${Math.ceil(waitMs / 1000)} s for it to end.`)
    }
    if (Date.now() >= end) {
      throw new Busy('TM401', `Another migration still runs${await holder(client)}.`, {
        hint: 'Nothing was changed. Try again when it has ended, or wait longer: --wait 600.',
      })
    }
  }
}

async function holder(client: Client): Promise<string> {
  const { rows } = await client.query<{ pid: number; who: string }>(
    `select a.pid, a.usename as who from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.database = (select oid from pg_database where datname = current_database())
       and (l.classid::bigint << 32 | l.objid::bigint) = ${lock}`,
  )
  return rows[0] ? ` (${rows[0].who}, process ${rows[0].pid} of PostgreSQL)` : ''
}
