// SPDX-License-Identifier: MIT
// What the columns of a file are and what becomes of them: decided once from its first lines, kept with the import's state, so that a
// resumed import means the same. A column has one type for the whole file: a number among texts would make a new major version.
import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { TmiError } from '../../base/errors.ts'
import { UsageError } from '../command.ts'
import { isNaive, timeReader } from './local-time.ts'
import { members } from './members.ts'
import { type Format, openSource, type Place } from './records.ts'

export type FieldType = 'number' | 'boolean' | 'text' | 'json' | 'auto'

export interface Field {
  column: string
  name: string
  /** auto: value by value; where the first lines say nothing. */
  type: FieldType
}

export interface Plan {
  format: Format
  delimiter: string
  encoding: string
  decimal: string
  nulls: string[]
  /** Of a CSV: its columns in order; empty names are left out. */
  columns: string[] | null
  /** Fields to keep, by column; null: all as they are (JSON only). */
  fields: Field[] | null
  rename: Record<string, string>
  types: Record<string, FieldType>
  target: { fixed: string } | { column: string }
  ts: { column: string; format: string } | null
  zone: string | null
  mid: string | null
  /** Where the first record begins. */
  start: Place
}

export interface Asked {
  format?: string
  delimiter?: string
  encoding?: string
  decimal?: string
  nulls: string[]
  noHeader: boolean
  target?: string
  targetColumn?: string
  tsColumn?: string
  tsFormat?: string
  zone?: string
  midColumn?: string
  columns?: string[]
  rename: Record<string, string>
  types: Record<string, string>
}

const sampleLines = 1000
const tsNames = ['ts', 'time', 'timestamp', 'datetime', 'date_time']
const targetNames = ['target', 'target_key']
const types = ['number', 'boolean', 'text', 'json', 'auto']
export const numberForm = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

