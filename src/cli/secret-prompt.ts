// SPDX-License-Identifier: MIT
// A password that is typed, or comes on standard input: never an argument, which everybody on the machine could read.
import type { Readable, Writable } from 'node:stream'
import { TmiError } from '../base/errors.ts'

/** A terminal: what is typed, and where is asked. */
export interface Terminal {
  stdin: Readable & { setRawMode(raw: boolean): unknown }
  stderr: Writable
}

/** Asks on stderr, without showing what is typed; null: Ctrl-C or end of input. What is typed ahead stays for the next question. */
export async function askSecret(question: string, { stdin, stderr }: Terminal = process): Promise<string | null> {
  stderr.write(question)
  stdin.setRawMode(true)
  let typed = ''
  const utf8 = new TextDecoder()
  return await new Promise<string | null>((resolve) => {
    const end = (answer: string | null, ahead = '') => {
      stdin.off('data', take).off('end', over).off('close', over)
      stdin.pause()
      if (ahead !== '') stdin.unshift(Buffer.from(ahead))
      stdin.setRawMode(false)
      stderr.write('\n')
      resolve(answer)
    }
    const over = () => end(null)
    const take = (chunk: Buffer) => {
      const text = [...utf8.decode(chunk, { stream: true })]
      for (const [i, c] of text.entries()) {
        if (c === '\r' || c === '\n') return end(typed, text.slice(i + 1).join(''))
        if (c === '\u0003' || c === '\u0004') return end(null)
        if (c === '\u007f' || c === '\b') typed = [...typed].slice(0, -1).join('')
        else if (c >= ' ') typed += c
      }
    }
    stdin.on('data', take).on('end', over).on('close', over)
    stdin.resume()
  })
}

/** Twice, so that it is what was meant. */
export async function askNewPassword(whose: string, terminal: Terminal = process): Promise<string | null> {
  const first = await askSecret(`Password of ${whose} (empty: make one up): `, terminal)
  if (!first) return first
  const second = await askSecret('Again: ', terminal)
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
