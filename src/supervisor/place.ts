// SPDX-License-Identifier: MIT
// Where PostgreSQL may live. It refuses to run as root, so under root it runs as an unprivileged user, who must be able to walk
// to its data and to its programs: a checkout in /root (mode 0700) is closed to it.
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { TmiError } from '../base/errors.ts'

export interface RunAs {
  uid?: number
  gid?: number
}

const rootsHome = '/var/lib/tmidb'

/** Under which user servers run: ourselves, or the given uid when we are root. */
export function runAs(uid: number): RunAs {
  return process.getuid?.() === 0 ? { uid, gid: uid } : {}
}

/** The first directory on the way to path that the user cannot walk through. */
export function closedTo(path: string, who: RunAs): string | null {
  if (who.uid === undefined) return null
  for (let dir = nearestExisting(resolve(path)); ; dir = dirname(dir)) {
    const stat = fs.statSync(dir)
    const bit = stat.uid === who.uid ? 0o100 : stat.gid === who.gid ? 0o010 : 0o001
    if (stat.isDirectory() && (stat.mode & bit) === 0) return dir
    if (dir === dirname(dir)) return null
  }
}

/** The folder of a server's data under the data folder; elsewhere, behind a link, when the data folder is closed to its user. */
export function placeFolder(dataDir: string, name: string, who: RunAs, say: (line: string) => void): string {
  const wanted = join(dataDir, name)
  if (!exists(wanted)) {
    const closed = closedTo(dataDir, who)
    if (closed) {
      const elsewhere = join(rootsHome, randomBytes(6).toString('hex'), name)
      makeFolder(dirname(elsewhere), 0o755)
      for (const dir of [rootsHome, dirname(elsewhere)]) fs.chmodSync(dir, 0o755)
      const stillClosed = closedTo(elsewhere, who)
      if (stillClosed) throw closedError(stillClosed, who)
      makeFolder(elsewhere, 0o700)
      fs.symlinkSync(elsewhere, wanted)
      say(`${name} is kept in ${elsewhere}, since ${closed} is closed to the user it runs as (uid ${who.uid})`)
    } else {
      makeFolder(wanted, 0o700)
    }
    if (who.uid !== undefined) fs.chownSync(fs.realpathSync(wanted), who.uid, who.gid ?? who.uid)
  }
  if (!exists(fs.realpathSync.native(wanted))) throw new TmiError('TM501', `${wanted} points to a folder that is gone.`)
  const real = fs.realpathSync(wanted)
  const closed = closedTo(dirname(real), who)
  if (closed) throw closedError(closed, who)
  return real
}

function closedError(dir: string, who: RunAs): TmiError {
  return new TmiError('TM501', `PostgreSQL cannot run as root, and ${dir} is closed to uid ${who.uid}, as which it would run.`, {
    hint: 'Set TMIDB_DATA to a folder that others may walk through (chmod o+x), or start as a normal user.',
  })
}

export function makeFolder(path: string, mode: number): void {
  fs.mkdirSync(path, { recursive: true, mode })
}

export function exists(path: string): boolean {
  try {
    fs.lstatSync(path)
    return true
  } catch {
    return false
  }
}

function nearestExisting(path: string): string {
  let dir = path
  while (!exists(dir) && dir !== dirname(dir)) dir = dirname(dir)
  return dir
}
