// SPDX-License-Identifier: MIT
// Runs as a thread: CSV or HTML of a stranger into JSON text.
import { parentPort, workerData } from 'node:worker_threads'
import { load } from 'cheerio'
import { parse } from 'csv-parse/sync'
import type { Posted } from '../base/thread.ts'
import type { DocumentConfig } from './document.ts'

const mostColumns = 1000

const { text, format, csv, html } = workerData as DocumentConfig & { text: string }
try {
  const rows = format === 'csv' ? ofCsv(text, csv ?? {}) : ofHtml(text, html ?? { items: '', fields: {} })
  post({ result: JSON.stringify(rows) })
} catch (e) {
  post({ code: 'TM222', message: `The ${format} could not be read: ${(e as Error).message.slice(0, 200)}` })
}

function post(posted: Posted<string>): void {
  parentPort?.postMessage(posted)
}

/** Columns by their header, or by the names given; columns without a name are left out. */
function ofCsv(source: string, config: NonNullable<DocumentConfig['csv']>): Record<string, string>[] {
  const rows = parse(source.replaceAll('\0', '').toWellFormed(), {
    delimiter: config.delimiter ?? ',',
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
    trim: true,
  }) as string[][]
  const first = config.header === false ? undefined : rows.shift()
  const names = config.columns ?? first ?? rows[0]?.map((_, i) => `c${i + 1}`) ?? []
  if (names.length > mostColumns) throw new Error(`more than ${mostColumns} columns`)
  return rows.map(
    (row) =>
      Object.fromEntries(names.map((name, i) => [name, row[i] ?? '']).filter(([name]) => name !== '')) as Record<string, string>,
  )
}

/** The text (or an attribute) of what a selector finds in each item; what is not there is left out. */
function ofHtml(source: string, config: NonNullable<DocumentConfig['html']>): Record<string, string>[] {
  const $ = load(source)
  return $(config.items)
    .toArray()
    .map((element) => {
      const item = $(element)
      const row: [string, string][] = []
      for (const [name, spec] of Object.entries(config.fields)) {
        const { css, attr } = typeof spec === 'string' ? { css: spec, attr: undefined } : spec
        const found = css === undefined || css === '' ? item : item.find(css).first()
        const value = attr === undefined ? (found.length > 0 ? found.text() : undefined) : found.attr(attr)
        if (value !== undefined) row.push([name, value.replace(/\s+/g, ' ').trim().replaceAll('\0', '').toWellFormed()])
      }
      return Object.fromEntries(row)
    })
    .filter((row) => Object.keys(row).length > 0)
}
