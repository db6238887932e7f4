// SPDX-License-Identifier: MIT
// Makes what is written down in one place readable in another. --check only compares: exit 1 when something is not current.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLints } from '../src/db/lints.ts'

const root = join(import.meta.dirname, '..')
const source = 'db/functions/tmidb/error_code.sql'

interface Row {
  code: string
  status: number
  sentence: string
  hint: string
}

function parse(sql: string): Row[] {
  const text = `'((?:[^']|'')*)'`
  const row = new RegExp(String.raw`\(\s*'(TM\d{3})'\s*,\s*(\d{3})\s*,\s*${text}\s*,\s*${text}\s*\)`, 'g')
  const rows = [...sql.matchAll(row)].map(([, code, status, sentence, hint]) => ({
    code: code ?? '',
    status: Number(status),
    sentence: (sentence ?? '').replaceAll("''", "'"),
    hint: (hint ?? '').replaceAll("''", "'"),
  }))
  const mentioned = sql.match(/\('TM/g)?.length ?? 0
  if (rows.length !== mentioned) throw new Error(`${source}: ${mentioned} rows begin, but only ${rows.length} can be read`)
  return rows.sort((a, b) => (a.code < b.code ? -1 : 1))
}

function quoted(s: string): string {
  return s.includes("'") && !s.includes('"') ? JSON.stringify(s) : `'${s.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function typescript(rows: Row[]): string {
  return `// SPDX-License-Identifier: MIT
// Generated from ${source} by "npm run generate"; do not edit.
export type ErrorCode =
${rows.map((r) => `  | '${r.code}'`).join('\n')}

export const errorTable: Record<ErrorCode, { status: number; sentence: string; hint: string }> = {
${rows.map((r) => `  ${r.code}: { status: ${r.status}, sentence: ${quoted(r.sentence)}, hint: ${quoted(r.hint)} },`).join('\n')}
}
`
}

function markdown(rows: Row[]): string {
  const cell = (s: string) => s.replaceAll('|', '\\|')
  return `<!-- Generated from ${source} by "npm run generate"; do not edit. -->
# Errors

Every refusal carries one of these codes: as \`code\` in the body of an HTTP answer, as SQLSTATE in SQL, as \`code\` in a message on a
WebSocket. The body is RFC 9457 problem+json; its \`requestId\` finds the request in the log.

| code | status | what it says | what to do |
| --- | --- | --- | --- |
${rows.map((r) => `| <a id="${r.code}"></a>${r.code} | ${r.status} | ${cell(r.sentence)} | ${cell(r.hint)} |`).join('\n')}
`
}

/** The table of rules inside a page that is written by hand. */
function lintsPage(page: string): string {
  const head = '| rule | level | what must hold |\n| --- | --- | --- |\n'
  const table = readLints().map((l) => `| [${l.name}](../db/lint/${l.name}.sql) | ${l.level} | ${l.rule} |\n`)
  const [before, after] = page.split(head)
  if (before === undefined || after === undefined) throw new Error('docs/lints.md has no table of rules.')
  return `${before}${head}${table.join('')}${after.replace(/^(\| \[.*\n)+/, '')}`
}

const rows = parse(readFileSync(join(root, source), 'utf8'))
const made: Record<string, string> = {
  'src/base/error-codes.ts': typescript(rows),
  'docs/errors.md': markdown(rows),
  'docs/lints.md': lintsPage(readFileSync(join(root, 'docs', 'lints.md'), 'utf8')),
}
for (const [path, content] of Object.entries(made)) {
  const file = join(root, path)
  if (!process.argv.includes('--check')) {
    writeFileSync(file, content)
    continue
  }
  let current = ''
  try {
    current = readFileSync(file, 'utf8')
  } catch {}
  if (current !== content) {
    console.error(`${path} is not current: run "npm run generate".`)
    process.exitCode = 1
  }
}
