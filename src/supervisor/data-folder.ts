// SPDX-License-Identifier: MIT
// $TMIDB_DATA: of which version it is, who works on it now, and the secrets that were made for it once.
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { TmiError } from '../base/errors.ts'
import { commandLine, processStart } from './process.ts'

export const version = '0.1'

export interface Secrets {
  postgres: string
  nats: string
  /** Of the NATS user of outside clients. */
  nats_speaker: string
  admin: string
  tmidb_api: string
  tmidb_edge: string
  tmidb_drain: string
  tmidb_worker: string
}

export interface DataFolder extends Disposable {
  dir: string
  secrets: Secrets
}

export interface Owner {
  pid: number
  start: string
}

/** Makes or opens the folder and takes its lock; refuses one of another version, or one that is in use. */
export function openDataFolder(dir: string): DataFolder {
  // Servers that may not run as root have to walk through it; the files inside are closed one by one.
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700
  try {
    fs.mkdirSync(dir, { recursive: true, mode })
    fs.accessSync(dir, fs.constants.W_OK | fs.constants.X_OK)
  } catch (cause) {
    throw new TmiError('TM501', `The data folder ${dir} cannot be written to.`, {
      cause,
      hint: 'Set TMIDB_DATA to a folder of yours, or start as its owner.',
    })
  }
  checkVersion(dir)
  const lock = takeLock(dir)
  try {
    if (fs.readdirSync(dir).every((name) => name === 'supervisor.pid')) fs.chmodSync(dir, mode)
    fs.writeFileSync(join(dir, 'VERSION'), `${version}\n`)
    return { dir, secrets: secrets(dir), [Symbol.dispose]: () => fs.rmSync(lock, { force: true }) }
  } catch (e) {
    fs.rmSync(lock, { force: true })
    throw e
  }
}

function checkVersion(dir: string): void {
  let found: string
  try {
    found = fs.readFileSync(join(dir, 'VERSION'), 'utf8').trim()
  } catch {
    // A folder with other people's files is not ours to fill.
    const foreign = fs.readdirSync(dir).filter((name) => !['supervisor.pid', 'secrets.json', 'bin', 'log'].includes(name))
    if (foreign.length === 0) return
    throw new TmiError('TM501', `The folder ${dir} is not empty and holds no tmiDB data (${foreign[0]}).`, {
      hint: 'Set TMIDB_DATA to an empty or new folder.',
    })
  }
  if (major(found) === major(version)) return
  throw new TmiError('TM501', `The data folder ${dir} is of tmiDB ${found}; this is tmiDB ${version}.`, {
    hint: `Start tmiDB ${found} on it, or set TMIDB_DATA to another folder.`,
  })
}

/** Before 1.0 every minor may change the folder's form. */
function major(v: string): string {
  const [a = '', b = ''] = v.split('.')
  return a === '0' ? `0.${b}` : a
}

function takeLock(dir: string): string {
  const lock = join(dir, 'supervisor.pid')
  const mine = JSON.stringify({ pid: process.pid, start: processStart(process.pid) ?? '' })
  for (;;) {
    try {
      fs.writeFileSync(lock, mine, { flag: 'wx', mode: 0o600 })
      return lock
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e
      const owner = runningOwner(dir)
      if (owner) {
        throw new TmiError('TM501', `tmiDB already runs on ${dir} (process ${owner.pid}).`, {
          hint: 'Stop it with "npx tmictl stop", or set TMIDB_DATA and the ports to start another.',
        })
      }
      fs.rmSync(lock, { force: true })
    }
  }
}

/** The supervisor that works on this folder now. */
export function runningOwner(dir: string): Owner | null {
  try {
    const owner = JSON.parse(fs.readFileSync(join(dir, 'supervisor.pid'), 'utf8')) as Owner
    if (!Number.isInteger(owner.pid) || owner.pid < 1 || !commandLine(owner.pid)) return null
    return processStart(owner.pid) === owner.start ? owner : null
  } catch {
    return null
  }
}

function secrets(dir: string): Secrets {
  const file = join(dir, 'secrets.json')
  let known: Partial<Secrets> = {}
  try {
    known = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<Secrets>
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw new TmiError('TM501', `${file} cannot be read.`, { cause: e })
  }
  const all: Secrets = {
    postgres: known.postgres ?? base62(24),
    nats: known.nats ?? base62(24),
    nats_speaker: known.nats_speaker ?? base62(24),
    admin: known.admin ?? base62(16),
    tmidb_api: known.tmidb_api ?? base62(24),
    tmidb_edge: known.tmidb_edge ?? base62(24),
    tmidb_drain: known.tmidb_drain ?? base62(24),
    tmidb_worker: known.tmidb_worker ?? base62(24),
  }
  writeSecret(file, `${JSON.stringify(all, null, 2)}\n`)
  return all
}

/** Whole or not at all, readable by the owner only. */
export function writeSecret(file: string, text: string): void {
  const fresh = `${file}.new`
  fs.rmSync(fresh, { force: true })
  const fd = fs.openSync(fresh, 'wx', 0o600)
  try {
    fs.writeSync(fd, text)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  fs.renameSync(fresh, file)
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

export function base62(length: number): string {
  let out = ''
  while (out.length < length) {
    // 248 = 4 * 62: higher bytes would make some characters likelier.
    for (const byte of randomBytes(length)) if (byte < 248 && out.length < length) out += alphabet[byte % 62]
  }
  return out
}
