// SPDX-License-Identifier: MIT
// The shard of a target is defined twice, here and in tmidb.shard_of; both must say the same for every key.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { shardCount, shardOf } from '../../src/nats-bridge/shard.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())

/** What can be a target: not empty, well-formed, without U+0000. */
const keys = fc.array(
  fc
    .oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'grapheme', minLength: 1 }))
    .map((k) => k.replaceAll('\0', '0')),
  { minLength: 50, maxLength: 200 },
)

test('TypeScript and SQL put every key into the same shard', async () => {
  await fc.assert(
    fc.asyncProperty(keys, async (list) => {
      const rows = await db.query<{ shard: number }>(
        'select tmidb.shard_of(k) as shard from unnest($1::text[]) with ordinality u(k, o) order by o',
        [list],
      )
      assert.deepEqual(
        rows.map((r) => r.shard),
        list.map(shardOf),
      )
    }),
    { numRuns: 20 },
  )
})

test('keys spread over all eight shards', () => {
  const counts = new Array<number>(shardCount).fill(0)
  for (let i = 0; i < 8000; i++) counts[shardOf(`truck-${i}`)]!++
  assert.ok(Math.min(...counts) > 800, `${counts}`)
})
