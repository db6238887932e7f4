// SPDX-License-Identifier: MIT
// What was done and what is left to do: the folder beside the history that the database keeps.
import type { Client } from '../superuser.ts'
import type { Direction, Folder, Migration } from './files.ts'

export interface Run {
  run: number
  at: string
  name: string
  direction: Direction | 'accept'
  login: string
  person: string | null
  ms: number
  sha256: string
  transactional: boolean
  broke: string[] | null
}

export interface State {
  name: string
  /** changed: applied, and its Up part was edited since. missing: applied, and its file is gone. */
  state: 'applied' | 'pending' | 'changed' | 'missing'
  appliedAt: string | null
  /** Pending, and older than one that is applied. */
  outOfOrder: boolean
  migration: Migration | null
}

/** Oldest first. */
export async function readHistory(client: Client): Promise<Run[]> {
  const { rows } = await client.query<Run>(
    `select run_id::int as run, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, name, direction, login, person,
       round(1000 * extract(epoch from duration))::int as ms, sha256, is_transactional as transactional, broke
     from tmidb.migration_run order by run_id`,
  )
  return rows
}

/** By name: the run that applied it, and the checksum that it has since then; in the order in which they were applied. */
export function appliedOf(history: readonly Run[]): Map<string, Run> {
  const applied = new Map<string, Run>()
  for (const run of history) {
    if (run.direction === 'down') applied.delete(run.name)
    else if (run.direction === 'up') applied.set(run.name, run)
    else {
      const before = applied.get(run.name)
      if (before) applied.set(run.name, { ...before, sha256: run.sha256 })
    }
  }
  return applied
}

/** Every migration that the folder or the history knows, by name. */
export function statesOf(folder: Folder, history: readonly Run[]): State[] {
  const applied = appliedOf(history)
  const newest = [...applied.keys()].sort().at(-1) ?? ''
  const here = new Map(folder.migrations.map((m) => [m.name, m]))
  return [...new Set([...here.keys(), ...applied.keys()])].sort().map((name) => {
    const migration = here.get(name) ?? null
    const run = applied.get(name)
    const outOfOrder = !run && name < newest
    if (!run) return { name, state: 'pending', appliedAt: null, outOfOrder, migration }
    const state = migration === null ? 'missing' : migration.up.sha256 === run.sha256 ? 'applied' : 'changed'
    return { name, state, appliedAt: run.at, outOfOrder, migration }
  })
}
