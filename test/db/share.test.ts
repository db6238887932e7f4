// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPool, readAs } from '../../src/db/pool.ts'
import { testDatabase } from '../lib/postgres.ts'

test('slow statements of one identity, whatever its token, leave connections to the others, and all of them are answered', async () => {
  await using db = await testDatabase()
  const pool = openPool(db.url('tmidb_api'), { max: 4, application: 'test' })
  try {
    const order: string[] = []
    const ids: Record<string, string> = { slow: '1', quick: '2', wrong: '3' }
    let token = 0
    const ask = (name: string, text: string) =>
      readAs(pool, { role: 'tmidb_viewer', account_id: ids[name] as string, token_id: String(++token), name }, { text }).then(
        () => order.push(name),
        () => order.push(`${name} failed`),
      )
    const slow = Array.from({ length: 6 }, () => ask('slow', 'select pg_sleep(0.3)'))
    await Promise.all([...slow, ask('quick', 'select 1'), ask('wrong', 'select 1/0')])
    assert.deepEqual(order.slice(0, 2).sort(), ['quick', 'wrong failed'])
    assert.deepEqual(order.slice(2), Array(6).fill('slow'))
    await ask('slow', 'select 1')
    assert.equal(order.at(-1), 'slow')
  } finally {
    await pool.end()
  }
})
