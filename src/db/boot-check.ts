// SPDX-License-Identifier: MIT
// A PostgreSQL that answers before the data is on the disk would make every promise of ours a lie (decision 4).
import { TmiError } from '../base/errors.ts'
import { withClient } from './superuser.ts'

const oldest = 15

/** What is wrong with this server, a sentence each. */
export async function doubtsAboutPostgres(url: string): Promise<string[]> {
  const { rows } = await withClient(url, (c) =>
    c.query<{ version: string; fsync: string; pages: string; sync: string; super: boolean }>(
      `select current_setting('server_version_num') as version, current_setting('fsync') as fsync,
         current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as sync,
         (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as super`,
    ),
  )
  const found = rows[0]
  if (!found) return []
  const major = Math.floor(Number(found.version) / 10_000)
  if (major < oldest) throw new TmiError('TM501', `PostgreSQL ${major} is too old: ${oldest} or newer is needed.`)
  if (!found.super)
    throw new TmiError('TM501', 'The login in TMIDB_PG_URL may not create roles.', { hint: 'Give the URL of a superuser.' })
  const doubts: string[] = []
  if (found.fsync !== 'on') doubts.push('PostgreSQL has fsync off')
  if (found.pages !== 'on') doubts.push('PostgreSQL has full_page_writes off')
  if (found.sync === 'off') doubts.push('PostgreSQL has synchronous_commit off')
  return doubts
}
