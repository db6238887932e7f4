// SPDX-License-Identifier: MIT
// PostgreSQL answers, and nothing is stored: a lock on the shards' rows keeps the drain out until it is let go.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { Instance } from './instance.ts'

export async function holdDrain({ connection, dataDir }: Instance): Promise<{ letGo(): Promise<void> }> {
  const { postgres } = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')) as { postgres: string }
  const url = new URL(connection.postgres)
  url.username = 'postgres'
  url.password = postgres
  const client = new pg.Client({ connectionString: url.href })
  client.on('error', () => {})
  await client.connect()
  await client.query('begin; lock table tmidb.ingest_cursor in exclusive mode')
  return { letGo: () => client.end() }
}
