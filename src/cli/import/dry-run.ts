// SPDX-License-Identifier: MIT
// The whole file through the conversion and the gate of the ways in, the same code, without a server: nothing is stored.
import { gateBody } from '../../edge/gate.ts'
import { ShapeBook } from '../../edge/shape.ts'
import { exit, print, printJson } from '../command.ts'
import { bytes, count, openProgress } from '../progress.ts'
import { converter, type Refused } from './convert.ts'
import type { Plan } from './plan.ts'
import { openSource } from './records.ts'
import { fileIdentity } from './state.ts'

const mostErrors = 10

export async function dryRun(file: string, category: string, plan: Plan, json: boolean): Promise<number> {
  const identity = fileIdentity(file)
  const convert = converter(plan, identity)
  const source = openSource(file, plan.format, plan.start, { delimiter: plan.delimiter, most: 1000, mostBytes: 4_000_000 })
  const shapes = new ShapeBook().of(category)
  const counts = { lines: 0, accepted: 0, rejected: 0, quarantined: 0 }
  const reasons: Record<string, number> = {}
  const errors: { line: number; code: string; message: string }[] = []
  const progress = openProgress(identity.bytes, json)
  try {
    for await (const block of source.blocks) {
      const { sent, refused } = convert(block)
      const gated = gateBody(Buffer.from(sent.map((s) => s.json).join('\n')), {
        format: 'ndjson',
        shapes,
        now: Date.now() * 1000,
      })
      const all: Refused[] = [
        ...refused,
        ...gated.rejected.map((r) => ({
          line: (sent[r.index] as { line: Refused['line'] }).line,
          code: r.code,
          message: r.message,
        })),
      ]
      counts.lines += block.lines.length
      counts.accepted += gated.readings.length
      counts.quarantined += gated.readings.filter((r) => r.quarantine !== null).length
      counts.rejected += all.length
      for (const { line, code, message } of all) {
        reasons[code] = (reasons[code] ?? 0) + 1
        if (errors.length < mostErrors) errors.push({ line: line.line, code, message })
      }
      progress.at(source.bytesRead(), `${count(counts.lines)} lines, ${bytes(source.bytesRead())}`)
    }
  } finally {
    progress.stop()
  }
  if (json) printJson({ dryRun: true, ...counts, reasons, errors })
  else {
    print(
      `${count(counts.lines)} lines: ${count(counts.accepted)} would be accepted, ${count(counts.rejected)} rejected; nothing was stored.`,
    )
    if (counts.quarantined > 0)
      print(`${count(counts.quarantined)} of the accepted would be kept aside: their time is out of range.`)
    for (const e of errors) print(`  line ${count(e.line)}: ${e.code} ${e.message}`)
    if (counts.rejected > errors.length) print(`  and ${count(counts.rejected - errors.length)} more`)
  }
  return counts.rejected > 0 ? exit.problems : exit.ok
}