export async function makePlan(file: string, asked: Asked): Promise<Plan> {
  const format = formatOf(file, asked.format)
  for (const type of Object.values(asked.types))
    if (!types.includes(type)) throw new UsageError(`"${type}" is no type; there are ${types.join(', ')}.`)
  if (asked.target !== undefined && asked.targetColumn !== undefined)
    throw new UsageError('Say --target or --target-column, not both.')
  if (asked.encoding !== undefined) decoder(asked.encoding)
  const delimiter = format === 'csv' ? await delimiterOf(file, asked.delimiter) : ','
  const sample = await head(file, format, delimiter)
  if (sample.lines.length === 0) throw new UsageError(`${file} is empty.`)
  const plan: Plan = {
    format,
    delimiter,
    encoding: asked.encoding ?? 'utf-8',
    decimal: asked.decimal ?? '.',
    nulls: asked.nulls,
    columns: null,
    fields: null,
    rename: asked.rename,
    types: asked.types as Record<string, FieldType>,
    target: { fixed: '' },
    ts: null,
    zone: asked.zone ?? null,
    mid: null,
    start: { offset: 0, line: 1 },
  }
  let rows: Record<string, string>[]
  if (format === 'csv') {
    const all = sample.lines.map((bytes) => csvRow(textOf(bytes, plan.encoding), delimiter)).filter((row) => row !== null)
    const [first = []] = all
    plan.columns = asked.noHeader ? first.map((_, i) => `column_${i + 1}`) : first.map((name) => name.trim())
    const twice = plan.columns.find((name, i) => name !== '' && plan.columns?.indexOf(name) !== i)
    if (twice !== undefined)
      throw new UsageError(`The column "${twice}" is there twice; repair the first line, or say --no-header.`)
    if (!asked.noHeader) plan.start = sample.second
    const names = plan.columns
    // A line of another width will be rejected and has no say in the types.
    const sound = all.slice(asked.noHeader ? 0 : 1).filter((row) => row.length === names.length)
    rows = sound.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? ''])))
  } else {
    rows = sample.lines.map((bytes) => {
      const pairs = members(bytes.toString('utf8').replace(/^\ufeff/, '')) ?? []
      return Object.fromEntries(pairs)
    })
  }
  const names = plan.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const has = (name: string, option: string) => {
    if (!names.includes(name))
      throw new UsageError(`There is no column "${name}" (${option}); there are ${names.slice(0, 40).join(', ')}.`)
    return name
  }
  const one = (wanted: string[]) => names.find((name) => wanted.includes(plan.columns ? name.toLowerCase() : name))
  const targetColumn = asked.targetColumn !== undefined ? has(asked.targetColumn, '--target-column') : one(targetNames)
  if (asked.target !== undefined) plan.target = { fixed: asked.target }
  else if (targetColumn !== undefined) plan.target = { column: targetColumn }
  else
    throw new UsageError(
      `It is not said which target the readings are of: say --target truck-17, or --target-column with one of ${names.slice(0, 40).join(', ')}.`,
    )
  const tsColumn = asked.tsColumn !== undefined ? has(asked.tsColumn, '--ts-column') : one(tsNames)
  try {
    const reader = timeReader(asked.tsFormat ?? 'auto', asked.zone)
    if (tsColumn !== undefined) {
      plan.ts = { column: tsColumn, format: asked.tsFormat ?? 'auto' }
      const first = rows.map((row) => unquoted(row[tsColumn] ?? '')).find((text) => text !== '')
      if (first !== undefined && reader.read(first) === null)
        throw new UsageError(
          isNaive(first) && asked.zone === undefined
            ? `The times of "${tsColumn}" (${first}) say no zone: say --time-zone, such as Europe/Berlin or UTC.`
            : `The times of "${tsColumn}" (${first}) cannot be read: say --ts-format, such as "%d.%m.%Y %H:%M:%S", s, ms, us or ns.`,
        )
    }
  } catch (e) {
    if (e instanceof RangeError) throw new UsageError(e.message)
    throw e
  }
  const midColumn =
    asked.midColumn !== undefined ? has(asked.midColumn, '--mid-column') : names.includes('mid') ? 'mid' : undefined
  plan.mid = midColumn ?? null
  for (const name of [...Object.keys(asked.rename), ...Object.keys(asked.types)]) has(name, '--rename, --types')
  for (const name of asked.columns ?? []) has(name, '--columns')
  const used = new Set([asked.target === undefined ? targetColumn : undefined, tsColumn, midColumn, 'tmi_error'])
  if (plan.columns !== null || asked.columns !== undefined) {
    const kept = (asked.columns ?? names).filter((name) => name !== '' && (asked.columns !== undefined || !used.has(name)))
    plan.fields = kept.map((column) => ({
      column,
      name: asked.rename[column] ?? column,
      type:
        plan.types[column] ??
        (format === 'csv'
          ? typeOf(
              rows.map((row) => row[column] ?? ''),
              plan,
            )
          : 'auto'),
    }))
    if (plan.fields.length === 0) throw new UsageError('No column is left to be a field.')
  }
  return plan
}

/** One type that all non-empty values have. */
function textOf(bytes: Uint8Array, encoding: string): string {
  try {
    return decoder(encoding).decode(bytes)
  } catch (cause) {
    throw new TmiError('TM209', `The first lines are not ${encoding}.`, {
      cause,
      hint: "Name the file's encoding: --encoding windows-1252.",
    })
  }
}

function typeOf(values: string[], plan: Plan): FieldType {
  const there = values.filter((v) => v !== '' && !plan.nulls.includes(v))
  if (there.length === 0) return 'auto'
  if (there.every((v) => numberText(v, plan.decimal) !== null)) return 'number'
  if (there.every((v) => /^(true|false)$/i.test(v))) return 'boolean'
  return 'text'
}

/** A number as JSON writes it, every digit kept; null where it is none. 007 is none: it may be a code. */
export function numberText(text: string, decimal: string): string | null {
  if (decimal === ',') {
    if (text.includes('.') && !/^[-+]?\d{1,3}(\.\d{3})+(,\d+)?$/.test(text)) return null
    text = text.replaceAll('.', '').replace(',', '.')
  }
  if (numberForm.test(text)) return text
  const m = /^([-+]?)(\d*)(\.\d*)?([eE][+-]?\d+)?$/.exec(text.trim())
  if (!m) return null
  const [, sign = '', whole = '', part = '', exponent = ''] = m
  if (whole === '' && part.length < 2) return null
  const again = `${sign === '-' ? '-' : ''}${whole === '' ? '0' : whole}${part.length > 1 ? part : ''}${exponent}`
  return numberForm.test(again) ? again : null
}

