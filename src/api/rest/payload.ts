// SPDX-License-Identifier: MIT
// The rows of a write, however they were sent, as the text of one JSON array. JSON is passed on as it came: numbers that JavaScript
// would round reach PostgreSQL whole.
import { parseCsv } from './csv.ts'
import { RestError } from './error.ts'

export interface Payload {
  /** JSON text: an array of objects. */
  json: string
  rows: number
  /** The columns to write, and how many of the rows have each. */
  columns: ReadonlyMap<string, number>
}

type Row = Record<string, unknown>

/** columns: from the address; only these are written then, and rows may lack some. */
export function readPayload(type: string, bytes: Buffer, columns: readonly string[] | null): Payload {
  switch (type) {
    case 'application/json':
      return jsonPayload(textOf(bytes), columns)
    case 'text/csv':
      return payload(csvRows(textOf(bytes)), null, columns)
    case 'application/x-www-form-urlencoded':
      return payload([Object.fromEntries(new URLSearchParams(textOf(bytes)))], null, columns)
    default:
      throw new RestError(415, 'PGRST102', `Content-Type not acceptable: ${type.slice(0, 80)}`, {
        hint: 'Send application/json, text/csv or application/x-www-form-urlencoded.',
      })
  }
}

export function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (e) {
    throw new RestError(400, 'PGRST102', 'The body is not UTF-8.', { cause: e })
  }
}

/** What is deeper would end the recursion of whoever writes it again. */
const mostLevels = 100

export function parseJson(text: string): unknown {
  if (isDeep(text)) throw new RestError(400, 'PGRST102', `The body is nested deeper than ${mostLevels} levels.`)
  try {
    return JSON.parse(text)
  } catch (e) {
    throw new RestError(400, 'PGRST102', 'Empty or invalid json', { cause: e })
  }
}

function isDeep(text: string): boolean {
  let depth = 0
  let inText = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (inText) {
      if (c === '\\') i++
      else if (c === '"') inText = false
    } else if (c === '"') inText = true
    else if (c === '[' || c === '{') {
      if (++depth > mostLevels) return true
    } else if (c === ']' || c === '}') depth--
  }
  return false
}

function jsonPayload(text: string, columns: readonly string[] | null): Payload {
  const value = parseJson(text)
  if (Array.isArray(value)) {
    if (!value.every(isRow)) throw keysDiffer()
    return payload(value, text, columns)
  }
  if (!isRow(value)) {
    throw new RestError(400, 'PGRST102', 'The body is neither an object nor an array of objects.', {
      hint: 'Name the columns: {"name": "Seoul"}.',
    })
  }
  return payload([value], `[${text}]`, columns)
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function payload(rows: readonly Row[], json: string | null, columns: readonly string[] | null): Payload {
  const counts = new Map<string, number>()
  if (columns === null) {
    const keys = Object.keys(rows[0] ?? {})
    if (!rows.every((r) => Object.keys(r).length === keys.length && keys.every((k) => Object.hasOwn(r, k)))) throw keysDiffer()
    for (const key of keys) counts.set(key, rows.length)
  } else {
    for (const name of columns) counts.set(name, 0)
    for (const row of rows)
      for (const name of Object.keys(row)) if (counts.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return { json: json ?? JSON.stringify(rows), rows: rows.length, columns: counts }
}

function keysDiffer(): RestError {
  return new RestError(400, 'PGRST102', 'All object keys must match', {
    hint: 'Name the columns in the address: columns=a,b. Prefer: missing=default fills what a row lacks.',
  })
}

function csvRows(text: string): Row[] {
  const [header, ...lines] = parseCsv(text)
  if (!header) throw new RestError(400, 'PGRST102', 'Empty or invalid csv')
  return lines.map((cells) => {
    if (cells.length !== header.length) throw new RestError(400, 'PGRST102', 'All lines must have same number of fields')
    return Object.fromEntries(header.map((name, i) => [name, cells[i] === 'NULL' ? null : cells[i]]))
  })
}
