// SPDX-License-Identifier: MIT
// Connections to PostgreSQL, and the one way to read as somebody.
import pg from 'pg'
import type { Via } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import { oneTrip, type Part } from './one-trip.ts'
import { takeShare } from './share.ts'

export type Pool = pg.Pool
export type QueryResult<T extends pg.QueryResultRow> = pg.QueryResult<T>

export type RequestRole =
  | 'tmidb_anonymous'
  | 'tmidb_speaker'
  | 'tmidb_listener'
  | 'tmidb_member'
  | 'tmidb_viewer'
  | 'tmidb_editor'
  | 'tmidb_admin'

/** Whether rules say what this role sees; the others see everything, or nothing. */
export function isBound(role: RequestRole): boolean {
  return role === 'tmidb_listener' || role === 'tmidb_member'
}

const readers: ReadonlySet<RequestRole> = new Set([
  'tmidb_listener',
  'tmidb_member',
  'tmidb_viewer',
  'tmidb_editor',
  'tmidb_admin',
])

/** Whether this role reads readings at all. */
export function isReader(role: RequestRole): boolean {
  return readers.has(role)
}

/** What SQL is told about the one who asks; read there by tmidb.identity(). */
export interface Claims {
  role: RequestRole
  listener_id?: string
  speaker_id?: string
  /** A person's. */
  account_id?: string
  /** A person's who signed in. */
  session_id?: string
  token_id?: string
  name?: string
  /** The administrator who views as this one; nothing is written then. */
  viewed_by?: string
  /** How long a statement of this request may take (tmidb.request_limit). */
  timeout_ms?: number
  /** Sees few of the targets: the planner begins at these (tmidb.with_reach). */
  few?: true
}

/** For who is not in the database: anonymous, and tests. */
const defaultTimeoutMs = 3000

export interface Statement {
  text: string
  values?: unknown[]
  /** Prepared under this name, once a connection. */
  name?: string
  /** Whether it runs no function, trigger or policy of a user's. */
  onlyOurs?: boolean
}

export function openPool(url: string, options: { max: number; application: string }): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    application_name: `tmiDB-${options.application}`,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    // What prints a time prints it the same for everybody.
    options: '-c TimeZone=UTC',
  })
  // An idle connection that breaks is thrown away by the pool; the next query opens another.
  pool.on('error', (e) => observe({ kind: 'log', level: 'warn', message: `idle connection lost: ${e.message}` }))
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** A unit that starts while PostgreSQL is away waits for it instead of failing. */
export async function whenReachable(url: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 })
    client.on('error', () => {})
    try {
      await client.connect()
      return
    } catch (e) {
      if (attempt % 20 === 0)
        observe({ kind: 'log', level: 'warn', message: `PostgreSQL is not there yet: ${(e as Error).message}` })
      await sleep(250, signal)
    } finally {
      await client.end().catch(() => {})
    }
  }
}

const beforehand = {
  name: 'tmidb_claims',
  text: `select set_config('role', $1, true), set_config('tmidb.claims', $2, true), set_config('statement_timeout', $3, true),
    set_config('transaction_read_only', $4, true)`,
}

/** Runs one statement read-only under somebody's role and claims, in one round trip. */
export async function readAs<T extends pg.QueryResultRow>(
  pool: Pool,
  claims: Claims,
  statement: Statement,
): Promise<pg.QueryResult<T>> {
  return await runAs<T>(pool, { ...asOf(claims), readOnly: true }, statement)
}

/** What a transaction is told of the one who asks. */
export function asOf(claims: Claims): Omit<As, 'readOnly'> {
  return { role: claims.role, claims: JSON.stringify(claims), timeoutMs: claims.timeout_ms ?? defaultTimeoutMs }
}

/** The claims of a transaction that writes also say from where, for the audit; reads do without. */
export function claimsVia(claims: string, via: Via | undefined): string {
  return via === undefined ? claims : `${claims.slice(0, -1)},"via":${JSON.stringify(via)}}`
}

export interface WriteOptions<T extends pg.QueryResultRow> {
  /** Tries it: everything happens, deferred constraints too, and nothing stays. */
  rollback?: boolean
  /** Looks at the answer before it is committed and refuses by throwing. */
  check?: ((rows: T[]) => void) | undefined
  /** From where, for the audit. */
  via?: Via
}

/**
 * The same for a statement that writes: it happens as a whole, or not at all. What is only tried, or looked at first, takes three round
 * trips.
 */
