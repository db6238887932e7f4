// SPDX-License-Identifier: MIT
// npm run fuzz: bad input, made by Schemathesis from the API's own description, as each kind of caller against an instance of its own.
// Options: --examples N (an operation, default 100), --seed N, --only admin,viewer, --json. Ends with 1 when anything failed: a 5xx, a status,
// a header or a body that the description does not know, nonsense that was taken.
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startInstance } from '../test/lib/instance.ts'
import { fillWorld } from './fuzz-world.ts'
import { type Document, findSchemathesis, fuzz } from './schemathesis.ts'

const { values: flags } = parseArgs({
  options: {
    examples: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const [examples, seed] = [Number(flags.examples), Number(flags.seed)]
const say = (line: string) => process.stderr.write(`${line}\n`)

const binary = await findSchemathesis(say).catch((e: Error) => {
  say(e.message)
  process.exit(1)
})
await using instance = await startInstance()
const base = instance.connection.http
const identities = await fillWorld(instance)
// All are read before anything is written: what the fuzzer makes is not fuzzed.
while (!('/api/site' in (await documentOf(identities.at(-1)?.authorization ?? null)).paths)) await setTimeout(100)
const documents = await Promise.all(identities.map(async ({ authorization }) => await documentOf(authorization)))
const results: object[] = []
let failed = false
say(`seed ${seed}`)
for (const [i, identity] of identities.entries()) {
  if (flags.only && !flags.only.split(',').includes(identity.name)) continue
  const began = Date.now()
  const fuzzed = await fuzz({ binary, base, identity, document: documents[i] as Document, examples, seed, say })
  results.push({ identity: identity.name, ...fuzzed, seconds: Math.round((Date.now() - began) / 1000) })
  failed ||= fuzzed.failures > 0
}
if (flags.json) process.stdout.write(`${JSON.stringify({ seed, results })}\n`)
else console.table(results)
if (failed) process.exitCode = 1

async function documentOf(authorization: string | null): Promise<Document> {
  const res = await fetch(`${base}/api/openapi.json`, { headers: authorization === null ? {} : { authorization } })
  if (!res.ok) throw new Error(`openapi.json: ${res.status} ${await res.text()}`)
  return (await res.json()) as Document
}
