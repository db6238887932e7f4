// SPDX-License-Identifier: MIT
// The streams are read again from wherever PostgreSQL's cursors stand: what is stored already changes nothing, what a restored
// backup does not hold comes back.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import mqtt from 'mqtt'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, instanceEnv, removeData, startInstance } from '../lib/instance.ts'

let env: Record<string, string>
let instance: Instance
before(async () => {
  env = await instanceEnv()
  instance = await startInstance({ env, keepData: true })
})
after(async () => {
  await instance?.[Symbol.asyncDispose]()
  removeData(env)
})

const query = <T>(text: string, values?: unknown[]): Promise<T[]> => adminQuery(instance.connection.postgres)<T>(text, values)
const secret = (): string =>
  (JSON.parse(readFileSync(join(instance.dataDir, 'secrets.json'), 'utf8')) as { postgres: string }).postgres
const asOwner = <T>(text: string): Promise<T[]> =>
  adminQuery(instance.connection.postgres.replace(/\/\/[^@]+@/, `//postgres:${secret()}@`))<T>(text)

let sent = 0

/** Readings of every kind: with a time and without, with a message id and without, alone, in batches and over MQTT. */
async function send(count: number): Promise<void> {
  const { http, speaker, mqtt: url } = instance.connection
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<void> => {
    const response = await fetch(`${http}/api/in/replay${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${speaker.token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    assert.equal(response.status, 202)
  }
  const client = await mqtt.connectAsync(url, { username: 'device', password: speaker.token, protocolVersion: 4 })
  for (let i = 0; i < count; i += 6) {
    const n = sent
    const ts = new Date(Date.now() - 60_000 + n).toISOString()
    await post('/timed', { ts, n, lat: 50, lon: 8 })
    await post('/untimed', { n: n + 1 })
    await post('/named', { n: n + 2 }, { 'idempotency-key': `named ${n + 2}` })
    await post('', [
      { target: `batch-${n % 7}`, ts, n: n + 3 },
      { target: `batch-${n % 5}`, n: n + 4, text: 'x' },
    ])
    await client.publishAsync('tmi/in/replay/device', JSON.stringify({ n: n + 5 }), { qos: 1 })
    sent += 6
  }
  await client.endAsync()
}

/** What the gate cannot take and what it keeps apart: a message that is no JSON, a reading from the future. */
async function sendUnfit(): Promise<void> {
  const { speaker, mqtt: url } = instance.connection
  const client = await mqtt.connectAsync(url, { username: 'device', password: speaker.token, protocolVersion: 4 })
  await client.publishAsync('tmi/in/replay/device', 'no json', { qos: 1 })
  await client.publishAsync('tmi/in/replay/device', '{"ts":"2999-01-01T00:00:00Z","n":1}', { qos: 1 })
  await client.endAsync()
}

interface Ledger {
  stored: number
  duplicate: number
  quarantined: number
  received: number
}

async function ledger(): Promise<Ledger> {
  const [row] = await query<Ledger>(
    `select coalesce(sum(stored), 0)::int as stored, coalesce(sum(duplicate), 0)::int as duplicate,
       coalesce(sum(quarantined), 0)::int as quarantined, coalesce(sum(received), 0)::int as received from tmidb.ledger`,
  )
  return row as Ledger
}

async function until<T>(look: () => Promise<T>, is: (t: T) => boolean): Promise<T> {
  for (const end = Date.now() + 30_000; ; await sleep(100)) {
    const t = await look().catch(() => null)
    if (t !== null && is(t)) return t
    assert.ok(Date.now() < end, `still ${JSON.stringify(t)} after 30 s`)
  }
}

/** Every row with the transaction that wrote it: equal before and after only if nothing was added, removed or rewritten. */
async function rows(upTo = sent): Promise<{ n: number; hash: string }[]> {
  return await asOwner(
    `select count(*)::int as n, md5(string_agg(o::text || o.xmin || o.ctid, ',' order by target_id, category_id, ts, digest)) as hash
     from tmidb.ts_obs o where (payload->>'n')::int < ${upTo}
     union all select count(*)::int, md5(string_agg(g::text || g.xmin, ',' order by target_id, ts)) from tmidb.geo_trace g
       where ts <= (select ts from tmidb.ts_obs where payload->>'n' = '${upTo - 6}')
     union all select count(*)::int, md5(string_agg(v::text, ',' order by v::text)) from tmidb.schema_version v`,
  )
}

test('whole streams that are read again, three times, add no row and change none; the ledger counts the repeats', async () => {
  await send(300)
  const first = await until(ledger, (l) => l.stored === sent)
  assert.equal(first.duplicate, 0)
  const before = await rows()
  const all = sent
  await asOwner('update tmidb.stream_cursor set last_seq = 0')
  // A process that runs does not look where the cursor stands until it has something to store; a new one does.
  const consumer = (await instance.units()).find((u) => u.name === 'data-consumer')
  process.kill(consumer?.pid ?? 0, 'SIGKILL')
  const now = await until(ledger, (l) => l.received === 2 * all)
  assert.deepEqual(now, { ...first, received: 2 * all, duplicate: all })
  assert.deepEqual(await rows(), before)
  for (let round = 2; round <= 3; round++) {
    await asOwner('update tmidb.stream_cursor set last_seq = 0')
    await send(60)
    await until(ledger, (l) => l.stored === sent && l.duplicate >= all * round)
    assert.deepEqual(await rows(all), before)
  }
})

test('a backup that is put back gets what came after it from the streams', async () => {
  const folder = realpathSync(join(instance.dataDir, 'postgres'))
  const content = () =>
    query<{ hash: string; n: number }>(
      `select count(*)::int as n, md5(string_agg(t.key || o.category_id || o.ts || o.digest || o.payload, ',' order by t.key, o.ts, o.digest)) as hash
       from tmidb.ts_obs o join tmidb.target t using (target_id)`,
    )
  const order = () =>
    query<{ n: number[] }>(
      `select array_agg((payload->>'n')::int order by position) as n from tmidb.ts_obs o join tmidb.target t using (target_id)
       where t.key in ('timed', 'untimed', 'named', 'device') group by t.key order by t.key`,
    )
  await instance.stop()
  execFileSync('cp', ['-a', folder, `${folder}.backup`])
  instance = await startInstance({ env, keepData: true })
  await send(120)
  await until(ledger, (l) => l.stored === sent)
  const [whole, ordered] = [await content(), await order()]

  await instance.stop()
  rmSync(folder, { recursive: true })
  execFileSync('cp', ['-a', `${folder}.backup`, folder])
  rmSync(`${folder}.backup`, { recursive: true })
  instance = await startInstance({ env, keepData: true })
  await until(ledger, (l) => l.stored === sent)
  assert.deepEqual(await content(), whole)
  assert.deepEqual(await order(), ordered)
  for (const { n } of ordered)
    assert.deepEqual(
      n,
      n.toSorted((a, b) => a - b),
    )
})

test('what was kept apart is kept once, too', async () => {
  const kept = () => query<{ n: number }>('select count(*)::int as n from tmidb.raw_bucket').then((r) => r[0]?.n ?? 0)
  const before = await ledger()
  await sendUnfit()
  await until(ledger, (l) => l.quarantined === before.quarantined + 2)
  const [count, { received }] = [await kept(), await ledger()]
  await asOwner('update tmidb.stream_cursor set last_seq = 0')
  await send(6)
  await until(ledger, (l) => l.received > received + 6 + sent / 2)
  await sleep(500)
  assert.equal(await kept(), count)
})
