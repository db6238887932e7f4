// SPDX-License-Identifier: MIT
// Which migrations a command is about, in which order, and when it is refused before anything runs.
import { TmiError } from '../../base/errors.ts'
import { type Direction, type Migration, type Part, runnable } from './files.ts'
import { appliedOf, readHistory, statesOf } from './history.ts'
import type { ApiChange, Session } from './session.ts'

/** Which of them: this many, or until the one of this name is the last that is applied. */
export interface Extent {
  count?: number
  to?: string
}

export interface Step {
  migration: Migration
  direction: Direction
  part: Part
}

export async function plan<C, D extends ApiChange>(
  session: Session<C, D>,
  direction: Direction,
  extent: Extent,
  dry = false,
): Promise<Step[]> {
  const found = direction === 'up' ? await planUp(session, extent, dry) : await planDown(session, extent)
  return found.map((migration) => ({ migration, direction, part: runnable(migration, direction) }))
}

async function planUp<C, D extends ApiChange>(session: Session<C, D>, { count, to }: Extent, dry: boolean): Promise<Migration[]> {
  const { client, folder, force, say, person, allowOutOfOrder } = session
  const states = statesOf(folder, await readHistory(client))
  if (to !== undefined && !folder.migrations.some((m) => m.name === to)) throw unknown(to, session.dir)
  for (const s of states) if (s.state === 'missing') say(`${s.name} is applied, but its file is not in ${session.dir}.`)
  const changed = states.flatMap((s) => (s.state === 'changed' && s.migration ? [s.migration] : []))
  if (changed.length > 0 && !force) {
    throw new TmiError('TM108', `Edited after it was applied: ${changed.map((m) => m.path).join(', ')}.`, {
      hint: 'It is not run again. Put it back and write a new migration, or accept it as it is now with --force.',
    })
  }
  for (const m of changed) {
    if (!dry) await client.query('select tmidb.record_migration($1, $2, $3, 0, $4)', [m.name, 'accept', m.up.sha256, person])
    say(
      `${m.name} was edited after it was applied: ${dry ? 'it would be accepted' : 'accepted'} as it is now, and not run again.`,
    )
  }
  const pending = states.flatMap((s) => (s.state === 'pending' && s.migration ? [{ ...s, migration: s.migration }] : []))
  const wanted = pending.filter((s) => to === undefined || s.name <= to).slice(0, count)
  const late = wanted.filter((s) => s.outOfOrder).map((s) => s.name)
  if (late.length > 0 && !allowOutOfOrder) {
    throw new TmiError('TM108', `Older than what is applied already: ${late.join(', ')}.`, {
      hint: 'Give the file a newer timestamp, or apply it now with --allow-out-of-order.',
    })
  }
  return wanted.map((s) => s.migration)
}

async function planDown<C, D extends ApiChange>(session: Session<C, D>, { count, to }: Extent): Promise<Migration[]> {
  const { client, folder, dir } = session
  // In the reverse of the order in which they were applied, which need not be that of their names.
  const names = [...appliedOf(await readHistory(client)).keys()].reverse()
  if (to !== undefined && !names.includes(to)) throw unknown(to, dir, 'is not applied')
  return names.slice(0, to === undefined ? (count ?? 1) : names.indexOf(to)).map((name) => {
    const migration = folder.migrations.find((m) => m.name === name)
    if (!migration) throw unknown(name, dir, `has no file in ${dir}, so it cannot be taken back`)
    return migration
  })
}

function unknown(name: string, dir: string, why = `is not in ${dir}`): TmiError {
  return new TmiError('TM107', `The migration ${name} ${why}.`, { hint: '"tmictl migrate status" lists them.' })
}
