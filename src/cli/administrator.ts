// SPDX-License-Identifier: MIT
// Commands that ask the database: as the administrator of connection.json, or as the login of --postgres.

import { loadConfig } from '../base/config.ts'
import { fromPg, TmiError } from '../base/errors.ts'
import { type Client, withClient } from '../db/superuser.ts'
import { connectionFile, read } from '../supervisor/connection.ts'

export type Ask = <T>(sql: string, values?: unknown[]) => Promise<T[]>

/** Calls fn with a connection; what goes wrong in the database comes out as our own errors. */
export async function withDatabase<T>(url: string | undefined, fn: (ask: Ask) => Promise<T>): Promise<T> {
  return await withClientOf(
    url ?? administratorUrl(),
    async (client) => await fn(async <R>(sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows as R[]),
  )
}

/** The same with a client, for what takes more than a question. */
export async function withClientOf<T>(url: string, fn: (client: Client) => Promise<T>): Promise<T> {
  return await inOurWords(() => withClient(url, fn, { connectionTimeoutMillis: 5000, application_name: 'tmiDB-tmictl' }))
}

/** What the database refuses as an error of ours. */
export async function inOurWords<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return await fn()
  } catch (e) {
    if (e instanceof TmiError) throw e
    if ((e as { code?: string }).code === '42501')
      throw new TmiError('TM102', 'This login may not do that.', { hint: 'Ask an administrator.', cause: e })
    const known = fromPg(e)
    if (known.code === 'TM401')
      throw new TmiError('TM401', 'PostgreSQL does not answer.', { hint: 'Is tmiDB running? See "tmictl status".' })
    // A value that PostgreSQL cannot take is the caller's, whatever else is ours.
    const { code, message } = e as { code?: string; message?: string }
    if (known.code === 'TM500' && code?.startsWith('22'))
      throw new TmiError('TM303', `This value cannot be used: ${message}.`, { cause: e })
    throw known.code === 'TM500' ? e : known
  }
}

export function administratorUrl(): string {
  const file = connectionFile(loadConfig().dataDir)
  const connection = read(file)
  if (!connection) throw new TmiError('TM401', `There is no ${file}.`, { hint: 'Start tmiDB first, or set TMIDB_DATA.' })
  return connection.postgres
}
