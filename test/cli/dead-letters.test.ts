// SPDX-License-Identifier: MIT
// tmictl dead-letters and status beside a running instance, with what devices really send.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import mqtt from 'mqtt'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, run, startInstance } from '../lib/instance.ts'
import { until } from '../walk/doors.ts'

let instance: Instance
let query: ReturnType<typeof adminQuery>
let device: mqtt.MqttClient
before(async () => {
  instance = await startInstance()
  query = adminQuery(instance.connection.postgres)
  device = await mqtt.connectAsync(instance.connection.mqtt, { username: 'd', password: instance.connection.speaker.token })
})
after(async () => {
  await device?.endAsync(true)
  await instance?.[Symbol.asyncDispose]()
})

const letters = (...args: string[]) => run(['dead-letters', ...args], instance.env)
const json = async <T>(...args: string[]) => {
  const { code, stdout, stderr } = await letters(...args, '--json')
  return { code, stderr, said: (stdout === '' ? null : JSON.parse(stdout)) as T }
}

interface List {
  total: number
  letters: { raw_id: number; reason: string; category: string; target: string; preview: string; attempts: number }[]
}

/** Sends what is acknowledged and refused, and waits until it is kept. */
async function refuse(...payloads: string[]): Promise<number[]> {
  const [before] = await query<{ id: string }>('select coalesce(max(raw_id), 0) as id from tmidb.raw_bucket')
  for (const payload of payloads) await device.publishAsync('tmi/in/sensor/truck-1', payload, { qos: 1 })
  return await until('kept', async () => {
    const rows = await query<{ raw_id: string }>('select raw_id from tmidb.raw_bucket where raw_id > $1 order by 1', [before?.id])
    return rows.length === payloads.length ? rows.map((r) => Number(r.raw_id)) : null
  })
}

test('a broken message from a device is found, shown, repaired and replayed', async () => {
  const [id = 0] = await refuse('{"ts": "2026-01-02T03:04:05Z", "temperature": 21.5')
  const { said: list } = await json<List>('list', '--reason', 'TM201', '--since', '1h')
  assert.deepEqual(list.letters.map((l) => [l.raw_id, l.category, l.target, l.attempts]), [[id, 'sensor', 'truck-1', 0]]) // biome-ignore format: a list
  const failed = await json<{ replayed: number; failed: number }>('replay', String(id))
  assert.equal(failed.code, 7)
  assert.deepEqual([failed.said.replayed, failed.said.failed], [0, 1])
  const shown = await letters('show', String(id))
  assert.match(
    shown.stdout,
    /reason +TM201\n[\s\S]*attempts +1\n[\s\S]*raw +\{"ts": "2026-01-02T03:04:05Z", "temperature": 21\.5\n/,
  )
  const edited = await json<{ edited: string[] }>(
    'edit',
    String(id),
    '--raw',
    '{"ts": "2026-01-02T03:04:05Z", "temperature": 21.5}',
  )
  assert.deepEqual(edited.said.edited, ['raw'])
  const replayed = await letters('replay', String(id))
  assert.equal(replayed.code, 0, replayed.stderr)
  assert.match(replayed.stdout, /^1 replayed: 1 readings stored, 0 were there before; 0 failed again\.$/m)
  const rows = await query(
    `select ts = '2026-01-02T03:04:05Z' as own, coalesce(payload, tmidb.unpack(version_id, compact)) as payload from tmidb.ts_obs`,
  )
  assert.deepEqual(rows, [{ own: true, payload: { temperature: 21.5 } }])
  assert.equal((await letters('replay', String(id))).code, 3)
  assert.equal((await letters('show', String(id))).code, 3)
})

test('many are replayed by filter, and what still fails is told', async () => {
  await refuse(...Array.from({ length: 6 }, (_, i) => `[{"ts": ${1767323045 + i}, "n": ${i}}`), '{"a": 1, "a": 2}')
  await query(
    `select tmidb.edit_dead_letter(raw_id, p_raw => convert_from(raw, 'UTF8') || ']') from tmidb.raw_bucket where reason = 'TM201'`,
  )
  assert.equal((await letters('replay')).code, 2)
  assert.equal((await letters('list', '5')).code, 2)
  const { code, stdout } = await letters('replay', '--category', 'sensor')
  assert.equal(code, 7)
  assert.match(stdout, /^6 replayed: 6 readings stored, 0 were there before; 1 failed again\.\n +\d+ +TM210/m)
})

test('discarding asks for --yes without a terminal, and stays in the ledger', async () => {
  const { said: list } = await json<List>('list', '--all')
  assert.equal((await letters('discard', '--all')).code, 2)
  const { said } = await json<{ discarded: number }>('discard', '--all', '--yes')
  assert.equal(said.discarded, list.total)
  assert.equal((await json<List>('list')).said.total, 0)
  const status = await run(['status'], instance.env)
  assert.match(status.stdout, new RegExp(`${list.total} of the quarantined were discarded`))
})

test('a login without the right is told so', async () => {
  await query(`select tmidb.create_speaker('by_sql')`)
  await query(`select tmidb.create_login('speaker', 'by_sql', 'a long password')`)
  const url = new URL(instance.connection.postgres)
  url.username = 'by_sql'
  url.password = 'a long password'
  const { code, stderr } = await letters('list', '--postgres', url.href)
  assert.equal(code, 4)
  assert.match(stderr, /This login may not do that/)
})

test('status says what was received and what waits, and per speaker and shard with --json', async () => {
  const status = await run(['status', '--json'], instance.env)
  const said = JSON.parse(status.stdout) as {
    disk: { free: number }
    ingest: {
      totals: Record<string, number>
      streams: { stream: string; waiting: number | null }[]
      shards: { shard: number; position: number }[]
      ledger: { speaker: string; received: number; stored: number; duplicate: number; quarantined: number }[]
    }
  }
  assert.equal(status.code, 0)
  assert.ok(said.disk.free > 0)
  const { totals, streams, shards, ledger } = said.ingest
  assert.equal(totals.received, (totals.stored ?? 0) + (totals.duplicate ?? 0) + (totals.quarantined ?? 0))
  assert.deepEqual(streams.map((s) => [s.stream, s.waiting]), [['TMI_IN_0', 0], ['TMI_IN_1', 0]]) // biome-ignore format: a list
  assert.equal(shards.length, 8)
  assert.ok(ledger.length > 0 && ledger.every((l) => l.speaker === 'first-speaker'))
  const text = await run(['status'], instance.env)
  assert.match(text.stdout, /Readings {2}[\d,]+ received = [\d,]+ stored \+ [\d,]+ duplicate \+ [\d,]+ quarantined/)
  assert.match(text.stdout, /Disk {2}\S+ .B free of/)
})

test('without PostgreSQL status still tells of the units', async () => {
  const pid = (await instance.units()).find((u) => u.name === 'postgres')?.pid ?? 0
  process.kill(pid, 'SIGKILL')
  const { stdout } = await run(['status'], instance.env)
  assert.match(stdout, /postgres/)
  assert.match(stdout, /PostgreSQL does not answer|Readings/)
  await until('back', () => query('select 1').catch(() => null), 30_000)
})
