// SPDX-License-Identifier: MIT
// The long form of test/walk/kill.test.ts: node bench/kill.ts --kills 500 --readings 1000000 --seed 7 --rate 400 --json. The supervisor
// itself is killed too, one time in 25, and started again as an operator would. It prints what it found; nothing fails on a figure.
//   --kills N      processes killed, one every 3 to 8 s (40)          --readings N   at least so many readings (1,500 a kill)
//   --rate N       readings a second until the kills are over (so that both end together)
//   --seed N       the same chances again                             --every A-B    seconds between kills (3-8)
//   --keep         leave the data folder and the books                --json         the report as JSON
import { parseArgs } from 'node:util'
import { sleep } from '../src/base/retry.ts'
import { kill } from '../src/supervisor/process.ts'
import { readState } from '../src/supervisor/state.ts'
import { adminQuery } from '../test/lib/admin.ts'
import { type Instance, instanceEnv, removeData, startInstance } from '../test/lib/instance.ts'
import { killAtRandom, recoveries } from '../test/lib/killer.ts'
import { allStored, compare, startProducers } from '../test/lib/producers.ts'
import { seeded, seedOf } from '../test/lib/random.ts'
import { everyWay } from '../test/lib/senders.ts'

const { values: flags } = parseArgs({
  options: {
    kills: { type: 'string', default: '40' },
    readings: { type: 'string' },
    rate: { type: 'string' },
    seed: { type: 'string' },
    every: { type: 'string', default: '3-8' },
    supervisor: { type: 'string', default: '0.04' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const kills = Number(flags.kills)
const readings = Number(flags.readings ?? kills * 1500)
const [from = 3, to = 8] = flags.every.split('-').map(Number)
const perSecond = Number(flags.rate ?? readings / ((kills * (from + to)) / 2))
const seed = seedOf(flags.seed)
const category = 'kill'
const say = (line: string): void => void process.stderr.write(`${line}\n`)
say(`seed ${seed}: ${kills} kills, ${readings} readings, ${Math.round(perSecond)}/s`)

const env = await instanceEnv()
let instance: Instance = await startInstance({ env, keepData: true })
const { connection } = instance
const query = adminQuery(connection.postgres)
const started = Date.now()
const limitMs = (kills * to + readings / perSecond) * 2000 + 600_000
const producers = startProducers(connection, { readings, perSecond, category, ways: everyWay, limitMs })

/** kill -9, and again "tmictl start" until it does: what it left behind may still hold the ports for some seconds. */
async function killSupervisor(): Promise<void> {
  const pid = readState(instance.dataDir)?.pid
  if (!pid) return
  kill(pid, 'SIGKILL')
  for (const end = Date.now() + 120_000; ; await sleep(1000)) {
    try {
      instance = await startInstance({ env, keepData: true })
      return
    } catch (e) {
      if (Date.now() > end) throw e
    }
  }
}

const done = await killAtRandom({
  dataDir: instance.dataDir,
  postgres: connection.postgres,
  category,
  ways: producers.ways,
  kills,
  random: seeded(seed),
  everyMs: [from * 1000, to * 1000],
  stuckMs: 180_000,
  supervisor: { chance: Number(flags.supervisor), kill: killSupervisor },
  on: (k, n) => {
    if (n % 20 === 0) say(`${n} kills (${k.unit}), ${producers.progress().acknowledged} acknowledged`)
  },
}).catch((e: Error) => {
  say(`stuck: ${e.message}; data ${instance.dataDir}, books ${producers.folder}`)
  throw e
})
const progress = await producers.finish()
const complete = await allStored(progress.acknowledged, query, 300_000)
const findings = await compare(await producers.books(), category, query)
const [ledger] = await query<Record<string, number>>(
  `select sum(received)::float8 as received, sum(stored)::float8 as stored, sum(duplicate)::float8 as duplicate,
     sum(quarantined)::float8 as quarantined from tmidb.ledger`,
)
const minutes = (Date.now() - started) / 60_000
const report = { seed, kills: done.length, minutes, complete, findings, progress, ledger, recoveries: recoveries(done) }
if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
else print()

await instance.stop()
if (flags.keep) say(`data ${instance.dataDir}, books ${producers.folder}`)
else {
  await producers[Symbol.asyncDispose]()
  removeData(env)
}

function print(): void {
  const f = findings
  process.stdout.write(`${done.length} kills in ${minutes.toFixed(1)} minutes, seed ${seed}
${f.acknowledged} readings acknowledged in ${progress.messages} messages, ${progress.retries} sent again; ${f.stored} stored
lost ${f.lost} (prefix ${f.lostPrefix}, middle ${f.lostMiddle}, postfix ${f.lostPostfix}), phantom ${f.phantom}, doubled ${f.doubled}, misordered ${f.misordered}, changed ${f.changed}
ledger: ${JSON.stringify(ledger)}; refused: ${JSON.stringify(progress.refused)}

killed            times   stored again by every way: p50     p95     max ms   max alone   p95 until the first
`)
  for (const r of recoveries(done)) {
    const cells = [r.kills, r.p50, r.p95, r.max, r.maxAlone, r.first].map((n, i) =>
      String(n).padStart([5, 33, 7, 7, 14, 18][i] ?? 8),
    )
    process.stdout.write(`${r.unit.padEnd(18)}${cells.join(' ')}\n`)
  }
}
