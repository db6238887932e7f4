// SPDX-License-Identifier: MIT
import { createInterface } from 'node:readline/promises'

export function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Asks on stderr; anything but y or yes is no. */
export async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } catch {
    return false // Ctrl-C or end of input
  } finally {
    lines.close()
  }
}
