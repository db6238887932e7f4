// SPDX-License-Identifier: MIT
// From just before a reading is published (MQTT QoS 1, paced) until its row is visible in PostgreSQL, and until its event is on a
// listener's socket. Visible is when the wake-up of its commit arrives; which commit, the row's position tells.
import { connectAsync } from 'mqtt'
import pg from 'pg'
import { WebSocket } from 'ws'
import { sleep } from '../src/base/retry.ts'
import type { Bench } from './bench.ts'

export async function latency(bench: Bench, rate: number, aim: string): Promise<void> {
  const { connection, seconds, query, note } = bench
  const category = `latency_${rate}`
  const listening = new pg.Client({ connectionString: connection.postgres })
  await listening.connect()
  const commits: { at: number; shard: number; upto: number }[] = []
  listening.on('notification', (n) => {
    const at = performance.now()
    for (const place of n.payload?.split(' ')[2]?.split(',') ?? []) {
      const [shard = 0, upto = 0] = place.split(':').map(Number)
      commits.push({ at, shard, upto })
    }
  })
  const [channel] = await query<{ name: string }>(`select 'tmi_obs_' || secret as name from tmidb.instance`)
  await listening.query(`listen ${channel?.name}`)

  const ws = new WebSocket(`${connection.ws}?token=${connection.listener.token}`)
  await new Promise((resolve) => ws.once('open', resolve))
  const total = rate * seconds
  const sent = new Float64Array(total)
  const onSocket: number[] = []
  await new Promise<void>((resolve) => {
    ws.on('message', (data: Buffer) => {
      const k = /"k": ?(\d+)/.exec(data.toString('latin1'))?.[1]
      if (k === undefined) return resolve()
      onSocket.push(performance.now() - (sent[Number(k)] ?? 0))
    })
    ws.send(JSON.stringify({ type: 'subscribe', category }))
  })
  const clients = await Promise.all(
    Array.from({ length: 10 }, () =>
      connectAsync(connection.mqtt, { username: 'bench', password: connection.speaker.token, protocolVersion: 4 }),
    ),
  )
  const started = performance.now()
  for (let k = 0; k < total; k++) {
    const due = started + (k * 1000) / rate
    if (due > performance.now() + 1) await sleep(due - performance.now())
    sent[k] = performance.now()
    clients[k % clients.length]?.publish(`tmi/in/${category}/device-${k % 100}`, `{"k":${k},"value":1.5}`, { qos: 1 })
  }
  for (let i = 0; i < 100 && onSocket.length < total; i++) await sleep(50)
  const rows = await query<{ k: number; shard: number; place: string }>(
    `select (payload->>'k')::int as k, (position >> 50)::int as shard, position & ((1::bigint << 50) - 1) as place
     from tmidb.ts_obs join tmidb.category using (category_id) where name = $1`,
    [category],
  )
  const byShard = Map.groupBy(commits, (c) => c.shard)
  const visible = rows.map((r) => {
    const of = byShard.get(r.shard) ?? []
    return (of.find((c) => c.upto >= Number(r.place))?.at ?? Number.NaN) - (sent[r.k] ?? 0)
  })
  const at = (times: number[], p: number): string => (times.sort((a, b) => a - b)[Math.floor(times.length * p)] ?? 0).toFixed(1)
  note(
    `publish to visible row at ${rate.toLocaleString('en')}/s`,
    `p50 ${at(visible, 0.5)} p99 ${at(visible, 0.99)} ms`,
    `${rows.length} of ${total}; aim p99 ${aim}`,
  )
  note(
    `  to a listener's socket`,
    `p50 ${at(onSocket, 0.5)} p99 ${at(onSocket, 0.99)} ms`,
    `${onSocket.length} of ${total} events`,
  )
  await Promise.all(clients.map((c) => c.endAsync(true)))
  ws.close()
  await listening.end()
}
