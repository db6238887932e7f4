// SPDX-License-Identifier: MIT
// Questions to an instance's database as its administrator, each on a connection of its own, so that a killed server is no matter.
import pg from 'pg'

export function adminQuery(url: string): <T>(text: string, values?: unknown[]) => Promise<T[]> {
  return async <T>(text: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query(text, values)
      return rows as T[]
    } finally {
      await client.end().catch(() => {})
    }
  }
}
