// SPDX-License-Identifier: MIT
// npm run check: everything that must hold before a change goes in, a line each. --no-test leaves the tests out.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { allFindings } from '../src/db/lints.ts'
import { withClient } from '../src/db/superuser.ts'
import { lintedDatabase } from '../test/lib/lints.ts'
import { foreignLicences, loosePins, machineTraces, root, unlocked, withoutSpdx } from './repository.ts'

type Step = [name: string, run: () => string[] | Promise<string[]>]

const bin = join(root, 'node_modules', '.bin')

const steps: Step[] = [
  ['format and lint', () => program(join(bin, 'biome'), ['check', '--error-on-warnings', '--reporter=summary', '.'])],
  ['types', () => program(join(bin, 'tsc'), ['--noEmit', '--pretty', 'false'])],
  ['generated files', async () => [...(await script('generate.ts', '--check')), ...(await script('snapshot.ts', '--check'))]],
  ['rules of the database', sqlLints],
  ['licences', () => foreignLicences()],
  ['licence headers', withoutSpdx],
  ['no trace of a machine', machineTraces],
  ['exact versions', loosePins],
  ['complete lock file', () => unlocked()],
  ...(process.argv.includes('--no-test') ? [] : [['tests', () => script('test.ts')] satisfies Step]),
]

let failed = 0
for (const [name, run] of steps) {
  const t0 = performance.now()
  const wrong = await run()
  console.log(`${wrong.length === 0 ? 'ok    ' : 'FAILED'}  ${name} (${((performance.now() - t0) / 1000).toFixed(1)} s)`)
  for (const line of wrong) console.log(`        ${line}`)
  if (wrong.length > 0) failed++
}
console.log(failed === 0 ? 'All is well.' : `${failed} of ${steps.length} failed.`)
process.exit(failed === 0 ? 0 : 1)

async function sqlLints(): Promise<string[]> {
  await using db = await lintedDatabase()
  return await withClient(db.superUrl, async (client) => {
    return (await allFindings(client)).filter((f) => f.reason === null).map((f) => `${f.lint}: ${f.what}`)
  })
}

function script(name: string, ...args: string[]): Promise<string[]> {
  return program(process.execPath, [join(import.meta.dirname, name), ...args])
}

/** What a program said, if it failed. */
async function program(file: string, args: string[]): Promise<string[]> {
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, FORCE_COLOR: '0' } })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (text += bytes.toString()))
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0 ? [] : [...text.trimEnd().split('\n'), `${file} ended with ${code}`]))
  })
}
