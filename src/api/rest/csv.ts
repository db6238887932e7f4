// SPDX-License-Identifier: MIT
// RFC 4180, both ways.
import { RestError } from './error.ts'

/** Rows of texts; null is nothing, an empty text is "". */
export function csv(header: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const cell = (value: string | null): string => {
    if (value === null) return ''
    return value === '' || /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
  }
  return [header, ...rows].map((r) => r.map(cell).join(',')).join('\n')
}

/** Lines of cells; a quoted cell may hold commas and line ends. Empty lines are skipped. */
export function parseCsv(text: string): string[][] {
  const lines: string[][] = []
  const token = /("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r?\n|\r|$)/y
  let line: string[] = []
  for (token.lastIndex = 0; token.lastIndex < text.length; ) {
    const found = token.exec(text)
    if (!found) throw new RestError(400, 'PGRST102', 'Empty or invalid csv', { details: `in line ${lines.length + 1}` })
    const [, cell = '', end] = found
    line.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)
    if (end === ',' && token.lastIndex === text.length) line.push('')
    if (end === ',' && token.lastIndex < text.length) continue
    if (line.length > 1 || line[0] !== '' || cell !== '') lines.push(line)
    line = []
  }
  return lines
}
