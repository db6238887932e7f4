// SPDX-License-Identifier: MIT
// $TMIDB_DATA/state.json: how the units are, for "tmictl status"; rewritten whenever one changes.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { UnitState } from './unit.ts'

export interface State {
  pid: number
  ready: boolean
  startedAt: string
  units: UnitState[]
}

export interface StateFile extends Disposable {
  unit(state: UnitState): void
  ready(): void
}

export function openState(dataDir: string): StateFile {
  const file = join(dataDir, 'state.json')
  const units = new Map<string, UnitState>()
  const state: State = { pid: process.pid, ready: false, startedAt: new Date().toISOString(), units: [] }
  const write = () => {
    state.units = [...units.values()]
    try {
      writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 })
      renameSync(`${file}.new`, file)
    } catch {
      // A full disk: the units go on, only the page about them is old.
    }
  }
  write()
  return {
    unit(u) {
      units.set(u.name, u)
      write()
    },
    ready() {
      state.ready = true
      write()
    },
    [Symbol.dispose]: () => rmSync(file, { force: true }),
  }
}

export function readState(dataDir: string): State | null {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'state.json'), 'utf8')) as State
  } catch {
    return null
  }
}
