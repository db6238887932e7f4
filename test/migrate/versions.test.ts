// SPDX-License-Identifier: MIT
// What an upgrade makes of versions that are there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { history, migrate, migrateDown } from '../../src/db/migrate.ts'
import { testDatabase } from '../lib/postgres.ts'

test('versions that were made before differences were kept get theirs, and a renamed view survives the way down and up', async () => {
  await using old = await testDatabase()
  await old.query(
    `select tmidb.ingest('a', 't', p::jsonb) from unnest(array['{"a": 1}', '{"a": 1.5, "b": 1}', '{"a": "x"}', '{"a": 1, "c": true}', '{"b": []}']) p`,
  )
  await old.query(`select tmidb.ingest('b', 't', '{"a": 1}')`)
  await old.query(`select tmidb.rename_field('b', 'a', 'alpha')`)
  await old.query('select tmidb.publish_views()')
  const told = () =>
    old.query(
      `select major, minor, compatibility, diff from tmidb.schema_version join tmidb.category using (category_id) where name = 'a' order by 1, 2`,
    )
  const before = await told()
  assert.equal(before.length, 6)
  const steps = await history({ superuserUrl: old.superUrl })
  await migrateDown({ superuserUrl: old.superUrl }, steps.length - steps.findIndex((s) => s.name === '0011_versions'))
  await migrate({ superuserUrl: old.superUrl })
  assert.deepEqual(await told(), before)
  assert.deepEqual(await old.query('select a, alpha from api.b_v1'), [{ a: 1, alpha: 1 }])
})
