// SPDX-License-Identifier: MIT
// What each file in this folder exports. Data goes to stdout, talk to stderr; with --json stdout is one JSON object.
import type { ParseArgsOptionsConfig } from 'node:util'

export interface Command {
  summary: string
  usage: string
  examples: [string, string]
  options?: ParseArgsOptionsConfig
  /** Takes options only, no words. */
  isBare?: true
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

/** An option that another verb of the command takes is a mistake, not nothing. */
export function refuseForeign(words: string, values: Args['values'], own: readonly string[]): void {
  const foreign = Object.keys(values).find((o) => !['json', 'postgres', ...own].includes(o))
  if (foreign) throw new UsageError(`"${words}" has no --${foreign}.`)
}

export function printJson(value: unknown): void {
  process.stdout.write(`${visible(JSON.stringify(value))}\n`)
}

/** One line, whatever stands in it. */
export function print(line: string): void {
  process.stdout.write(`${visible(line)}\n`)
}

/** Several lines, such as a file's. */
export function printBlock(block: string): void {
  for (const line of block.split('\n')) process.stdout.write(`${line.split('\t').map(visible).join('\t')}\n`)
}

/** Names and labels are what anybody gave: no terminal may obey them, nor may they look like another line. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
