// SPDX-License-Identifier: MIT
// Writes db/snapshot.sql from a freshly migrated database; --check only compares and exits 1 on a difference.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { snapshot } from '../src/db/snapshot.ts'
import { withClient } from '../src/db/superuser.ts'
import { testDatabase } from '../test/lib/postgres.ts'

const file = join(import.meta.dirname, '..', 'db', 'snapshot.sql')
await using db = await testDatabase()
const made = await withClient(db.superUrl, snapshot)
if (!process.argv.includes('--check')) writeFileSync(file, made)
else if (!existsSync(file) || readFileSync(file, 'utf8') !== made) {
  console.error('db/snapshot.sql is not current: run "npm run snapshot" and read its diff.')
  process.exitCode = 1
}
