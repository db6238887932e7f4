// SPDX-License-Identifier: MIT
// Migrations up and down: apply, look at what the API would become, then commit or take back. Each has a transaction of its own, in
// which its line of history is written too.
import { TmiError } from '../../base/errors.ts'
import type { Client } from '../superuser.ts'
import { failure } from './failure.ts'
import type { Direction } from './files.ts'
import { rehearsable, runOutside } from './outside.ts'
import { type Extent, plan, type Step } from './plan.ts'
import { type ApiChange, type Done, inSession, type Options, ownSettings, type Session } from './session.ts'

export interface Warning {
  what: string
  mend: string
}

export interface Outcome<Change extends ApiChange> {
  steps: Done<Change>[]
  /** What the exposed tables lack that they did not lack before. */
  warnings: Warning[]
}

export interface Rehearsal<Change extends ApiChange> extends Outcome<Change> {
  /** Of all steps together. */
  changes: Change[]
}

export async function run<C, D extends ApiChange>(
  options: Options<C, D>,
  direction: Direction,
  extent: Extent,
): Promise<Outcome<D>> {
  return await inSession(options, async (session) => {
    const { client, api } = session
    const steps = await plan(session, direction, extent)
    if (steps.length === 0) return { steps: [], warnings: [] }
    const warned = await readWarnings(client)
    // What breaks is told by what the API shows now, not by what a step before made: an empty database takes the whole history of a
    // folder, renames included.
    const begun = await api.read(client)
    let before = begun
    for (const step of steps) before = await runStep(session, step, begun, before)
    return { steps: session.done, warnings: added(warned, await readWarnings(client)) }
  })
}

/** All steps in one transaction that is taken back. */
export async function rehearse<C, D extends ApiChange>(
  options: Options<C, D>,
  direction: Direction,
  extent: Extent,
): Promise<Rehearsal<D>> {
  return await inSession(options, async (session) => {
    const { client, api, done } = session
    const steps = await plan(session, direction, extent, true)
    const last = steps.at(-1)
    if (!last) return { steps: [], changes: [], warnings: [] }
    const warned = await readWarnings(client)
    const before = await api.read(client)
    await begin(client)
    try {
      for (const step of steps) done.push({ ...described(step), ms: await apply(session, step, true), changes: [], broke: [] })
      const changes = api.diff(before, await readAfter(session, last, before))
      return { steps: done, changes, warnings: added(warned, await readWarnings(client)) }
    } finally {
      await client.query('rollback').catch(() => {})
    }
  })
}

async function runStep<C, D extends ApiChange>(session: Session<C, D>, step: Step, begun: C, before: C): Promise<C> {
  const { client, api, signal, done, say } = session
  const { name, isTransactional } = step.migration
  await begin(client)
  try {
    const ms = await apply(session, step)
    const after = await readAfter(session, step, before)
    const changes = api.diff(before, after)
    const broke = (before === begun ? changes : api.diff(begun, after)).filter((c) => c.breaking)
    if (broke.length > 0 && !session.force) throw breaks(step, broke)
    signal.throwIfAborted()
    const result = { ...described(step), ms, changes, broke: broke.map((c) => c.text) }
    if (isTransactional) await finish(session, step, result)
    else {
      await client.query('rollback')
      result.ms = await runOutside(client, step)
      await begin(client)
      await finish(session, step, result)
    }
    done.push(result)
    say(`${name} ${step.direction === 'up' ? 'applied' : 'taken back'} in ${result.ms} ms`)
    return after
  } catch (e) {
    await client.query('rollback').catch(() => {})
    throw e
  }
}

/** An API that cannot be built would stay as it was, and nothing that comes later would be seen; that is not for --force. */
async function readAfter<C, D extends ApiChange>(
  { client, api, signal }: Session<C, D>,
  { migration }: Step,
  before: C,
): Promise<C> {
  try {
    return await api.read(client, before)
  } catch (e) {
    signal.throwIfAborted()
    const why = e instanceof Error ? e.message : String(e)
    const hint = 'Nothing of it was kept. Change its names or types.'
    throw new TmiError('TM306', `With ${migration.name} the API cannot be built: ${why}`, { cause: e, hint, details: [] })
  }
}

async function finish<C, D extends ApiChange>(session: Session<C, D>, step: Step, { ms, broke }: Done<D>): Promise<void> {
  const { name, isTransactional } = step.migration
  await session.client.query('select tmidb.record_migration($1, $2, $3, $4, $5, $6, $7)', [
    name,
    step.direction,
    step.part.sha256,
    ms,
    session.person,
    isTransactional,
    broke.length > 0 ? JSON.stringify(broke) : null,
  ])
  // The notice goes out with the commit.
  await session.client.query('select tmidb.reload_api()')
  await session.client.query('commit')
}

/** Who waits for a lock holds up all who come after. */
async function begin(client: Client): Promise<void> {
  await client.query(`begin; set local lock_timeout = '10s'`)
}

/** Inside a transaction; how long it took. Of what must run outside, only what could take something from the API. */
async function apply<C, D extends ApiChange>(
  { client, signal, say }: Session<C, D>,
  { migration, direction, part }: Step,
  dry = false,
): Promise<number> {
  if (!dry) say(`${migration.name} ${direction} (${part.statements.length} statement${part.statements.length === 1 ? '' : 's'})`)
  const begun = performance.now()
  for (const statement of part.statements) {
    signal.throwIfAborted()
    const text = migration.isTransactional ? statement.text : rehearsable(statement.text)
    if (text === null) continue
    try {
      await client.query(text)
    } catch (e) {
      throw failure(e, migration, statement, dry ? '' : `Nothing of ${migration.name} was kept.`)
    }
  }
  const last = part.statements.at(-1)
  try {
    // What is checked at the end is checked here, where the file is known. What it set for itself is not for those after it.
    await client.query(`set constraints all immediate; reset role; ${ownSettings}`)
  } catch (e) {
    throw last ? failure(e, migration, last, `Nothing of ${migration.name} was kept.`) : e
  }
  return Math.round(performance.now() - begun)
}

export async function readWarnings(client: Client): Promise<Warning[]> {
  return (await client.query<Warning>('select what, mend from tmidb.exposed_warnings()')).rows
}

function added(before: Warning[], after: Warning[]): Warning[] {
  return after.filter((w) => !before.some((b) => b.what === w.what))
}

function described({ migration, direction, part }: Step) {
  return { name: migration.name, direction, transactional: migration.isTransactional, sql: part.text }
}

function breaks({ migration, direction }: Step, changes: ApiChange[]): TmiError {
  return new TmiError('TM306', `${migration.name} ${direction} would break the API; nothing of it was kept.`, {
    hint: 'Keep what callers use, or break it on purpose with --force.',
    details: changes,
  })
}
