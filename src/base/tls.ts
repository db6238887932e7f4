// SPDX-License-Identifier: MIT
// The certificate that HTTP and MQTT show: checked before anything starts, read again when its files change.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Tls } from './config.ts'
import { TmiError } from './errors.ts'
import { observe } from './observe.ts'

export interface TlsPair {
  cert: string
  key: string
}

/** Both files, or TM501 with the sentence of what is wrong with them. */
export function readTls(files: Tls): TlsPair {
  const cert = read(files.cert, 'TMIDB_TLS_CERT')
  const key = read(files.key, 'TMIDB_TLS_KEY')
  const first = parsed('TMIDB_TLS_CERT', files.cert, 'certificate', () => new X509Certificate(cert))
  const own = parsed('TMIDB_TLS_KEY', files.key, 'private key without a passphrase', () => createPrivateKey(key))
  if (!first.checkPrivateKey(own)) {
    throw new TmiError('TM501', `The key ${files.key} does not belong to the certificate ${files.cert}.`, {
      hint: 'Set TMIDB_TLS_CERT and TMIDB_TLS_KEY to a pair; the own certificate comes first in its file, then the chain.',
    })
  }
  parsed('TMIDB_TLS_CERT', files.cert, 'certificate chain', () => createSecureContext({ cert, key }))
  return { cert, key }
}

/** The name under which the certificate holds for clients on this machine: the host itself where it can be. */
export function certifiedHost(files: Tls, host: string): string {
  const certificate = new X509Certificate(readFileSync(files.cert))
  const bare = host.replace(/^\[|\]$/g, '')
  if ((isIP(bare) ? certificate.checkIP(bare) : certificate.checkHost(bare)) !== undefined) return host
  return certificate.checkHost('localhost') === undefined ? host : 'localhost'
}

/**
 * Calls back with each new pair. A renewal writes one file after the other, and often swaps a link: so the files are looked at,
 * not their folder watched, and a pair that does not fit yet leaves the old one in place.
 */
export function followTls(files: Tls, onNew: (pair: TlsPair) => void, everyMs = 2000): Disposable {
  let current = readTls(files)
  const look = (): void => {
    try {
      const pair = readTls(files)
      if (pair.cert === current.cert && pair.key === current.key) return
      onNew(pair)
      current = pair
      observe({ kind: 'log', level: 'info', message: 'The certificate was read again.' })
    } catch (e) {
      observe({ kind: 'log', level: 'warn', message: `The certificate stays the old one: ${(e as Error).message}` })
    }
  }
  const paths = [files.cert, files.key]
  for (const path of paths) watchFile(path, { interval: everyMs, persistent: false }, look)
  return {
    [Symbol.dispose]() {
      for (const path of paths) unwatchFile(path, look)
    },
  }
}

function read(path: string, variable: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : `cannot be read (${(cause as Error).message})`
    throw new TmiError('TM501', `The file ${path} of ${variable} ${why}.`, { cause, hint: 'Give the path of a PEM file.' })
  }
}

function parsed<T>(variable: string, path: string, what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new TmiError('TM501', `The file ${path} of ${variable} holds no ${what} in PEM form.`, {
      cause,
      hint: 'It begins with "-----BEGIN"; see the README on TLS.',
    })
  }
}
