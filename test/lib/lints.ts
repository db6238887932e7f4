// SPDX-License-Identifier: MIT
// A database to hold the rules of db/lint against.
import { type TestDatabase, testDatabase } from './postgres.ts'

/** Roles belong to the whole server, so the login is named after its process. */
export const lintLogin = `lint_${process.pid}`

/** A database with what only grows while it is used: categories of two majors, their views, chunks of all widths, a listener's login. */
export async function lintedDatabase(): Promise<TestDatabase> {
  const db = await testDatabase()
  await db.query(`
    select tmidb.create_listener('${lintLogin}');
    select tmidb.create_login('listener', '${lintLogin}', 'lint-password');
    select tmidb.ingest('sensor', 'truck-17', '{"temperature": 21.5, "status": "ok", "lat": 1, "lon": 2}');
    select tmidb.ingest('sensor', 'truck-17', '{"temperature": "warm"}');
    select tmidb.ingest('log', 'truck-17', '{"한글": true, "nested": {"a": 1}, "target": "x"}');
    select tmidb.make_chunk(now() - interval '3 months'), tmidb.make_chunk(now() - interval '10 years');
    select tmidb.publish_views()`)
  return {
    ...db,
    async [Symbol.asyncDispose]() {
      await db.query(`drop role ${lintLogin}`)
      await db[Symbol.asyncDispose]()
    },
  }
}
