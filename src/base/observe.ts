// SPDX-License-Identifier: MIT
// Everything a process can say is one closed union; the log (JSON lines on stdout) is its first reader.
// A module adds its own member here, so that a reader of this file knows all that can happen.

export type Level = 'debug' | 'info' | 'warn' | 'error'

export type ObservedEvent = { level?: Level } & (
  | { kind: 'log'; message: string }
  | { kind: 'unit.ready'; ms?: number }
  | { kind: 'unit.starting'; pid?: number; attempt?: number }
  | { kind: 'unit.exited'; code: number | null; signal: string | null; restartInMs?: number }
  | { kind: 'unit.unhealthy'; forMs: number; message: string }
  | { kind: 'unit.stopped'; ms: number }
  | { kind: 'migrate.done'; steps: string[]; codeApplied: boolean; ms: number }
  | { kind: 'audit.head'; head: string }
  | { kind: 'error'; code: string; message: string; requestId?: string; stack?: string }
)

let out: { write(line: string): unknown } = process.stdout

/** For a command, whose answer is what stands on stdout. */
export function observeOn(stream: { write(line: string): unknown }): void {
  out = stream
}

export function observe(event: ObservedEvent): void {
  out.write(`${observedLine(event)}\n`)
}

export function observedLine(event: ObservedEvent, unit = process.env.TMIDB_UNIT ?? 'tmidb'): string {
  return JSON.stringify({ at: new Date().toISOString(), unit, ...event })
}
