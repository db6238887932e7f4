// SPDX-License-Identifier: MIT
// ?wait=stored through the running system.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminQuery } from '../lib/admin.ts'
import { holdDrain } from '../lib/hold-drain.ts'
import { startInstance } from '../lib/instance.ts'

test('?wait=stored answers 200 after the commit, and 202 with "stored": false when PostgreSQL takes too long', {
  timeout: 120_000,
}, async () => {
  await using instance = await startInstance()
  const { http, speaker, postgres } = instance.connection
  const query = adminQuery(postgres)
  const send = async (body: string, wait = '?wait=stored') => {
    const answer = await fetch(`${http}/api/in/sensor/truck-17${wait}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${speaker.token}`, 'content-type': 'application/json' },
      body,
    })
    return { status: answer.status, body: await answer.json() }
  }
  const count = async () => (await query<{ n: number }>('select count(*)::int as n from tmidb.ts_obs'))[0]?.n

  assert.deepEqual(await send('{"n":1}'), { status: 200, body: { accepted: 1, rejected: [], stored: true } })
  assert.equal(await count(), 1)
  const batch = await send('[{"n":2},{"n":3},7]')
  assert.equal(batch.status, 200)
  assert.deepEqual({ ...(batch.body as object), rejected: 1 }, { accepted: 2, rejected: 1, stored: true })
  assert.equal(await count(), 3)
  assert.deepEqual(await send('{"n":4}', ''), { status: 202, body: { accepted: 1, rejected: [] } })

  const drain = await holdDrain(instance)
  const late = await send('{"n":5}')
  await drain.letGo()
  assert.deepEqual(late, { status: 202, body: { accepted: 1, rejected: [], stored: false } })
  assert.deepEqual(await send('{"n":6}'), { status: 200, body: { accepted: 1, rejected: [], stored: true } })
  assert.equal(await count(), 6)
})
