// SPDX-License-Identifier: MIT
// Connections to PostgreSQL, and the one way to read as somebody.
import pg from 'pg'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import { oneTrip } from './one-trip.ts'

export type Pool = pg.Pool
export type QueryResult<T extends pg.QueryResultRow> = pg.QueryResult<T>

export type RequestRole = 'tmidb_anonymous' | 'tmidb_speaker' | 'tmidb_listener' | 'tmidb_viewer' | 'tmidb_editor' | 'tmidb_admin'

/** What SQL is told about the one who asks; read there by tmidb.identity(). */
export interface Claims {
  role: RequestRole
  listener_id?: string
  speaker_id?: string
  name?: string
}

export interface Statement {
  text: string
  values?: unknown[]
  /** Prepared under this name, once a connection. */
  name?: string
}

export function openPool(url: string, options: { max: number; application: string }): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    application_name: `tmiDB-${options.application}`,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    // What prints a time prints it the same for everybody.
    options: '-c TimeZone=UTC',
  })
  // An idle connection that breaks is thrown away by the pool; the next query opens another.
  pool.on('error', (e) => observe({ kind: 'log', level: 'warn', message: `idle connection lost: ${e.message}` }))
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** A unit that starts while PostgreSQL is away waits for it instead of failing. */
export async function whenReachable(url: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 })
    client.on('error', () => {})
    try {
      await client.connect()
      return
    } catch (e) {
      if (attempt % 20 === 0)
        observe({ kind: 'log', level: 'warn', message: `PostgreSQL is not there yet: ${(e as Error).message}` })
      await sleep(250, signal)
    } finally {
      await client.end().catch(() => {})
    }
  }
}

const beforehand = {
  name: 'tmidb_claims',
  text: `select set_config('role', $1, true), set_config('tmidb.claims', $2, true), set_config('statement_timeout', $3, true),
    set_config('transaction_read_only', $4, true)`,
}

/** Runs one statement read-only under somebody's role and claims, in one round trip. */
export async function readAs<T extends pg.QueryResultRow>(
  pool: Pool,
  claims: Claims,
  statement: Statement,
  timeoutMs = 3000,
): Promise<pg.QueryResult<T>> {
  return await runAs<T>(pool, { role: claims.role, claims: JSON.stringify(claims), timeoutMs, readOnly: true }, statement)
}

export interface As {
  role: string
  /** JSON for tmidb.identity(). */
  claims: string
  timeoutMs: number
  readOnly: boolean
}

/** Runs one statement as a transaction of its own under a role and claims. */
export async function runAs<T extends pg.QueryResultRow>(
  pool: Pool,
  { role, claims, timeoutMs, readOnly }: As,
  statement: Statement,
  rowMode?: 'array',
): Promise<pg.QueryResult<T>> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    const before = { ...beforehand, values: [role, claims, String(timeoutMs), readOnly ? 'on' : 'off'] }
    return await oneTrip<T>(client, before, statement, rowMode)
  } catch (e) {
    // A connection that broke midway must not go back into the pool; one that only refused the statement may.
    if (!isServerError(e)) broken = e as Error
    throw e
  } finally {
    client.release(broken)
  }
}

function isServerError(e: unknown): boolean {
  const code = (e as { code?: unknown }).code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('57P') && !code.startsWith('08')
}
