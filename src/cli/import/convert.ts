// SPDX-License-Identifier: MIT
// Records of a file as lines of NDJSON for POST /api/in: {"target", "ts", "mid", "data"}. Numbers travel as they are written. A line
// without a time of its own gets the file's time and a microsecond more each line, with a message id of file and line: sent again,
// after whatever break, it is the same reading.
import { isUtf8 } from 'node:buffer'
import { parse } from 'csv-parse/sync'
import type { ErrorCode } from '../../base/errors.ts'
import { timeReader } from './local-time.ts'
import { members } from './members.ts'
import { csvRow, decoder, type FieldType, numberForm, numberText, type Plan, unquoted } from './plan.ts'
import type { Block, Line } from './records.ts'

export interface Refused {
  line: Line
  code: ErrorCode
  message: string
}

export interface Converted {
  /** Lines that go out, each with its JSON. */
  sent: { line: Line; json: string }[]
  refused: Refused[]
}

export interface Identity {
  /** Of the file's first bytes. */
  hash: string
  /** Time of the first line without one, in epoch microseconds. */
  baseMicros: number
}

type Answer = string | { code: ErrorCode; message: string }

export function converter(plan: Plan, identity: Identity): (block: Block) => Converted {
  const time = timeReader(plan.ts?.format ?? 'auto', plan.zone ?? undefined)
  const nulls = new Set(plan.nulls)
  const text = decoder(plan.encoding)
  const fixed = 'fixed' in plan.target ? JSON.stringify(plan.target.fixed) : null
  const targetColumn = 'column' in plan.target ? plan.target.column : null
  const own = (line: Line) => `"ts":${identity.baseMicros + line.line},"mid":"${identity.hash}:${line.line}"`

  const value = (raw: string, type: FieldType, column: string): Answer => {
    if (type === 'text') return JSON.stringify(raw)
    if (type === 'json') return raw
    const number = type === 'boolean' ? null : numberText(raw, plan.decimal)
    if (number !== null) return number
    const isTruth = /^(true|false)$/i.test(raw)
    if (type === 'auto') return isTruth ? raw.toLowerCase() : JSON.stringify(raw)
    if (type === 'boolean' && isTruth) return raw.toLowerCase()
    return {
      code: 'TM207',
      message: `In column ${JSON.stringify(column)}, ${JSON.stringify(raw.slice(0, 80))} is not a ${type}.`,
    }
  }

  const envelope = (line: Line, target: string | null, ts: string | null, mid: string | null, data: string): Answer => {
    if (target === null) return { code: 'TM213', message: 'It is not said which target this is of.' }
    if (ts !== null) return `{"target":${target},"ts":${ts}${mid === null ? '' : `,"mid":${mid}`},"data":${data}}`
    if (mid === null) return `{"target":${target},${own(line)},"data":${data}}`
    return `{"target":${target},"ts":${identity.baseMicros + line.line},"mid":${mid},"data":${data}}`
  }

  const timeOf = (raw: string): Answer => {
    const read = time.read(raw)
    if (read === null) return { code: 'TM211', message: `The time ${JSON.stringify(raw.slice(0, 80))} cannot be read.` }
    return numberForm.test(read) ? read : JSON.stringify(read)
  }

  const columns = plan.columns ?? []
  const placed = (plan.fields ?? []).map((f) => ({ ...f, at: columns.indexOf(f.column), key: `${JSON.stringify(f.name)}:` }))
  const at = (name: string | null | undefined) => (name == null ? -1 : columns.indexOf(name))
  const [targetAt, tsAt, midAt] = [at(targetColumn), at(plan.ts?.column), at(plan.mid)]
  const isEmpty = (raw: string | undefined) => raw === undefined || raw === '' || nulls.has(raw)

  const fromRow = (line: Line, row: string[]): Answer => {
    if (row.length !== columns.length)
      return { code: 'TM201', message: `There are ${row.length} columns, not ${columns.length}.` }
    let data = '{'
    for (const { at: i, key, type, column } of placed) {
      const raw = row[i] as string
      if (isEmpty(raw)) continue
      const said = value(raw, type, column)
      if (typeof said !== 'string') return said
      data += data.length > 1 ? `,${key}${said}` : key + said
    }
    const target = fixed ?? (isEmpty(row[targetAt]) ? null : JSON.stringify(row[targetAt]))
    const ts = tsAt < 0 || isEmpty(row[tsAt]) ? null : timeOf(row[tsAt] as string)
    if (ts !== null && typeof ts !== 'string') return ts
    const mid = midAt < 0 || isEmpty(row[midAt]) ? null : JSON.stringify(row[midAt])
    return envelope(line, target, ts, mid, `${data}}`)
  }

  const wanted = plan.fields === null ? null : new Map(plan.fields.map((f) => [f.column, f]))
  const fromObject = (line: Line, raw: string): Answer => {
    const pairs = members(raw)
    if (pairs === null) return { code: 'TM201', message: 'This is not a JSON object.' }
    let target = fixed
    let ts: string | null = null
    let mid: string | null = null
    let nested: string | null = null
    let data = '{'
    for (const [name, said] of pairs) {
      if (said === '') return { code: 'TM201', message: 'This is not a JSON object.' }
      if (name === targetColumn) target = said === 'null' || said === '""' ? null : said
      else if (name === plan.ts?.column) ts = said === 'null' || said === '""' ? null : said
      else if (name === plan.mid) mid = said === 'null' ? null : said
      else if (name === 'data' && said.startsWith('{') && wanted === null) nested = said
      else {
        const field = wanted?.get(name)
        if (wanted !== null && field === undefined) continue
        const type = plan.types[name] ?? 'json'
        const typed = type === 'json' || type === 'auto' || said === 'null' ? said : value(unquoted(said), type, name)
        if (typeof typed !== 'string') return typed
        data += `${data.length > 1 ? ',' : ''}${JSON.stringify(plan.rename[name] ?? name)}:${typed}`
      }
    }
    if (nested !== null && data.length > 1) return { code: 'TM215', message: 'There are keys beside "data".' }
    if (ts !== null) {
      const read = timeOf(unquoted(ts))
      if (typeof read !== 'string') return read
      ts = read
    }
    return envelope(line, target, ts, mid, nested ?? `${data}}`)
  }

  const one = (line: Line, isText: boolean): Answer => {
    if (line.broken !== undefined) return { code: 'TM201', message: line.broken }
    if (!isText && !isUtf8(line.bytes))
      return { code: 'TM209', message: 'The text is not valid UTF-8; say --encoding if it is another one.' }
    const raw = text.decode(line.bytes)
    if (plan.format !== 'csv') return fromObject(line, plan.format === 'json' ? raw.replace(/[\r\n]+/g, ' ') : raw)
    const row = csvRow(raw, plan.delimiter)
    return row === null ? { code: 'TM201', message: 'The quotes of this line do not match.' } : fromRow(line, row)
  }

  return (block) => {
    const converted: Converted = { sent: [], refused: [] }
    const isText = plan.encoding !== 'utf-8' || isUtf8(block.bytes)
    const rows = plan.format === 'csv' && isText ? csvRows(block, plan, text) : null
    for (const [i, line] of block.lines.entries()) {
      const said = rows === null ? one(line, isText) : fromRow(line, rows[i] as string[])
      if (typeof said === 'string') converted.sent.push({ line, json: said })
      else converted.refused.push({ line, ...said })
    }
    return converted
  }
}

/** All rows at once, or null if one of them makes that impossible: then each is looked at by itself. */
function csvRows(block: Block, plan: Plan, text: InstanceType<typeof TextDecoder>): string[][] | null {
  if (block.lines.some((line) => line.broken !== undefined)) return null
  try {
    const all = text.decode(block.bytes)
    // Most files have no quotes; then a row is what stands between delimiters, at a fifth of the cost.
    const rows = all.includes('"')
      ? (parse(all, {
          delimiter: plan.delimiter,
          relax_quotes: true,
          relax_column_count: true,
          skip_empty_lines: true,
          record_delimiter: ['\r\n', '\n'],
        }) as string[][])
      : all
          .split(/\r?\n/)
          .filter((row) => row !== '')
          .map((row) => row.split(plan.delimiter))
    return rows.length === block.lines.length ? rows : null
  } catch {
    return null
  }
}