export async function writeAs<T extends pg.QueryResultRow>(
  pool: Pool,
  claims: Claims,
  statement: Statement,
  { rollback = false, check, via }: WriteOptions<T> = {},
): Promise<pg.QueryResult<T>> {
  if (claims.viewed_by !== undefined) throw viewedOnly()
  const as = { ...asOf(claims), readOnly: false, ...(via === undefined ? {} : { via }) }
  if (!rollback && !check) return await runAs<T>(pool, as, statement)
  // A refusal is no fault of the connection, so it is thrown when that is back.
  const { answer, refusal } = await lend(pool, as, async (client) => {
    let answer: pg.QueryResult<T> | undefined
    let refusal: unknown
    try {
      await client.query('begin')
      answer = await oneTrip<T>(client, asSomebody(as), ofItsKind(as, statement), tidying(statement))
      if (rollback) await client.query('set constraints all immediate')
      check?.(answer.rows)
    } catch (e) {
      refusal = e
    }
    await client.query(rollback || refusal !== undefined ? 'rollback' : 'commit')
    return { answer, refusal }
  })
  if (answer === undefined || refusal !== undefined) throw refusal
  return answer
}

/** How a write is refused to who views as somebody else. */
export function viewedOnly(): TmiError {
  return new TmiError('TM102', 'Nothing is written while viewing as somebody else.', {
    hint: 'Leave the header Tmidb-View-As out.',
  })
}

/** How readings are refused to who sends none, or views as somebody else. */
export function sendsNone({ viewed_by }: Claims): TmiError {
  return viewed_by === undefined ? new TmiError('TM102') : viewedOnly()
}

export interface As {
  role: string
  /** JSON for tmidb.identity(). */
  claims: string
  timeoutMs: number
  readOnly: boolean
  /** Told to the transaction with the claims; who asks is the same from everywhere. */
  via?: Via
}

/** Runs one statement as a transaction of its own under a role and claims. */
export async function runAs<T extends pg.QueryResultRow>(
  pool: Pool,
  as: As,
  statement: Statement,
  rowMode?: 'array',
): Promise<pg.QueryResult<T>> {
  const once = () =>
    lend(pool, as, (client) => oneTrip<T>(client, asSomebody(as), ofItsKind(as, statement), tidying(statement), rowMode))
  try {
    return await once()
  } catch (e) {
    // Nothing ran: the statement was forgotten on that connection, which is thrown away.
    if ((e as { code?: unknown }).code !== '26000') throw e
    return await once()
  }
}

/** A connection within the share of who asks; one that broke midway does not go back into the pool, one that only refused may. */
async function lend<T>(pool: Pool, { claims }: As, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const giveBack = await takeShare(pool, ownerOf(claims))
  let client: pg.PoolClient | undefined
  let broken: Error | undefined
  try {
    client = await pool.connect()
    return await use(client)
  } catch (e) {
    if (!isServerError(e)) broken = e as Error
    throw e
  } finally {
    client?.release(broken)
    giveBack()
  }
}

/** Whoever has several tokens has one share. */
function ownerOf(claims: string): string {
  const { account_id, listener_id, speaker_id, name, role } = JSON.parse(claims) as Partial<Claims>
  const [kind, id] = account_id ? ['user', account_id] : listener_id ? ['listener', listener_id] : ['speaker', speaker_id]
  return id ? `${kind} ${id}` : `${role} ${name}`
}

/**
 * A function of a user's may leave settings and a role behind that outlive its transaction; the next one on this connection is somebody
 * else. What only runs our own code needs no tidying (some 20 us).
 */
function tidying({ onlyOurs = false }: Statement): readonly Part[] {
  return onlyOurs ? [] : [{ text: 'reset all' }, { text: 'set role none' }]
}

/** PostgreSQL may keep one plan of a prepared statement for everybody; who sees few targets needs another than who sees all. */
function ofItsKind({ claims }: As, statement: Statement): Statement {
  return statement.name !== undefined && claims.includes('"few":true')
    ? { ...statement, name: `few_${statement.name}` }
    : statement
}

function asSomebody({ role, claims, timeoutMs, readOnly, via }: As) {
  return { ...beforehand, values: [role, claimsVia(claims, via), String(timeoutMs), readOnly ? 'on' : 'off'] }
}

/** What was prepared is gone (26000) or there already (42P05): a user's function ran "deallocate" or "prepare"; this connection is of no more use. */
function isServerError(e: unknown): boolean {
  const code = (e as { code?: unknown }).code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(57P|08|26000|42P05)/.test(code)
}
