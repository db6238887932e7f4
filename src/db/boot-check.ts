// SPDX-License-Identifier: MIT
// A PostgreSQL that answers before the data is on the disk is found out at every start. fsync and full_page_writes are the
// server's; synchronous_commit may also be switched off for a database, a login or a connection, so every login of ours is asked
// what it sees itself.
import type { Doubt } from '../base/doubt.ts'
import { TmiError } from '../base/errors.ts'
import { withClient } from './superuser.ts'

const oldest = 15

/** What is wrong with this server; url is a superuser's. */
export async function doubtsAboutPostgres(url: string): Promise<Doubt[]> {
  const { rows } = await withClient(url, (c) =>
    c.query<{ version: string; super: boolean }>(
      `select current_setting('server_version_num') as version,
         (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as super`,
    ),
  )
  const found = rows[0]
  if (!found) return []
  refuseOldPostgres(Number(found.version))
  if (!found.super)
    throw new TmiError('TM501', 'The login in TMIDB_PG_URL may not create roles.', { hint: 'Give the URL of a superuser.' })
  return [...(await doubtsAboutSettings(url)), ...(await doubtsAboutLogin(url))]
}

/** What is wrong with the settings of the server itself; any login may ask. */
export async function doubtsAboutSettings(url: string): Promise<Doubt[]> {
  const { rows } = await withClient(url, (c) =>
    c.query<{ retry: string; fsync: string; pages: string }>(
      `select current_setting('fsync') as fsync, current_setting('full_page_writes') as pages,
         current_setting('data_sync_retry') as retry`,
    ),
  )
  const [found] = rows
  if (!found) return []
  const doubts: Doubt[] = []
  const off = (setting: string, value = 'off', right = 'on'): void => {
    const cure = `Set ${setting} = ${right} in postgresql.conf and reload PostgreSQL.`
    doubts.push({ what: `PostgreSQL has ${setting} ${value}`, cure })
  }
  if (found.fsync !== 'on') off('fsync')
  if (found.pages !== 'on') off('full_page_writes')
  // After an fsync that failed, the next may succeed although the pages are gone: PostgreSQL has to stop and recover instead.
  if (found.retry !== 'off') off('data_sync_retry', 'on', 'off')
  return doubts
}

export function refuseOldPostgres(versionNumber: number): void {
  const major = Math.floor(versionNumber / 10_000)
  if (major < oldest) throw new TmiError('TM501', `PostgreSQL ${major} is too old: ${oldest} or newer is needed.`)
}

/** What each of our logins sees in our database, and tables that a crash would empty, except the counts of a minute's requests; url is a superuser's. */
export async function doubtsAboutDatabase(url: string, logins: string[]): Promise<Doubt[]> {
  const { rows } = await withClient(url, (c) =>
    c.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relpersistence = 'u' and c.relkind = 'r' and n.nspname in ('tmidb', 'graphile_worker')
         and c.oid <> 'tmidb.rate_count'::regclass order by 1`,
    ),
  )
  const unlogged = rows.map(({ name }) => ({
    what: `PostgreSQL keeps the table ${name} unlogged`,
    cure: `Run: alter table ${name} set logged;`,
  }))
  return [...(await Promise.all(logins.map(doubtsAboutLogin))).flat(), ...unlogged]
}

/** Where a setting comes from, as pg_settings says it, and how to take it back. */
const sources: Record<string, (login: string, database: string) => { by: string; cure: string }> = {
  user: (login) => ({ by: ` for ${login}`, cure: `Run: alter role ${login} reset synchronous_commit;` }),
  database: (_, database) => ({
    by: ` for the database ${database}`,
    cure: `Run: alter database ${database} reset synchronous_commit;`,
  }),
  'database user': (login, database) => ({
    by: ` for ${login} in the database ${database}`,
    cure: `Run: alter role ${login} in database ${database} reset synchronous_commit;`,
  }),
  client: () => ({ by: ' in the options of TMIDB_PG_URL', cure: 'Take synchronous_commit out of TMIDB_PG_URL.' }),
}

async function doubtsAboutLogin(url: string): Promise<Doubt[]> {
  const { rows } = await withClient(url, (c) =>
    c.query<{ source: string; login: string; database: string }>(
      `select source, quote_ident(session_user) as login, quote_ident(current_database()) as database
       from pg_settings where name = 'synchronous_commit' and setting = 'off'`,
    ),
  )
  return rows.map(({ source, login, database }) => {
    const from = sources[source]?.(login, database)
    return {
      what: `PostgreSQL has synchronous_commit off${from?.by ?? ''}`,
      cure: from?.cure ?? 'Set synchronous_commit = on in postgresql.conf and reload PostgreSQL.',
    }
  })
}
