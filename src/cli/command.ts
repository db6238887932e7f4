// SPDX-License-Identifier: MIT
// What each file in this folder exports. Data goes to stdout, talk to stderr; with --json stdout is one JSON object.
import type { ParseArgsOptionsConfig } from 'node:util'

export interface Command {
  summary: string
  usage: string
  examples: [string, string]
  options?: ParseArgsOptionsConfig
  /** Resolves to the exit code. */
  run(args: Args): Promise<number>
}

export interface Args {
  positionals: string[]
  values: Record<string, string | boolean | (string | boolean)[] | undefined>
  json: boolean
}

/** The same numbers in all commands. */
export const exit = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  unreachable: 5,
  timeout: 6,
  problems: 7,
  interrupted: 130,
} as const

export class UsageError extends Error {}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
