// SPDX-License-Identifier: MIT
// One connection for the time of a command: it has the lock, it ends what runs when it is interrupted, and it knows the folder.
import { type Client, withClient } from '../superuser.ts'
import { type Direction, type Folder, readFolder } from './files.ts'
import { takeLock } from './lock.ts'

/** How the API is read, inside the transaction that may change it, and compared; src/api knows. */
export interface Api<Contract, Change extends ApiChange> {
  /** before: what is the same again need not be worked out again; tables are locked meanwhile. */
  read(client: Client, before?: Contract): Promise<Contract>
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

export interface Session<Contract, Change extends ApiChange> extends Options<Contract, Change> {
  client: Client
  folder: Folder
  done: Done<Change>[]
}

/** Ctrl-C: what was begun is taken back, what was committed before stays. */
export class Interrupted extends Error {
  readonly done: string[]

  constructor(done: string[]) {
    super('Interrupted.')
    this.done = done
  }
}

/** A table without a schema is made in app. The types' names in the API's diff depend on it, so it is the same for before and after. */
export const ownSettings = 'set search_path = app, public'

export async function inSession<C, D extends ApiChange, T>(
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
        await client.query(ownSettings)
        await takeLock(client, 'tmidb.migration_run', { waitMs, say, signal })
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
