// SPDX-License-Identifier: MIT
// One log for all processes: JSON lines in $TMIDB_DATA/log/tmidb.log, 50 MB a file, three older ones kept.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type ObservedEvent, observedLine } from '../base/observe.ts'
import type { UnitLog } from './unit.ts'

const maxBytes = 50 * 2 ** 20
const kept = 3

export interface Log extends UnitLog, Disposable {
  path: string
  /** The last lines a unit wrote, for the sentence that says why it did not start. */
  last(unit: string): string[]
}

export function openLog(dataDir: string, onEvent: (unit: string, event: ObservedEvent) => void, max = maxBytes): Log {
  fs.mkdirSync(join(dataDir, 'log'), { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'log', 'tmidb.log')
  let fd = fs.openSync(path, 'a', 0o600)
  let size = fs.fstatSync(fd).size
  const last = new Map<string, string[]>()

  const write = (json: string) => {
    const bytes = Buffer.from(`${json}\n`)
    if (size + bytes.length > max) {
      fs.closeSync(fd)
      for (let n = kept; n >= 1; n--) {
        const older = n === 1 ? path : `${path}.${n - 1}`
        if (fs.existsSync(older)) fs.renameSync(older, `${path}.${n}`)
      }
      fd = fs.openSync(path, 'a', 0o600)
      size = 0
    }
    // A full disk must not stop the supervisor from doing its work.
    try {
      size += fs.writeSync(fd, bytes)
    } catch {}
  }

  return {
    path,
    line(unit, text) {
      if (text === '') return
      const lines = last.get(unit) ?? []
      lines.push(text)
      last.set(unit, lines.slice(-12))
      write(isEvent(text) ? text : observedLine({ kind: 'log', message: text }, unit))
    },
    event(unit, event) {
      write(observedLine(event, unit))
      onEvent(unit, event)
    },
    last: (unit) => (last.get(unit) ?? []).map(human),
    [Symbol.dispose]: () => fs.closeSync(fd),
  }
}

/** Node units write JSON lines already. */
function isEvent(text: string): boolean {
  if (!text.startsWith('{"at":')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function human(text: string): string {
  if (!isEvent(text)) return text
  const event = JSON.parse(text) as { kind?: string; message?: string }
  return event.message ? `${event.kind}: ${event.message}` : text
}
