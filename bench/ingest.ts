// SPDX-License-Identifier: MIT
// Ingest: acknowledged after fsync, and stored; the drain beside a plain COPY of the same rows.
import pg from 'pg'
import { sleep } from '../src/base/retry.ts'
import type { Bench } from './bench.ts'
import type { Load } from './load.ts'

export async function ingest(bench: Bench): Promise<void> {
  await bench.run({ kind: 'http', seconds: 2, batch: 10 })
  await part(bench, 'HTTP, 1 reading a request, 64 connections', { kind: 'http' }, 'aim 20,000/s')
  await part(bench, 'MQTT QoS 1, 50 clients, 20 in flight each', { kind: 'mqtt', connections: 50, window: 20 }, 'aim 30,000/s')
  await part(bench, 'MQTT QoS 1, 50 clients, next after PUBACK', { kind: 'mqtt', connections: 50, window: 1 })
  const drained = await part(bench, 'HTTP, 100 readings a request, 64 connections', { kind: 'http', batch: 100 }, 'aim 300,000/s')
  await part(
    bench,
    'HTTP, 100 readings a request, at 100,000 readings/s',
    { kind: 'http', batch: 100, rate: 100_000, connections: 16 },
    'aim: stored as they come',
  )
  await besideCopy(bench, drained)
}

/** Loads, then waits until all of it is stored. Resolves to the rate of the drain alone, after the load. */
export async function part(bench: Bench, what: string, load: Partial<Load> & Pick<Load, 'kind'>, aim?: string): Promise<number> {
  const stored = async (): Promise<number> => {
    const [row] = await bench.query<{ n: number }>('select coalesce(sum(stored + duplicate), 0)::int as n from tmidb.ledger')
    return row?.n ?? 0
  }
  const before = await stored()
  const started = performance.now()
  const loaded = await bench.run(load)
  const acked = performance.now()
  const then = (await stored()) - before
  while ((await stored()) - before < loaded.acknowledged && performance.now() - acked < 240_000) await sleep(20)
  const done = performance.now()
  const kept = (await stored()) - before
  bench.note(
    what,
    bench.perSecond(loaded.acknowledged, loaded.seconds),
    `p50 ${loaded.p50} p99 ${loaded.p99} ms${loaded.failed ? `, ${loaded.failed} failed` : ''}${aim ? `; ${aim}` : ''}`,
  )
  bench.note(
    '  of it stored in PostgreSQL',
    bench.perSecond(kept, (done - started) / 1000),
    `${kept} of ${loaded.acknowledged}; ${bench.perSecond(then, loaded.seconds)} while they came, all in ${((done - acked) / 1000).toFixed(1)} s later`,
  )
  return (kept - then) / ((done - acked) / 1000)
}

/** The newest rows, written to a file and copied into a table with the same indexes: what PostgreSQL can do at best. */
async function besideCopy(bench: Bench, drained: number): Promise<void> {
  const client = new pg.Client({ connectionString: bench.superUrl })
  await client.connect()
  try {
    await client.query(`select tmidb.make_leaf('bench_copy')`)
    const columns = 'ts, position, digest, target_id, version_id, category_id, payload'
    const { rows } = await client.query<{ dir: string }>(`select current_setting('data_directory') as dir`)
    const file = `${rows[0]?.dir}/bench.copy`
    const made = await client.query(
      `copy (select ${columns} from tmidb.ts_obs where position < 1::bigint << 52 limit 1000000) to '${file}' (format binary)`,
    )
    await client.query('checkpoint')
    const t0 = performance.now()
    // As the drain does: transactions of some thousand rows would be slower, one is the limit.
    await client.query(`copy tmidb_parts.bench_copy (${columns}) from '${file}' (format binary)`)
    const rate = (made.rowCount ?? 0) / ((performance.now() - t0) / 1000)
    await client.query(`drop table tmidb_parts.bench_copy`)
    await client.query(`copy (select) to program 'rm -f ${file}'`)
    bench.note(
      'binary COPY of the same rows, same indexes, one connection',
      bench.perSecond(rate, 1),
      `the drain after the load: ${bench.perSecond(drained, 1)}, ${(drained / rate).toFixed(2)} of it; aim 0.5`,
    )
  } finally {
    await client.end()
  }
}
