// SPDX-License-Identifier: MIT
// How far a long command is, on stderr: a bar at a terminal, else a line every 5 s that a log can hold.
import { SingleBar } from 'cli-progress'

const everyMs = 5000

export interface Progress {
  /** Done so far of the total, and what to say beside it. */
  at(done: number, said: string): void
  /** A line between; the bar stays below. */
  say(line: string): void
  stop(): void
}

export function openProgress(total: number, quiet = false): Progress {
  if (quiet || !process.stderr.isTTY) {
    let last = Date.now()
    return {
      at(done, said) {
        if (quiet || Date.now() - last < everyMs) return
        last = Date.now()
        process.stderr.write(`${total > 0 ? `${Math.floor((100 * done) / total)} %, ` : ''}${said}\n`)
      },
      say: (line) => void process.stderr.write(`${line}\n`),
      stop() {},
    }
  }
  const bar = new SingleBar({
    format: '{bar} {percentage} % | {said} | {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    etaBuffer: 50,
    fps: 5,
    stream: process.stderr,
  })
  bar.start(total, 0, { said: '' })
  let at = 0
  let saidLast = ''
  return {
    at(done, said) {
      at = done
      saidLast = said
      bar.update(Math.min(done, total), { said })
    },
    say(line) {
      bar.stop()
      process.stderr.write(`${line}\n`)
      bar.start(total, at, { said: saidLast })
    },
    stop: () => bar.stop(),
  }
}

const thousands = new Intl.NumberFormat('en-US')

export function count(n: number | string): string {
  return thousands.format(typeof n === 'string' ? BigInt(n) : n)
}

export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000
    unit++
  }
  return `${n < 10 && unit > 0 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`
}
