// SPDX-License-Identifier: MIT
// <file>.tmi-import.json: up to where a file was acknowledged, so that the same command goes on there after Ctrl-C, a crash or a
// server that went away. It is at most half a second old; what was acknowledged behind it is sent again and changes nothing.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { TmiError } from '../../base/errors.ts'
import { UsageError } from '../command.ts'
import type { Refused } from './convert.ts'
import type { Plan } from './plan.ts'
import type { Place } from './records.ts'

export interface Counts {
  lines: number
  accepted: number
  rejected: number
  quarantined: number
}

export interface State {
  url: string
  category: string
  asked: string
  plan: Plan
  file: { bytes: number; headBytes: number; hash: string }
  baseMicros: number
  startedAt: string
  done: boolean
  /** Everything before it is acknowledged or in the rejected file. */
  place: Place
  counts: Counts
  rejectedBytes: number
  reasons: Record<string, number>
}

const mostHeadBytes = 65_536
const everyMs = 500

/** What tells one file from another. A file that grew is the same one. */
export function fileIdentity(
  file: string,
  headBytes = mostHeadBytes,
): { bytes: number; headBytes: number; hash: string; baseMicros: number } {
  const handle = fs.openSync(file, 'r')
  try {
    const { size, mtimeMs } = fs.fstatSync(handle)
    const head = Buffer.alloc(Math.min(headBytes, size))
    fs.readSync(handle, head, 0, head.length, 0)
    const hash = createHash('sha256').update(head).digest('hex').slice(0, 16)
    return { bytes: size, headBytes: head.length, hash, baseMicros: Math.floor(mtimeMs) * 1000 }
  } finally {
    fs.closeSync(handle)
  }
}

export function statePath(file: string, workDir: string | undefined): string {
  return join(workDir ?? dirname(file), `${basename(file)}.tmi-import.json`)
}

export function rejectedPath(file: string, workDir: string | undefined, plan: Plan): string {
  const name = basename(file).replace(/(\.(csv|tsv|txt|ndjson|jsonl|json))?(\.gz)?$/i, '')
  return join(workDir ?? dirname(file), `${name}.rejected.${plan.format === 'csv' ? 'csv' : 'ndjson'}`)
}

/** The state that is there, if it is of this file and these options; null if there is none. */
export function readState(path: string, file: string, wanted: { url: string; category: string; asked: string }): State | null {
  if (!fs.existsSync(path)) return null
  let state: State
  try {
    state = JSON.parse(fs.readFileSync(path, 'utf8')) as State
  } catch (cause) {
    throw new TmiError('TM303', `${path} cannot be read.`, {
      hint: 'Say --restart to import from the beginning; nothing is doubled by it.',
      cause,
    })
  }
  const now = fileIdentity(file, state.file.headBytes)
  if (now.hash !== state.file.hash || now.bytes < state.file.bytes)
    throw new UsageError(`${file} is not the file that was begun: say --restart to import it from the beginning.`)
  for (const key of ['category', 'url', 'asked'] as const)
    if (state[key] !== wanted[key])
      throw new UsageError(
        `The import of ${file} was begun with other options (${key}: ${state[key]}): say the same, or --restart.`,
      )
  return state
}

export interface StateFile {
  /** Notes what is acknowledged now; written down twice a second. */
  note(refused: Refused[]): void
  write(): void
  close(): void
}

export function openStateFile(path: string, rejectedFile: string, state: State, header: Buffer | null): StateFile {
  let waiting: Buffer[] = []
  let written = 0
  let rejected: number | null = null
  if (fs.existsSync(rejectedFile)) {
    // Lines that were refused behind the state's place come again.
    if (state.rejectedBytes === 0) fs.rmSync(rejectedFile)
    else fs.truncateSync(rejectedFile, state.rejectedBytes)
  }
  const write = (): void => {
    if (waiting.length > 0) {
      rejected ??= fs.openSync(rejectedFile, 'a')
      if (state.rejectedBytes === 0 && header !== null) waiting.unshift(header)
      for (const bytes of waiting) {
        fs.writeSync(rejected, bytes)
        state.rejectedBytes += bytes.length
      }
      fs.fsyncSync(rejected)
      waiting = []
    }
    fs.writeFileSync(`${path}.new`, `${JSON.stringify(state)}\n`)
    fs.renameSync(`${path}.new`, path)
    written = Date.now()
  }
  return {
    note(refused) {
      for (const r of refused) waiting.push(rejectedLine(r, state.plan))
      if (Date.now() - written >= everyMs) write()
    },
    write,
    close() {
      write()
      if (rejected !== null) fs.closeSync(rejected)
    },
  }
}

/** A CSV line as it was with the reason as one column more, which an import of the repaired file leaves out; else the line in a JSON object. */
function rejectedLine({ line, code, message }: Refused, plan: Plan): Buffer {
  if (plan.format === 'csv') {
    const reason = `${code} ${message} (line ${line.line})`.replaceAll('"', '""')
    return Buffer.concat([line.bytes, Buffer.from(`${plan.delimiter}"${reason}"\n`)])
  }
  const raw = line.bytes.toString('utf8')
  const isText = Buffer.from(raw).equals(line.bytes)
  return Buffer.from(
    `${JSON.stringify({ line: line.line, code, message, ...(isText ? { raw } : { raw_base64: line.bytes.toString('base64') }) })}\n`,
  )
}

export function rejectedHeader(header: Buffer | null, plan: Plan): Buffer | null {
  return header === null ? null : Buffer.concat([header, Buffer.from(`${plan.delimiter}tmi_error\n`)])
}
