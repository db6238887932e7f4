// SPDX-License-Identifier: MIT
// Which passwords may be chosen. What counts is length, and that it is none of those that are tried first; nobody is told to add a digit.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TmiError } from './errors.ts'

const fewestCharacters = 8
/** What argon2id is given to read. */
const mostBytes = 256

let common: Set<string> | null = null

/** TM112 with the reason. */
export function checkPassword(password: string, names: readonly (string | null | undefined)[]): void {
  const text = password.normalize('NFKC')
  const small = text.toLowerCase()
  if ([...text].length < fewestCharacters)
    throw new TmiError('TM112', `The password is shorter than ${fewestCharacters} characters.`)
  if (Buffer.byteLength(text) > mostBytes)
    throw new TmiError('TM112', `The password is longer than ${mostBytes} bytes.`, { hint: 'Use a shorter one.' })
  if (names.some((name) => name && name.toLowerCase() === small))
    throw new TmiError('TM112', 'The password is the login.', { hint: 'Use something that nobody knows of you.' })
  common ??= readCommon()
  if (common.has(small)) throw new TmiError('TM112', 'This password is one of those that everybody tries first.')
}

/** Words, with the source and its licence in lines that begin with "# ". */
function readCommon(): Set<string> {
  const lines = readFileSync(join(import.meta.dirname, 'common-passwords.txt'), 'utf8').split('\n')
  return new Set(lines.filter((line) => !line.startsWith('# ') && line !== '#').flatMap((line) => line.split(' ')))
}
