// SPDX-License-Identifier: MIT
// data-consumer, nats and postgres are killed three times each while 500 readings a second come in.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'
import { compare, startProducers } from '../lib/producers.ts'

const victims = ['data-consumer', 'nats', 'postgres']
const rounds = 3

let instance: Instance
before(async () => {
  instance = await startInstance()
})
after(async () => {
  await instance?.[Symbol.asyncDispose]()
})

test('killed processes lose nothing, double nothing, keep the order and are back within 10 s', {
  timeout: 240_000,
}, async (t) => {
  const query = adminQuery(instance.connection.postgres)
  const producers = startProducers(instance.connection, { http: 5, mqtt: 5, perSecond: 50, category: 'kill' })
  await sleep(2000)
  const recoveries: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const victim of victims) {
      const unit = (await instance.units()).find((u) => u.name === victim)
      assert.ok(unit?.pid, `${victim} runs`)
      process.kill(unit.pid, 'SIGKILL')
      const killed = performance.now()
      // Back means: something that was sent after the kill is stored.
      const sent = new Map(producers.books.map((b) => [b.target, b.attempted]))
      for (;;) {
        const rows = await query<{ target: string; n: number }>(
          `select t.key as target, max((o.payload->>'n')::int) as n from tmidb.ts_obs o join tmidb.target t using (target_id)
           where o.ts > now() - interval '1 minute' group by 1`,
        ).catch(() => [])
        if (rows.some((r) => r.n > (sent.get(r.target) ?? Number.POSITIVE_INFINITY) + 1)) break
        assert.ok(performance.now() - killed < 30_000, `nothing is stored 30 s after ${victim} was killed`)
        await sleep(100)
      }
      recoveries.push(performance.now() - killed)
      t.diagnostic(`${victim}: stored again after ${Math.round(recoveries.at(-1) as number)} ms`)
      await sleep(1500)
    }
  }
  await producers.stop()
  const acknowledged = producers.books.reduce((sum, b) => sum + b.acknowledged, 0)
  for (let i = 0; i < 200; i++) {
    const [row] = await query<{ n: number }>(`select count(*)::int as n from tmidb.ts_obs`)
    if ((row?.n ?? 0) >= acknowledged) break
    await sleep(100)
  }

  const findings = await compare(producers.books, 'kill', query)
  t.diagnostic(JSON.stringify({ ...findings, retries: producers.books.reduce((sum, b) => sum + b.retries, 0) }))
  assert.deepEqual(findings, { ...findings, lost: 0, phantom: 0, doubled: 0, misordered: 0, stored: findings.acknowledged })
  const [ledger] = await query<{ stored: number; even: boolean }>(
    'select sum(stored)::int as stored, bool_and(received = stored + duplicate + quarantined) as even from tmidb.ledger',
  )
  assert.deepEqual(ledger, { stored: findings.acknowledged, even: true })
  // Restarting is slower the more often a unit died lately; the bound is 10 s.
  assert.ok(Math.max(...recoveries) < 10_000, `the slowest recovery took ${Math.max(...recoveries)} ms`)
})
