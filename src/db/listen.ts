// SPDX-License-Identifier: MIT
// One LISTEN connection that comes back by itself. What was notified while it was away is lost, so each return says onGap and the
// reader catches up from its own cursor.
import pg from 'pg'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'

export interface Listening extends AsyncDisposable {
  readonly connected: boolean
}

/** kinds: obs, access, schema; tmidb.channel knows the names. */
export async function listenTo(
  url: string,
  kinds: ('obs' | 'access' | 'schema')[],
  on: (payload: string) => void,
  onGap: () => void,
): Promise<Listening> {
  const ended = new AbortController()
  let client: pg.Client | null = null
  let connected = false

  const connect = async (): Promise<void> => {
    const c = new pg.Client({
      connectionString: url,
      application_name: 'tmiDB-listen',
      keepAlive: true,
      connectionTimeoutMillis: 5000,
    })
    const lost = () => {
      if (client !== c) return
      client = null
      connected = false
      if (!ended.signal.aborted) void reconnect()
    }
    c.on('error', lost)
    c.on('end', lost)
    c.on('notification', (n) => on(n.payload ?? ''))
    try {
      await c.connect()
      const { rows } = await c.query<{ name: string }>('select tmidb.channel(k) as name from unnest($1::text[]) k', [kinds])
      await c.query(rows.map(({ name }) => `listen ${pg.escapeIdentifier(name)}`).join(';'))
    } catch (e) {
      c.removeAllListeners('end')
      await c.end().catch(() => {})
      throw e
    }
    client = c
    connected = true
  }

  const reconnect = async (): Promise<void> => {
    observe({ kind: 'log', level: 'warn', message: 'LISTEN connection lost, reconnecting' })
    while (!ended.signal.aborted) {
      await sleep(200, ended.signal).catch(() => {})
      try {
        await connect()
        observe({ kind: 'log', message: 'LISTEN connection is back' })
        onGap()
        return
      } catch {
        // PostgreSQL is still away; try again.
      }
    }
  }

  await connect()
  return {
    get connected() {
      return connected
    },
    async [Symbol.asyncDispose]() {
      ended.abort()
      await client?.end().catch(() => {})
    },
  }
}
