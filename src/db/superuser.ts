// SPDX-License-Identifier: MIT
// The administrator's connection: for migrations, checks and the first run only. Requests never see it.
import pg from 'pg'

export type Client = pg.Client

/** One connection for the time of fn; closed whatever happens. */
export async function withClient<T>(url: string, fn: (client: Client) => Promise<T>, options: pg.ClientConfig = {}): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'tmiDB-Core', ...options })
  // A broken connection also rejects the running query; without a listener it would end the process instead.
  client.on('error', () => {})
  await client.connect()
  try {
    return await fn(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** The same server, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}

/** The same server and database, another login. */
export function withLogin(url: string, login: string, password: string): string {
  const changed = new URL(url)
  changed.username = encodeURIComponent(login)
  changed.password = encodeURIComponent(password)
  return changed.href
}

export function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres'
}

/** Creates the database of the URL when the server does not have it. */
export async function ensureDatabase(url: string): Promise<boolean> {
  const name = databaseOf(url)
  return await withClient(withDatabase(url, 'postgres'), async (client) => {
    const found = await client.query('select from pg_database where datname = $1', [name])
    if (found.rowCount) return false
    await client.query(`create database ${client.escapeIdentifier(name)}`)
    // The server is ours alone: its other databases are nobody's business.
    await client.query('revoke connect, temporary on database postgres, template1 from public')
    return true
  })
}

/** Answers as soon as the server takes queries; throws otherwise. */
export async function ping(url: string): Promise<void> {
  await withClient(url, (client) => client.query('select 1'), { connectionTimeoutMillis: 3000, query_timeout: 3000 })
}
