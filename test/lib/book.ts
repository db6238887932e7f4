// SPDX-License-Identifier: MIT
// A producer's book: a file with a line when readings are sent and a line when they are acknowledged ("s target from to",
// "a target from to"), each fsynced before it counts. Whoever is killed, the book says what was promised.
import { open, readFile } from 'node:fs/promises'

export interface Entry {
  target: string
  from: number
  to: number
}

export interface Book {
  /** Resolves when the line is on the disk: only then may the readings go out. */
  sent(entries: Entry[]): Promise<void>
  acknowledged(entries: Entry[]): Promise<void>
  close(): Promise<void>
}

export async function openBook(file: string): Promise<Book> {
  const handle = await open(file, 'a', 0o600)
  let lines = ''
  let writing: Promise<void> | null = null
  // Lines that come while an fsync is under way share the next one.
  const flush = async (): Promise<void> => {
    await writing
    writing ??= (async () => {
      const text = lines
      lines = ''
      await handle.write(text)
      await handle.datasync()
    })().finally(() => {
      writing = null
    })
    await writing
  }
  const note = (kind: 's' | 'a', entries: Entry[]): Promise<void> => {
    for (const { target, from, to } of entries) lines += `${kind} ${target} ${from} ${to}\n`
    return flush()
  }
  return {
    sent: (entries) => note('s', entries),
    acknowledged: (entries) => note('a', entries),
    async close() {
      await writing
      await handle.close()
    },
  }
}

/** What a book says of a target: readings 1 to attempted went out, 1 to acknowledged were promised. */
export interface Promised {
  target: string
  attempted: number
  acknowledged: number
}

export async function readBook(file: string): Promise<Promised[]> {
  const found = new Map<string, Promised>()
  const text = await readFile(file, 'utf8')
  // A line without its end was being written when the producer was killed: it does not count.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue
    const [kind, target = '', from, to] = line.split(' ')
    const of = found.get(target) ?? { target, attempted: 0, acknowledged: 0 }
    found.set(target, of)
    const last = kind === 's' ? of.attempted : of.acknowledged
    if (Number(from) !== last + 1) throw new Error(`${file}: "${line}" does not follow ${last}`)
    if (kind === 's') of.attempted = Number(to)
    else of.acknowledged = Number(to)
  }
  return [...found.values()]
}
