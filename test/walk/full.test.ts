// SPDX-License-Identifier: MIT
// No room: streams that fill while nothing is stored, and a disk that is full. What is refused is told so, what was acknowledged is
// stored, and with the room the intake comes back by itself.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import mqtt from 'mqtt'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { holdDrain } from '../lib/hold-drain.ts'
import { type Instance, instanceEnv, removeData, startInstance } from '../lib/instance.ts'

interface Crowd {
  acknowledged: Set<string>
  /** How often each status or code was the answer. */
  answers: Map<string, number>
  stop(): Promise<void>
}

/** Senders of one reading at a time, which go on whatever they are answered. */
function crowd({ connection }: Instance, senders: number, padding: number): Crowd {
  const acknowledged = new Set<string>()
  const answers = new Map<string, number>()
  let stopped = false
  const send = async (k: number): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const body = JSON.stringify({ ts: new Date().toISOString(), k, n, padding: 'x'.repeat(padding) })
      const answer = await fetch(`${connection.http}/api/in/full/t-${k}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${connection.speaker.token}`, 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(20_000),
      }).catch(() => null)
      const { code } = ((await answer?.json().catch(() => null)) ?? {}) as { code?: string }
      const said =
        answer === null ? 'nothing' : `${answer.status} ${code ?? ''} ${answer.headers.get('retry-after') ?? ''}`.trim()
      answers.set(said, (answers.get(said) ?? 0) + 1)
      if (answer?.status === 202) acknowledged.add(`${k}:${n}`)
      await sleep(answer?.status === 202 ? 2 : 100)
    }
  }
  const running = Array.from({ length: senders }, (_, k) => send(k))
  return {
    acknowledged,
    answers,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

async function until(what: string, ms: number, is: () => boolean | Promise<boolean>): Promise<number> {
  const started = performance.now()
  while (!(await is())) {
    assert.ok(performance.now() - started < ms, `${what} within ${ms} ms`)
    await sleep(50)
  }
  return Math.round(performance.now() - started)
}

async function lost(instance: Instance, acknowledged: Set<string>): Promise<number> {
  const query = adminQuery(instance.connection.postgres)
  const stored = async (): Promise<Set<string>> => {
    const rows = await query<{ id: string }>(
      `select (o.payload->>'k') || ':' || (o.payload->>'n') as id from tmidb.ts_obs o join tmidb.category c using (category_id) where c.name = 'full'`,
    )
    return new Set(rows.map((r) => r.id))
  }
  let left = acknowledged
  for (let i = 0; i < 100 && left.size > 0; i++) {
    const there = await stored().catch(() => new Set<string>())
    left = new Set([...left].filter((id) => !there.has(id)))
    if (left.size > 0) await sleep(200)
  }
  return left.size
}

test('full streams: 429 TM400 for HTTP, MQTT waits without PUBACK, and with room again everything acknowledged is stored', {
  timeout: 180_000,
}, async (t) => {
  const env = { ...(await instanceEnv()), TMIDB_STREAM_MAX_BYTES: String(16 * 2 ** 20) }
  await using instance = await startInstance({ env })
  const senders = crowd(instance, 8, 20_000)
  await until('the first is acknowledged', 10_000, () => senders.acknowledged.size > 0)
  const client = await mqtt.connectAsync(instance.connection.mqtt, { username: 'd', password: instance.connection.speaker.token })
  const drain = await holdDrain(instance)
  try {
    const filled = await until('senders are refused', 30_000, () => senders.answers.has('429 TM400 1'))
    t.diagnostic(`refused after ${filled} ms, ${senders.acknowledged.size} acknowledged`)
    // Each process judges for itself: a device may fill what the other has left below the nine tenths, then it waits.
    let pubacked = 0
    let isReleased = false
    const device = (async () => {
      while (!isReleased) {
        const body = { k: 'm', n: pubacked, ts: new Date().toISOString(), padding: 'x'.repeat(20_000) }
        await client.publishAsync('tmi/in/full/device', JSON.stringify(body), { qos: 1 })
        senders.acknowledged.add(`m:${pubacked++}`)
      }
    })()
    for (let before = -1; before !== pubacked; ) {
      before = pubacked
      await sleep(2500)
    }
    t.diagnostic(`the device waits after ${pubacked} PUBACKs`)
    assert.ok(pubacked < 100)
    assert.ok(client.connected, 'the device is not closed')
    isReleased = true
    const before = senders.acknowledged.size
    await drain.letGo()
    const back = await until('senders are taken again', 30_000, () => senders.acknowledged.size > before + 20)
    t.diagnostic(`taken again after ${back} ms`)
    await device
  } finally {
    await drain.letGo()
    await senders.stop()
    await client.endAsync(true)
  }
  assert.equal(await lost(instance, senders.acknowledged), 0)
  assert.deepEqual([...senders.answers.keys()].sort(), ['202', '429 TM400 1'])
})

const mountable = canMount()

test('a disk that runs full: 503 TM402 before the end, nothing acknowledged is lost at the end, back by itself within 30 s of new room', {
  timeout: 240_000,
  skip: mountable === null ? false : `a small disk cannot be mounted here: ${mountable}`,
}, async (t) => {
  const env: Record<string, string> = { ...(await instanceEnv()), TMIDB_MIN_FREE: String(16 * 2 ** 20) }
  const disk = join(env.TMIDB_DATA as string, 'nats')
  const ballast = join(disk, 'ballast')
  const free = (): number => {
    const { bavail, bsize } = statfsSync(disk)
    return bavail * bsize
  }
  const leave = (bytes: number): void => writeFileSync(ballast, Buffer.alloc(Math.max(0, free() - bytes)))
  await startInstance({ env, keepData: true }).then((i) => i.stop())
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk])
  try {
    // Early: the ways in close while there is still room.
    {
      await using instance = await startInstance({ env, keepData: true })
      const senders = crowd(instance, 8, 1000)
      await until('the first is acknowledged', 10_000, () => senders.acknowledged.size > 100)
      leave(12 * 2 ** 20)
      const closed = await until('senders are refused', 10_000, () => senders.answers.has('503 TM402 1'))
      await sleep(1000)
      const before = senders.acknowledged.size
      await sleep(1000)
      assert.equal(senders.acknowledged.size, before, 'all are refused')
      assert.ok(free() > 8 * 2 ** 20)
      rmSync(ballast)
      const back = await until('senders are taken again', 10_000, () => senders.acknowledged.size > before + 20)
      t.diagnostic(`closed after ${closed} ms, open again after ${back} ms`)
      await senders.stop()
      assert.equal(await lost(instance, senders.acknowledged), 0)
    }
    // By force: nothing watches, and a write of JetStream fails.
    {
      await using instance = await startInstance({ env: { ...env, TMIDB_MIN_FREE: '0' }, keepData: true })
      const senders = crowd(instance, 8, 1000)
      await until('the first is acknowledged', 10_000, () => senders.acknowledged.size > 100)
      leave(256 * 1024)
      await until('the disk is full', 60_000, () => free() === 0)
      await sleep(20_000) // Longer than an unhealthy unit is left alone.
      const before = senders.acknowledged.size
      rmSync(ballast)
      const back = await until('senders are taken again', 30_000, () => senders.acknowledged.size > before + 20)
      t.diagnostic(`after a full disk taken again after ${back} ms; ${JSON.stringify([...senders.answers])}`)
      await senders.stop()
      assert.equal(await lost(instance, senders.acknowledged), 0)
    }
  } finally {
    execFileSync('umount', [disk])
    removeData(env)
  }
})

/** Why not; null: yes. */
function canMount(): string | null {
  const folder = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' })
    execFileSync('umount', [folder])
    return null
  } catch (e) {
    return String((e as { stderr?: Buffer }).stderr ?? e).trim()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
