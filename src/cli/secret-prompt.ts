// SPDX-License-Identifier: MIT
// A password that is typed, or comes on standard input: never an argument, which everybody on the machine could read.
import { TmiError } from '../base/errors.ts'

/** Asks on stderr, without showing what is typed; null: Ctrl-C or end of input. */
export async function askSecret(question: string): Promise<string | null> {
  const { stdin, stderr } = process
  stderr.write(question)
  stdin.setRawMode(true)
  stdin.resume()
  let typed = ''
  try {
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const c of (chunk as Buffer).toString('utf8')) {
        if (c === '\r' || c === '\n') return typed
        if (c === '\u0003' || c === '\u0004') return null
        if (c === '\u007f' || c === '\b') typed = [...typed].slice(0, -1).join('')
        else if (c >= ' ') typed += c
      }
    }
    return null
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}

/** Twice, so that it is what was meant. */
export async function askNewPassword(whose: string): Promise<string | null> {
  const first = await askSecret(`Password of ${whose} (empty: make one up): `)
  if (!first) return first
  const second = await askSecret('Again: ')
  if (second !== null && second !== first)
    throw new TmiError('TM112', 'These are two different passwords.', { hint: 'Nothing was changed.' })
  return second
}

/** The first line of standard input. */
export async function readSecret(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin) text += (chunk as Buffer).toString('utf8')
  return text.split(/\r?\n/, 1)[0] ?? ''
}
