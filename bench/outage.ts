// SPDX-License-Identifier: MIT
// node bench/outage.ts --minutes 10 --rate 1000: PostgreSQL is stopped for so long while readings come in, and started again. Prints
// what was received, acknowledged and lost, the most memory that each process took, and how fast the backlog was stored while
// readings went on coming. Options: --json. Nothing here fails on a figure.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import mqtt from 'mqtt'
import { sleep } from '../src/base/retry.ts'
import { ensureDatabase, ping } from '../src/db/superuser.ts'
import { preparePostgres } from '../src/supervisor/postgres.ts'
import { startUnit } from '../src/supervisor/unit.ts'
import { adminQuery } from '../test/lib/admin.ts'
import { freePort } from '../test/lib/free-port.ts'
import { instanceEnv, startInstance } from '../test/lib/instance.ts'

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
})
const minutes = Number(flags.minutes)
const rate = Number(flags.rate)
const senders = 20
const clock = (): number => performance.now()
const MB = 1024 * 1024

// A server of our own, so that no supervisor starts it again before its time.
const pgDir = mkdtempSync(join(tmpdir(), 'tmidb-outage-'))
chmodSync(pgDir, 0o755)
const pgPort = await freePort()
const cluster = await preparePostgres({ dataDir: pgDir, port: pgPort, password: 'outage', runUid: 65534, say: () => {} })
const pgUrl = `postgres://postgres:outage@127.0.0.1:${pgPort}`
async function startPostgres(): Promise<AsyncDisposable> {
  const unit = startUnit(
    {
      name: 'postgres',
      command: cluster.command,
      healthy: () => ping(`${pgUrl}/postgres`),
      stopSignal: 'SIGINT',
      stopMs: 30_000,
      startMs: 60_000,
    },
    { line() {}, event() {} },
    () => {},
  )
  await unit.ready
  return unit
}
let postgres = await startPostgres()
await ensureDatabase(`${pgUrl}/tmidb`)

const instance = await startInstance({ env: { ...(await instanceEnv()), TMIDB_PG_URL: `${pgUrl}/tmidb` } })
const { connection } = instance
const query = adminQuery(connection.postgres)

let received = 0
let acknowledged = 0
let stopping = false
/** Half by HTTP, half by MQTT; each sends its next reading when it is due, whether the one before is acknowledged or not. */
async function sender(k: number): Promise<void> {
  const device =
    k % 2 === 0
      ? null
      : await mqtt.connectAsync(connection.mqtt, { username: 'outage', password: connection.speaker.token, protocolVersion: 4 })
  const under = new Set<Promise<void>>()
  const started = clock()
  for (let n = 1; !stopping; n++) {
    const body = JSON.stringify({ ts: Date.now() * 1000 + k, n, temperature: 20 + (n % 100) / 10, status: 'ok' })
    received++
    const one = (device === null ? post(`outage-${k}`, body) : publish(device, `outage-${k}`, body)).then(() => {
      acknowledged++
    })
    under.add(one)
    void one.finally(() => under.delete(one))
    const early = started + (n * 1000 * senders) / rate - clock()
    if (early > 0) await sleep(early)
  }
  await Promise.all(under)
  await device?.endAsync()
}

/** Until it is acknowledged: the time in it makes the repeats the same reading. */
async function post(target: string, body: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${connection.http}/api/in/outage/${target}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${connection.speaker.token}`, 'content-type': 'application/json' },
      body,
    }).catch(() => null)
    await answer?.arrayBuffer().catch(() => {})
    if (answer?.status === 202) return
    await sleep(200)
  }
}

async function publish(device: mqtt.MqttClient, target: string, body: string): Promise<void> {
  await device.publishAsync(`tmi/in/outage/${target}`, body, { qos: 1 })
}

const rssMax = new Map<string, number>()
async function watchMemory(): Promise<void> {
  while (!stopping) {
    for (const { name, pid } of [
      { name: 'supervisor', pid: instance.process.pid ?? null },
      ...(await instance.units().catch(() => [])),
    ]) {
      if (pid === null) continue
      try {
        const kb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
        rssMax.set(name, Math.max(rssMax.get(name) ?? 0, kb * 1024))
      } catch {
        // It has just ended.
      }
    }
    await sleep(1000)
  }
}

const stored = async (): Promise<number> => {
  const [row] = await query<{ n: number }>('select coalesce(sum(stored), 0)::int as n from tmidb.ledger')
  return row?.n ?? 0
}

const running = Array.from({ length: senders }, (_, k) => sender(k))
const watching = watchMemory()
await sleep(3000)

const acknowledgedBefore = acknowledged
await postgres[Symbol.asyncDispose]()
await sleep(minutes * 60_000)
const acknowledgedInOutage = acknowledged - acknowledgedBefore
postgres = await startPostgres()

let before = -1
const back = clock()
while (before < 0) {
  before = await stored().catch(() => -1)
  if (before < 0) await sleep(100)
}
const reachable = clock()
const acknowledgedThen = acknowledged
while ((await stored().catch(() => 0)) < acknowledged - rate) await sleep(100)
const drained = (clock() - reachable) / 1000
const drainRate = ((await stored()) - before) / drained
const cameMeanwhile = acknowledged - acknowledgedThen
stopping = true
await Promise.all([...running, watching])
for (let i = 0; i < 300 && (await stored()) < acknowledged; i++) await sleep(100)

const result = {
  minutes,
  rate,
  received,
  acknowledged,
  acknowledgedInOutage,
  stored: await stored(),
  lost: Math.max(0, acknowledged - (await stored())),
  secondsUntilPostgres: Math.round((reachable - back) / 1000),
  secondsOfDraining: Math.round(drained * 10) / 10,
  drainPerSecond: Math.round(drainRate),
  cameMeanwhile,
  drainOverIntake: Math.round((drainRate / rate) * 10) / 10,
  mostMemoryMB: Object.fromEntries([...rssMax].map(([name, bytes]) => [name, Math.round(bytes / MB)])),
}
if (flags.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
else for (const [what, value] of Object.entries(result)) process.stdout.write(`${what.padEnd(24)} ${JSON.stringify(value)}\n`)
await instance[Symbol.asyncDispose]()
await postgres[Symbol.asyncDispose]()
rmSync(pgDir, { recursive: true, force: true })
