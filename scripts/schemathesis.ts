// SPDX-License-Identifier: MIT
// Schemathesis, from PATH or installed by pip into a virtual environment in the cache, and what it is told: which checks do not hold
// here and why, and words of the grammar, since a text made at random is hardly ever a filter.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { filterWords, grammar, relationWords } from './fuzz-words.ts'
import type { Identity } from './fuzz-world.ts'

const version = '4.32.5'
const run = promisify(execFile)

export async function findSchemathesis(say: (line: string) => void): Promise<string> {
  const own = process.env.TMIDB_SCHEMATHESIS
  if (own) return own
  const cache = process.env.TMIDB_CACHE ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tmidb')
  const folder = join(cache, `schemathesis-${version}`)
  const binary = join(folder, 'bin', 'schemathesis')
  if (existsSync(binary)) return binary
  say(`installing schemathesis ${version} into ${folder}`)
  mkdirSync(cache, { recursive: true })
  try {
    await run('python3', ['-m', 'venv', folder])
    await run(join(folder, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${version}`])
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error('The fuzzer needs python3 with venv and pip, or the path of schemathesis in TMIDB_SCHEMATHESIS.', { cause })
  }
  return binary
}

export interface FuzzOptions {
  binary: string
  base: string
  identity: Identity
  document: Document
  examples: number
  seed: number
  /** Where what it finds is told. */
  say: (line: string) => void
}

export interface Fuzzed {
  operations: number
  cases: number
  failures: number
}

/** One identity's document from end to end. */
export async function fuzz({ binary, base, identity, document, examples, seed, say }: FuzzOptions): Promise<Fuzzed> {
  const folder = mkdtempSync(join(tmpdir(), 'tmidb-fuzz-'))
  const [settings, schema, report] = ['schemathesis.toml', 'openapi.json', 'report.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  try {
    writeFileSync(settings, settingsOf(document, identity))
    writeFileSync(schema, JSON.stringify(document))
    const { authorization, accept } = identity
    const header = authorization === null ? [] : ['-H', `Authorization: ${authorization}`]
    if (accept) header.push('-H', `Accept: ${accept}`)
    const args = ['--config-file', settings, 'run', schema, '--url', base, ...header, '--max-examples', String(examples)]
    args.push('--seed', String(seed), '--no-color', '--report', 'json', '--report-json-path', report)
    const child = spawn(binary, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (text += bytes.toString()))
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
    if (code !== 0) say(text)
    if (!existsSync(report)) throw new Error(`schemathesis ended with ${code} and made no report`)
    const said = JSON.parse(readFileSync(report, 'utf8')) as {
      operations: { tested: number; errored: number }
      test_cases: { generated: number; unique_failures: number; errored: number }
    }
    const { operations, test_cases } = said
    const failures = test_cases.unique_failures + test_cases.errored + operations.errored
    // What it calls a failure without a case, for example a document that it cannot read.
    return { operations: operations.tested, cases: test_cases.generated, failures: failures || (code === 0 ? 0 : 1) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A function that may write can be read all the same, as long as it does not write: an error of its arguments comes first. */
function readOnlyCall(path: string): string {
  return `[[operations]]\ninclude-path = "${path}"\n[operations.checks]\nunsupported_method = { enabled = false }`
}

interface Parameter {
  $ref?: string
  name: string
  in: string
  description?: string
  example?: string
}

export interface Document {
  paths: Record<string, Record<string, { parameters?: Parameter[] }>>
  components: { parameters: Record<string, Parameter> }
}

const checks = `
continue-on-failure = true
[generation]
database = "none"
# A text that is any text by its schema is read by a grammar, of filters, of line protocol, or by a type of PostgreSQL: 400 is right.
[checks.positive_data_acceptance]
enabled = false
# PostgREST answers 416 to an offset or limit below zero; a body may be too large before it is looked at; 422 is a reading's own fault.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 416, 422, 429]
# PostgreSQL casts what is in a body, as PostgREST has it: 5 is a text too, null is left to the column, and any text is some CSV.
[[operations]]
include-method-regex = "^(POST|PUT|PATCH)$"
exclude-tag = "ingest"
[operations.checks.negative_data_rejection]
enabled = false
# GET there reads a category "write", version 2: 404 as long as there is none.
[[operations]]
include-path = "/api/v2/write"
[operations.checks]
unsupported_method = { enabled = false }
allow_header_conformance = { enabled = false }
`

/** Which words each parameter takes. */
const kinds = { select: 'select', columns: 'select', order: 'order', on_conflict: 'order', and: 'logic', or: 'logic' }

function settingsOf(document: Document, { token }: Identity): string {
  const lines = [checks]
  const dictionary = (name: string, values: readonly string[]) =>
    lines.push(`[dictionaries.${name}]`, `values = ${JSON.stringify(values)}`)
  const bind = (parameter: string, name: string, probability: number) =>
    `${JSON.stringify(parameter)} = { dictionary = "${name}", probability = ${probability} }`
  for (const [name, values] of Object.entries(grammar)) dictionary(name, values)
  if (token) dictionary('token', [token])
  // A category that is not there is made: some, not thousands.
  lines.push('[parameters]', bind('path.category', 'category', 0.95), bind('header.Range', 'range', 0.5))
  lines.push(bind('header.Prefer', 'prefer', 0.8), ...(token ? [bind('path.token', 'token', 0.8)] : []))
  const others = Object.keys(document.paths).flatMap((p) => /^\/api\/([^/{]+)$/.exec(p)?.[1] ?? [])
  for (const [n, [path, operations]] of Object.entries(document.paths).entries()) {
    if (/^\/api\/rpc\//.test(path) && !operations.get) lines.push(readOnlyCall(path))
    const parameters = Object.values(operations).flatMap((o) => (o.parameters ?? []).map((p) => resolved(document, p)))
    const filters = new Map(parameters.filter((p) => p.description?.includes('Filter: ')).map((p) => [p.name, p]))
    if (filters.size === 0) continue
    for (const [kind, values] of Object.entries(relationWords([...filters.keys()], others))) dictionary(`${kind}_${n}`, values)
    lines.push('[[operations]]', `include-path = ${JSON.stringify(path)}`, '[operations.parameters]')
    for (const [name, kind] of Object.entries(kinds)) {
      if (parameters.some((p) => p.name === name)) lines.push(bind(`query.${name}`, `${kind}_${n}`, 0.8))
    }
    for (const { name, example } of filters.values()) lines.push(bind(`query.${name}`, filterWords(example), 0.9))
  }
  return lines.join('\n')
}

function resolved({ components }: Document, p: Parameter): Parameter {
  return p.$ref ? (components.parameters[p.$ref.split('/').at(-1) ?? ''] as Parameter) : p
}
