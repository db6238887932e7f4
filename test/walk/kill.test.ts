// SPDX-License-Identifier: MIT
// Forty processes are killed, one every 3 to 8 s, whichever chance picks, while 60,000 readings come in by every way. TMIDB_SEED
// repeats a run's chances; bench/kill.ts is the long form.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { processStart } from '../../src/supervisor/process.ts'
import { readState } from '../../src/supervisor/state.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, startInstance } from '../lib/instance.ts'
import { type Kill, killAtRandom, recoveries, victims } from '../lib/killer.ts'
import { allStored, compare, startProducers } from '../lib/producers.ts'
import { seeded, seedOf } from '../lib/random.ts'
import { everyWay } from '../lib/senders.ts'

const kills = Number(process.env.TMIDB_KILLS ?? 40)
const readings = kills * 1500

let instance: Instance
before(async () => {
  instance = await startInstance()
})
after(async () => {
  await instance?.[Symbol.asyncDispose]()
})

test('killed processes lose nothing, invent nothing, double nothing and keep the order', { timeout: 480_000 }, async (t) => {
  const seed = seedOf()
  t.diagnostic(`TMIDB_SEED=${seed}`)
  const { connection, dataDir } = instance
  const query = adminQuery(connection.postgres)
  const category = 'kill'
  const perSecond = readings / (kills * 5.5)
  await using producers = startProducers(connection, { readings, perSecond, category, ways: everyWay, limitMs: 460_000 })

  const done: Kill[] = await killAtRandom({
    dataDir,
    postgres: connection.postgres,
    category,
    ways: producers.ways,
    kills,
    random: seeded(seed),
    everyMs: [3000, 8000],
    stuckMs: 120_000,
  }).catch((e: Error) => {
    throw new Error(`${e.message}; ${JSON.stringify(readState(dataDir)?.units)}; ${logTail(dataDir)}`)
  })
  for (const r of recoveries(done)) {
    t.diagnostic(
      `${r.unit}: ${r.kills} kills, stored again by every way p50 ${r.p50} p95 ${r.p95} max ${r.max} ms, alone max ${r.maxAlone} ms`,
    )
  }

  const lap = (what: string): void => t.diagnostic(`${what} after ${(performance.now() / 1000).toFixed(1)} s`)
  lap('recovered from the last kill')
  const progress = await producers.finish()
  lap('all acknowledged')
  const books = await producers.books()
  await allStored(progress.acknowledged, query)
  lap('all stored')
  const findings = await compare(books, category, query)
  t.diagnostic(JSON.stringify({ ...findings, messages: progress.messages, retries: progress.retries }))

  assert.deepEqual(progress.refused, [], 'nothing was refused with a reason')
  assert.ok(findings.acknowledged >= readings)
  assert.deepEqual(findings, {
    attempted: findings.acknowledged,
    acknowledged: findings.acknowledged,
    stored: findings.acknowledged,
    lost: 0,
    lostPrefix: 0,
    lostMiddle: 0,
    lostPostfix: 0,
    phantom: 0,
    doubled: 0,
    misordered: 0,
    changed: 0,
  })
  const [ledger] = await query<{ stored: number; quarantined: number; even: boolean }>(
    `select sum(stored)::int as stored, sum(quarantined)::int as quarantined,
       bool_and(received = stored + duplicate + quarantined) as even from tmidb.ledger`,
  )
  assert.deepEqual(ledger, { stored: findings.acknowledged, quarantined: 0, even: true })
  assert.ok(new Set(done.map((k) => k.unit)).size === victims.length || kills < 20, 'every kind of process was killed')
})

test('afterwards one process of each kind runs, and none is left when it stops', async () => {
  const { units } = readState(instance.dataDir) ?? { units: [] }
  assert.deepEqual(units.map((u) => u.name).sort(), [...victims].sort())
  const running = units.filter((u) => u.pid !== null && processStart(u.pid) !== null)
  assert.equal(running.length, victims.length)
  const ended = await instance.stop()
  assert.equal(ended.code, 0)
  for (const { name, pid } of running) assert.equal(processStart(pid ?? 0), null, `${name} still runs`)
})

function logTail(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, 'log', 'tmidb.log'), 'utf8')
      .split('\n')
      .slice(-40)
      .join('\n')
  } catch (e) {
    return String(e)
  }
}
