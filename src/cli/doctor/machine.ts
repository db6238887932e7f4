// SPDX-License-Identifier: MIT
// What the machine around an instance is like: room on its disks, who may read its secrets, its certificate, its version.
import { X509Certificate } from 'node:crypto'
import { readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, isLoopback, leastFree } from '../../base/config.ts'
import { readTls } from '../../base/tls.ts'
import type { Finding, Level } from '../../db/lints.ts'
import { version } from '../../supervisor/data-folder.ts'
import { readState } from '../../supervisor/state.ts'
import { bytes } from '../progress.ts'

const day = 86_400_000

export function machineFindings(config: Config): Finding[] {
  return [
    ...units(config),
    ...disks(config),
    ...secrets(config),
    ...certificate(config),
    ...addresses(config),
    ...versions(config),
  ]
}

export function finding(level: Level, lint: string, what: string, mend: string): Finding {
  return { lint, level, what, mend, reason: null }
}

function units({ dataDir }: Config): Finding[] {
  return (readState(dataDir)?.units ?? [])
    .filter((u) => u.state !== 'ready')
    .map((u) =>
      finding('error', 'unit', `${u.name} is ${u.state} since ${u.since}`, `See ${join(dataDir, 'log')} and "tmictl status".`),
    )
}

/** Below the least, readings are refused: it is said before that, at three times as much. */
function disks({ dataDir, minFree }: Config): Finding[] {
  const seen = new Set<string>()
  return ['.', 'postgres', 'nats', 'log'].flatMap((part) => {
    const path = join(dataDir, part)
    try {
      const { bavail, blocks, bsize } = statfsSync(path)
      const volume = `${statSync(path).dev}`
      if (seen.has(volume)) return []
      seen.add(volume)
      const [free, size] = [bavail * bsize, blocks * bsize]
      const least = minFree ?? leastFree(size)
      if (free >= least * 3) return []
      const what = `${bytes(free)} of ${bytes(size)} are free on the volume of ${path}`
      return [
        free < least
          ? finding(
              'error',
              'disk',
              `${what}: readings are refused below ${bytes(least)}`,
              'Make room; the ways in open again by themselves.',
            )
          : finding('warn', 'disk', what, `Make room: below ${bytes(least)} readings are refused.`),
      ]
    } catch {
      return []
    }
  })
}

function secrets({ dataDir, tls }: Config): Finding[] {
  const files = ['connection.json', 'connection.json.pending', 'secrets.json', 'state.json'].map((name) => join(dataDir, name))
  return [...files, ...(tls ? [tls.key] : [])].flatMap((path) => {
    const mode = modeOf(path)
    // A key may be readable by its group, as certificate tools leave it.
    const tooOpen = path === tls?.key ? 0o007 : 0o077
    if (mode === null || (mode & tooOpen) === 0) return []
    return [finding('error', 'secrets', `others may read ${path} (mode ${mode.toString(8)})`, `chmod 600 ${path}`)]
  })
}

function modeOf(path: string): number | null {
  try {
    return statSync(path).mode & 0o777
  } catch {
    return null
  }
}

function certificate({ tls }: Config, now = Date.now()): Finding[] {
  if (!tls) return []
  try {
    readTls(tls)
  } catch (e) {
    return [
      finding('error', 'certificate', (e as Error).message, 'The old one stays until a pair fits; put both files in place.'),
    ]
  }
  const own = new X509Certificate(readFileSync(tls.cert))
  const left = Math.floor((Date.parse(own.validTo) - now) / day)
  const renew = 'Renew it: new files are read by themselves.'
  if (Date.parse(own.validFrom) > now)
    return [finding('error', 'certificate', `${tls.cert} holds only from ${own.validFrom}`, 'Check the clock.')]
  if (left < 0) return [finding('error', 'certificate', `${tls.cert} ended ${own.validTo}`, renew)]
  if (left < 30)
    return [finding(left < 14 ? 'warn' : 'info', 'certificate', `${tls.cert} ends in ${left} days (${own.validTo})`, renew)]
  return []
}

function addresses({ host, tls, allowedOrigins }: Config): Finding[] {
  const found: Finding[] = []
  if (!tls && !isLoopback(host)) {
    const what = `HTTP and MQTT listen on ${host} without TLS: tokens and readings can be read on the way`
    found.push(
      finding(
        'warn',
        'plain_text',
        what,
        'Set TMIDB_TLS_CERT and TMIDB_TLS_KEY, or put a proxy with TLS before it and listen on 127.0.0.1.',
      ),
    )
  }
  if (allowedOrigins.includes('*'))
    found.push(
      finding('warn', 'origins', 'every web page may use the API (TMIDB_ALLOWED_ORIGINS=*)', 'Name the pages that are yours.'),
    )
  return found
}

function versions({ dataDir }: Config): Finding[] {
  try {
    const data = readFileSync(join(dataDir, 'VERSION'), 'utf8').trim()
    if (data === version) return []
    return [
      finding(
        'warn',
        'version',
        `the instance runs ${data}, this tmictl is ${version}`,
        'Use the tmictl of the instance, or start it anew.',
      ),
    ]
  } catch {
    return []
  }
}
