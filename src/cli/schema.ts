// SPDX-License-Identifier: MIT
import { TmiError } from '../base/errors.ts'
import { type Ask, withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printBlock, printJson, UsageError } from './command.ts'
import { nearestWord } from './nearest-word.ts'

export const command: Command = {
  summary: 'What payloads look like: categories, their versions, and what changed between them.',
  usage: `schema list | show <category> | diff <category> <version> <version> [--json] [--postgres <url of another login>]
  Settings are SQL: select tmidb.set_strict('sensor', true), tmidb.pin_field('sensor', 'temperature', 'number'),
  tmidb.rename_field('sensor', 'temp', 'temperature_c'), tmidb.describe_field('sensor', 'temp', 'Air at the inlet', '°C')`,
  examples: ['npx tmictl schema show sensor', 'npx tmictl schema diff sensor 1.0 2.0'],
  options: { postgres: { type: 'string' } },
  run,
}

interface Line {
  category: string
  description: string | null
  newest_version: string | null
  versions: number
  fields: number
  is_strict: boolean
  is_overflowing: boolean
  changed_at: string | null
  last_seen: string | null
}

interface Field {
  name: string
  type: string
  column: string
  graphql: string
  renamed?: string
  description?: string
  unit?: string
  pinned: boolean
}

interface Version {
  at: string
  version: string
  compatibility: string
  changes: string
  first_seen: string | null
  last_seen: string | null
  example: Record<string, unknown> | null
}

interface Schema {
  category: string
  description: string | null
  strict: boolean
  overflowing: boolean
  fields: Field[]
  versions: Version[]
}

interface Difference {
  from: string
  to: string
  compatibility: string
  changes: string
}

const acts: Record<string, { words: number; does: (args: Args, words: string[], ask: Ask) => Promise<void> }> = {
  list: { words: 0, does: list },
  show: { words: 1, does: show },
  diff: { words: 3, does: diff },
}

async function run(args: Args): Promise<number> {
  const [name = 'list', ...words] = args.positionals
  const act = Object.hasOwn(acts, name) ? acts[name] : undefined
  if (!act) {
    const near = nearestWord(name, Object.keys(acts))
    throw new UsageError(`There is no "schema ${name}".${near ? ` Did you mean "${near}"?` : ''}`)
  }
  if (words.length !== act.words) {
    throw new UsageError(name === 'diff' ? 'Say a category and two versions.' : name === 'show' ? 'Say a category.' : `"${words[0]}" is one word too many.`) // biome-ignore format: a choice
  }
  const { postgres } = args.values
  await withDatabase(typeof postgres === 'string' ? postgres : undefined, async (ask) => await act.does(args, words, ask))
  return exit.ok
}

async function list(args: Args, _words: string[], ask: Ask): Promise<void> {
  const lines = (await ask<{ line: Line }>('select to_jsonb(l) as line from tmidb.schema_list() l')).map(({ line }) => line)
  if (args.json) return printJson({ categories: lines })
  if (lines.length === 0) print('No category yet: the first reading makes one.')
  for (const l of lines) {
    const more = [l.is_strict ? 'strict' : '', l.is_overflowing ? 'more than 256 fields' : ''].filter(Boolean).join(', ')
    const what =
      l.newest_version === null ? 'no reading yet' : `${l.versions} versions, ${l.fields} fields, seen ${time(l.last_seen)}`
    print(`${l.category.padEnd(24)} ${(l.newest_version ?? '-').padEnd(6)} ${what}${more ? ` (${more})` : ''}`)
  }
}

async function show(args: Args, [category = '']: string[], ask: Ask): Promise<void> {
  const schema = await known(ask, category)
  if (args.json) return printJson(schema)
  print(
    `${schema.category}${schema.strict ? ', strict' : ''}${schema.overflowing ? ', more than 256 fields: the rest is in the payload only' : ''}`,
  )
  if (schema.description) print(schema.description)
  if (schema.fields.length > 0) printBlock('\nfields')
  for (const f of schema.fields) {
    const type = `${f.type}${f.pinned ? ' (pinned)' : ''}`
    const name = f.column === f.name ? '' : ` of field ${JSON.stringify(f.name)}`
    const about = [f.renamed ? `deprecated: use ${f.renamed}` : '', f.description ?? '', f.unit ? `[${f.unit}]` : ''].filter(
      Boolean,
    )
    print(`  ${f.column.padEnd(24)} ${type.padEnd(18)} ${[...about, name.trim()].filter(Boolean).join(' ')}`.trimEnd())
  }
  if (schema.versions.length > 0) printBlock('\nversions')
  for (const v of schema.versions) {
    print(`  ${v.version.padEnd(6)} ${time(v.at)}  ${v.compatibility.padEnd(9)} ${v.changes}`)
    print(`         seen ${v.first_seen === null ? 'never' : `from ${time(v.first_seen)} to ${time(v.last_seen)}`}`)
    if (v.example) print(`         ${cut(JSON.stringify(v.example))}`)
  }
}

async function diff(args: Args, [category = '', from = '', to = '']: string[], ask: Ask): Promise<void> {
  const [row] = await ask<{ d: Difference }>('select tmidb.schema_diff($1, $2, $3) as d', [category, from, to])
  if (args.json) return printJson(row?.d)
  print(`${category} ${from} to ${to}: ${row?.d.compatibility}`)
  for (const change of row?.d.changes.split('; ') ?? []) print(`  ${change}`)
}

async function known(ask: Ask, category: string): Promise<Schema> {
  try {
    const [row] = await ask<{ s: Schema }>('select tmidb.schema_of($1) as s', [category])
    return row?.s as Schema
  } catch (e) {
    if ((e as { code?: string }).code !== 'TM107') throw e
    const names = (await ask<{ category: string }>('select category from tmidb.schema_list()')).map((l) => l.category)
    const near = nearestWord(category, names)
    const hint = near ? `Did you mean "${near}"?` : '"tmictl schema list" shows the names.'
    throw new TmiError('TM107', `There is no category named "${category}".`, { hint, cause: e })
  }
}

const time = (at: string | null) => (at === null ? 'never' : `${new Date(at).toISOString().slice(0, 16)}Z`)
const cut = (text: string) => (text.length > 120 ? `${text.slice(0, 120)}…` : text)
