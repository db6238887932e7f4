// SPDX-License-Identifier: MIT
// npm run bench: one instance, one run, every figure beside what it is measured against. Options: --seconds N (each part, default 8),
// --rows N (of the storage part, default 2,000,000, and of rights, default 10,000,000), --only ingest,latency,reads,attacks,storage,regenerate,
// rights, --json. Nothing here fails on a figure; it prints them.
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { attacks } from './attacks.ts'
import { openBench } from './bench.ts'
import { ingest } from './ingest.ts'
import { latency } from './latency.ts'
import { reads } from './reads.ts'
import { probeEnv, regenerate } from './regenerate.ts'
import { rights } from './rights.ts'
import { storage } from './storage.ts'

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    rows: { type: 'string' },
    only: { type: 'string', default: 'ingest,latency,reads,attacks,storage' },
    json: { type: 'boolean', default: false },
  },
})
const only = new Set(flags.only.split(','))
const probeFile = join(tmpdir(), `tmidb-bench-${process.pid}.json`)
const env = only.has('regenerate') ? { env: probeEnv(probeFile) } : {}
await using bench = await openBench({ seconds: Number(flags.seconds), json: flags.json, ...env })
const [server] = await bench.query<{ v: string }>("select current_setting('server_version') as v")
bench.note('machine', `${cpus().length} cores`, `PostgreSQL ${server?.v}, Node ${process.versions.node}`)
if (only.has('ingest')) await ingest(bench)
if (only.has('latency')) {
  await latency(bench, 1000, '25 ms')
  await latency(bench, 10_000, '50 ms')
}
if (only.has('reads')) await reads(bench)
if (only.has('attacks')) await attacks(bench)
if (only.has('storage')) await storage(bench, Number(flags.rows ?? 2_000_000))
if (only.has('rights')) await rights(bench, Number(flags.rows ?? 10_000_000))
if (only.has('regenerate')) await regenerate(bench, probeFile)
if (flags.json) process.stdout.write(`${JSON.stringify(bench.results, null, 2)}\n`)
