// SPDX-License-Identifier: MIT
import { test } from 'node:test'
import { testDatabase } from '../lib/postgres.ts'
test('x', async () => {
  await using db = await testDatabase()
  console.log(await db.query(`select tmidb.open_account('kim', null, 'admin', 'Kim@example.com')`), await db.query('select * from tmidb.accounts()'), await db.query(`select * from tmidb.take_sign_in('kim','::1')`))
})
