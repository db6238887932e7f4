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

/** All of it or nothing: what fails in the middle leaves nothing behind. */
export async function allOrNothing<T>(ask: Ask, fn: () => Promise<T>): Promise<T> {
  await ask('begin')
  try {
    const done = await fn()
    await ask('commit')
    return done
  } catch (e) {
    // The connection may be what failed; then PostgreSQL takes it back by itself.
    await ask('rollback').catch(() => {})
    throw e
  }
}

/** The same with a client, for what takes more than a question. */
export async function withClientOf<T>(url: string, fn: (client: Client) => Promise<T>): Promise<T> {
  // pg takes any word for a host of its own choice.
  if (!/^(postgres(ql)?:|socket:|\/)/.test(url))
    throw new TmiError('TM401', 'This is not the URL of a database.', { hint: urlForm })
  return await inOurWords(() => withClient(url, fn, { connectionTimeoutMillis: 5000, application_name: 'tmiDB-tmictl' }))
}

/** What node says of an address at which there is nothing. */
const nowhere = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT', 'EACCES'])

/** What the database refuses as an error of ours. */
export async function inOurWords<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return await fn()
  } catch (e) {
    if (e instanceof TmiError) throw e
    const { code = '', message = '', hint, syscall, severity } = e as PgError
    if (code === '42501') throw new TmiError('TM102', 'This login may not do that.', { hint: 'Ask an administrator.', cause: e })
    if (code.startsWith('28'))
      throw new TmiError('TM109', `PostgreSQL does not let this login in: ${message}.`, { hint: urlForm, cause: e })
    if (code === '3D000' || (syscall !== undefined && nowhere.has(code)))
      throw new TmiError('TM401', `There is no such database: ${message}.`, { hint: urlForm, cause: e })
    if (code === 'ERR_INVALID_URL') throw new TmiError('TM401', 'This is not the URL of a database.', { hint: urlForm, cause: e })
    const known = fromPg(e)
    if (known.code === 'TM401')
      throw new TmiError('TM401', 'PostgreSQL does not answer.', { hint: 'Is tmiDB running? See "tmictl status".' })
    // A value that PostgreSQL cannot take is the caller's, whatever else is ours.
    if (known.code === 'TM500' && (code.startsWith('22') || code.startsWith('23')))
      throw new TmiError('TM303', `This value cannot be used: ${message} (SQLSTATE ${code}).`, {
        ...(hint ? { hint } : {}),
        cause: e,
      })
    if (known.code === 'TM500' && severity !== undefined)
      throw new TmiError('TM500', `PostgreSQL refuses this: ${message} (SQLSTATE ${code}).`, { hint: hint ?? '', cause: e })
    throw known.code === 'TM500' ? e : known
  }
}

interface PgError {
  code?: string
  message?: string
  hint?: string
  /** Of node's own errors. */
  syscall?: string
  /** Of what a server said. */
  severity?: string
}

const urlForm = 'Say it as postgres://user:password@host:port/database.'

export function administratorUrl(): string {
  const file = connectionFile(loadConfig().dataDir)
  const connection = read(file)
  if (!connection) throw new TmiError('TM401', `There is no ${file}.`, { hint: 'Start tmiDB first, or set TMIDB_DATA.' })
  return connection.postgres
}
