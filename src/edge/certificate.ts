// SPDX-License-Identifier: MIT
// A certificate with its key from two PEM files, read again when they change, as certificates are renewed while servers run.
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Tls } from '../base/config.ts'
import { TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'

export interface Pair {
  cert: Buffer
  key: Buffer
}

/** By the file's state and not by inotify: the files may be links that are replaced, as in Kubernetes. */
const lookEveryMs = 2000

/** Calls at once, and again after each change; a pair that does not fit together (one file is written before the other) is let be. */
export function openCertificate(files: Tls, use: (pair: Pair) => void): Disposable {
  use(read(files))
  const again = (): void => {
    try {
      use(read(files))
      observe({ kind: 'log', level: 'info', message: `certificate read again: ${files.cert}` })
    } catch (e) {
      observe({ kind: 'log', level: 'warn', message: `the certificate stays as it was: ${(e as Error).message}` })
    }
  }
  for (const file of [files.cert, files.key]) watchFile(file, { interval: lookEveryMs, persistent: false }, again)
  return {
    [Symbol.dispose]() {
      for (const file of [files.cert, files.key]) unwatchFile(file, again)
    },
  }
}

function read(files: Tls): Pair {
  try {
    const pair = { cert: readFileSync(files.cert), key: readFileSync(files.key) }
    createSecureContext(pair)
    return pair
  } catch (cause) {
    throw new TmiError('TM501', `The certificate cannot be used (${(cause as Error).message}).`, {
      cause,
      hint: 'TMIDB_TLS_CERT and TMIDB_TLS_KEY are PEM files that belong together; the key without a passphrase.',
    })
  }
}
