// SPDX-License-Identifier: MIT
// Migrations up and down: apply, look at what the API would become, then commit or take back. Each has a transaction of its own, in
// which its line of history is written too.
import { TmiError } from '../../base/errors.ts'
import { type Client, withClient } from '../superuser.ts'
import { failure } from './failure.ts'
import { type Direction, type Folder, type Migration, type Part, readFolder, runnable } from './files.ts'
import { appliedOf, readHistory, statesOf } from './history.ts'
import { takeLock } from './lock.ts'

/** How the API is read, inside the transaction that may change it, and compared; src/api knows. */
export interface Api<Contract, Change extends ApiChange> {
  read(client: Client): Promise<Contract>
  diff(before: Contract, after: Contract): Change[]
}

export interface ApiChange {
  breaking: boolean
  text: string
}

export interface Options<Contract, Change extends ApiChange> {
  url: string
  dir: string
  api: Api<Contract, Change>
  /** Who runs it, for the history. */
  person: string | null
  force: boolean
  allowOutOfOrder: boolean
  waitMs: number
  signal: AbortSignal
  say: (line: string) => void
}

/** Which of them: this many, or until the one of this name is the last that is applied. */
export interface Extent {
  count?: number
  to?: string
}

export interface Warning {
  what: string
  mend: string
}

export interface Done<Change extends ApiChange> {
  name: string
  direction: Direction
  ms: number
  transactional: boolean
  sql: string
  changes: Change[]
  /** What was broken by force. */
  broke: string[]
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

/** Ctrl-C: what was begun is taken back, what was committed before stays. */
export class Interrupted extends Error {
  readonly done: string[]

  constructor(done: string[]) {
    super('Interrupted.')
    this.done = done
  }
}

interface Step {
  migration: Migration
  direction: Direction
  part: Part
}

interface Session<Contract, Change extends ApiChange> extends Options<Contract, Change> {
  client: Client
  folder: Folder
  done: Done<Change>[]
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
    const warned = await readWarnings(client)
    const before = await api.read(client)
    await begin(client)
    try {
      for (const step of steps) done.push({ ...described(step), ms: await apply(session, step, true), changes: [], broke: [] })
      const changes = api.diff(before, await api.read(client))
      return { steps: done, changes, warnings: added(warned, await readWarnings(client)) }
    } finally {
      await client.query('rollback').catch(() => {})
    }
  })
}

async function inSession<C, D extends ApiChange, T>(
  options: Options<C, D>,
  fn: (session: Session<C, D>) => Promise<T>,
): Promise<T> {
  const { url, dir, signal, say, waitMs } = options
  const folder = readFolder(dir)
  for (const name of folder.strangers) say(`${name} is no migration: its name does not begin with a timestamp and "_".`)
  const done: Done<D>[] = []
  const config = { application_name: 'tmiDB-migrate', connectionTimeoutMillis: 5000 }
  return await withClient(
    url,
    async (client) => {
      client.on('notice', (n) => {
        if (n.severity !== 'DEBUG') say(`  ${n.severity?.toLowerCase()}: ${n.message}`)
      })
      await using _ = await cancelling(client, url, signal)
      try {
        await takeLock(client, waitMs, say, signal)
        return await fn({ ...options, client, folder, done })
      } catch (e) {
        if (signal.aborted) throw new Interrupted(done.map((d) => d.name))
        throw e
      }
    },
    config,
  )
}

/** A statement that runs for an hour is ended too: PostgreSQL itself notices a closed connection only when the statement is over. */
async function cancelling(client: Client, url: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  let sent: Promise<unknown> | null = null
  const cancel = () => {
    sent = withClient(url, (other) => other.query('select pg_cancel_backend($1)', [rows[0]?.pid])).catch(() => {})
  }
  signal.addEventListener('abort', cancel)
  return {
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', cancel)
      await sent
    },
  }
}

async function plan<C, D extends ApiChange>(
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
    say(`${m.name} was edited after it was applied: accepted as it is now, not run again.`)
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

async function runStep<C, D extends ApiChange>(session: Session<C, D>, step: Step, begun: C, before: C): Promise<C> {
  const { client, api, signal, done, say } = session
  const { name, isTransactional } = step.migration
  await begin(client)
  try {
    const ms = await apply(session, step)
    const after = await api.read(client)
    const broke = api.diff(begun, after).filter((c) => c.breaking)
    if (broke.length > 0 && !session.force) throw breaks(step, broke)
    signal.throwIfAborted()
    const result = { ...described(step), ms, changes: api.diff(before, after), broke: broke.map((c) => c.text) }
    if (isTransactional) await finish(session, step, result)
    else {
      await client.query('rollback')
      result.ms = await runOutside(session, step)
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

/** A table is made in app unless the migration says otherwise; who waits for a lock holds up all who come after. */
async function begin(client: Client): Promise<void> {
  await client.query(`begin; set local lock_timeout = '10s'; set local search_path = app, public`)
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
    const text = migration.isTransactional ? statement.text : withoutConcurrently(statement.text)
    if (text === null) continue
    try {
      await client.query(text)
    } catch (e) {
      throw failure(e, migration, statement, dry ? '' : `Nothing of ${migration.name} was kept.`)
    }
  }
  const last = part.statements.at(-1)
  try {
    // What is checked at the end is checked here, where the file is known. The role may have been changed on the way.
    await client.query('set constraints all immediate; reset role')
  } catch (e) {
    throw last ? failure(e, migration, last, `Nothing of ${migration.name} was kept.`) : e
  }
  return Math.round(performance.now() - begun)
}

/** An index that goes may take a way to sort along; one that comes only adds. */
function withoutConcurrently(sql: string): string | null {
  return /^drop\s+index\s+concurrently\b/i.test(sql) ? sql.replace(/concurrently/i, '') : null
}

async function runOutside<C, D extends ApiChange>({ client }: Session<C, D>, { migration, part }: Step): Promise<number> {
  const begun = performance.now()
  const before = await invalidIndexes(client)
  await client.query('set search_path = app, public')
  try {
    for (const statement of part.statements) {
      try {
        await client.query(statement.text)
      } catch (e) {
        // An index that could not be finished is left behind, is written to and never read.
        for (const index of await invalidIndexes(client)) {
          if (!before.includes(index)) await client.query(`drop index concurrently if exists ${index}`)
        }
        throw failure(e, migration, statement, `Nothing of ${migration.name} was kept.`)
      }
    }
  } finally {
    await client.query('reset search_path').catch(() => {})
  }
  return Math.round(performance.now() - begun)
}

/** By name with schema, quoted where it must be. */
async function invalidIndexes(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where not i.indisvalid`,
  )
  return rows.map((r) => r.name)
}

async function readWarnings(client: Client): Promise<Warning[]> {
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