function formatOf(file: string, said: string | undefined): Format {
  if (said !== undefined) {
    if (said === 'csv' || said === 'ndjson' || said === 'json') return said
    throw new UsageError(`"${said}" is no format; there are csv, ndjson and json.`)
  }
  const end = /\.(csv|tsv|txt|ndjson|jsonl|json)(\.gz)?$/i.exec(file)?.[1]?.toLowerCase()
  if (end === 'csv' || end === 'tsv' || end === 'txt') return 'csv'
  if (end === 'ndjson' || end === 'jsonl') return 'ndjson'
  if (end === 'json') return 'json'
  throw new UsageError(`The name ${file} does not say what is in it: say --format csv, ndjson or json.`)
}

/** The one of , ; tab | that the first line has most of, outside quotes. */
async function delimiterOf(file: string, said: string | undefined): Promise<string> {
  if (said !== undefined) {
    const delimiter = said === 'tab' || said === '\\t' ? '\t' : said
    if (delimiter.length !== 1 || delimiter.charCodeAt(0) > 127) throw new UsageError('--delimiter is one character, or tab.')
    return delimiter
  }
  const { lines } = await head(file, 'ndjson', ',', 1)
  const text = (lines[0]?.toString('latin1') ?? '').replace(/"[^"]*"/g, '')
  const counted = [',', ';', '\t', '|'].map((c) => ({ c, n: text.split(c).length }))
  return counted.sort((a, b) => b.n - a.n)[0]?.c ?? ','
}

async function head(
  file: string,
  format: Format,
  delimiter: string,
  most = sampleLines + 1,
): Promise<{ lines: Buffer[]; second: Place }> {
  const { blocks } = openSource(file, format, { offset: 0, line: 1 }, { delimiter, most: 1, mostBytes: 1 })
  const lines: Buffer[] = []
  let second: Place = { offset: 0, line: 1 }
  let bytes = 0
  for await (const block of blocks) {
    const [line] = block.lines
    if (!line) continue
    lines.push(Buffer.from(line.bytes))
    bytes += line.bytes.length
    if (lines.length === 1) second = { offset: block.end, line: block.nextLine }
    if (lines.length >= most || bytes > 4_000_000) break
  }
  return { lines, second }
}

export function csvRow(text: string, delimiter: string): string[] | null {
  try {
    return (parse(text, { delimiter, relax_quotes: true, relax_column_count: true, bom: true }) as string[][])[0] ?? null
  } catch {
    return null
  }
}

export function decoder(encoding: string): InstanceType<typeof TextDecoder> {
  let made: InstanceType<typeof TextDecoder>
  try {
    made = new TextDecoder(encoding, { fatal: true, ignoreBOM: false })
  } catch {
    throw new UsageError(`The encoding "${encoding}" is not known: say utf-8, windows-1252 or iso-8859-15.`)
  }
  if (made.encoding.startsWith('utf-16'))
    throw new UsageError('UTF-16 is not read: turn it into UTF-8 first, with "iconv -f utf-16 -t utf-8".')
  return made
}

/** A JSON value's text as a plain one. */
export function unquoted(raw: string): string {
  if (!raw.startsWith('"')) return raw
  try {
    return JSON.parse(raw) as string
  } catch {
    return raw
  }
}

/** "old=new,other=more". */
export function pairs(said: string | undefined, option: string, between: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const part of said?.split(',') ?? []) {
    const at = part.lastIndexOf(between)
    if (at < 1 || at === part.length - 1)
      throw new UsageError(`${option} is a list such as old${between}new,other${between}more.`)
    found[part.slice(0, at)] = part.slice(at + 1)
  }
  return found
}

export function readToken(said: string | undefined): string | undefined {
  return said?.startsWith('@') ? readFileSync(said.slice(1), 'utf8').trim() : said
}
