// SPDX-License-Identifier: MIT
// Runs as a thread: one statement at a foreign PostgreSQL, read-only, and cut off where it takes too long or sends too much. The
// extended protocol takes one statement at a time, so a query cannot bring a second one.
import { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import pg from 'pg'
import type { ErrorCode } from '../base/error-codes.ts'
import { TmiError } from '../base/errors.ts'
import { checkAddress, guardedLookup } from '../base/public-address.ts'
import type { Posted } from '../base/thread.ts'
import type { ForeignRead, ForeignRows } from './foreign.ts'

const read = workerData as ForeignRead
const fetchSize = 500
const connectMs = 10_000

/** Whatever node-postgres is told by environment or URL, the address that it connects to is checked. */
class GuardedSocket extends Socket {
  // biome-ignore lint/suspicious/noExplicitAny: connect has seven forms; node-postgres uses (port, host).
  override connect(...args: any[]): this {
    const [port, host] = args as [number | string, string | undefined]
    if (typeof port === 'string' || typeof host !== 'string') {
      this.destroy(new TmiError('TM221', 'Only host names and addresses are connected to.'))
      return this
    }
    try {
      // Looked up or not: a plain address passes by the look-up.
      if (/^[\d.]+$|:/.test(host)) checkAddress(host, host, read)
    } catch (e) {
      this.destroy(e as Error)
      return this
    }
    return super.connect({ port, host, lookup: guardedLookup(read) })
  }
}

const socket = new GuardedSocket()
let cut: TmiError | null = null
const cutOff = (why: string): void => {
  cut ??= new TmiError('TM222', why)
  socket.destroy(cut)
}
// A single value can be a gigabyte, and is given out only when it is whole: so the bytes are watched, not the rows.
setInterval(() => socket.bytesRead > read.maxBytes && cutOff(`It sends more than ${read.maxBytes} bytes.`), 20).unref()
setTimeout(() => cutOff(`It took longer than ${read.timeoutMs / 1000} s.`), read.timeoutMs).unref()

try {
  post({ result: await readRows() })
} catch (e) {
  post(wording(cut ?? e))
}

function post(posted: Posted<ForeignRows>): void {
  parentPort?.postMessage(posted)
}

async function readRows(): Promise<ForeignRows> {
  const client = new pg.Client(connection())
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query({
      text: 'begin transaction isolation level repeatable read, read only',
      queryMode: 'extended',
    } as pg.QueryConfig)
    await client.query({
      text: `select set_config(name, value, true) from (values ('statement_timeout', $1), ('lock_timeout', $1),
        ('idle_in_transaction_session_timeout', $1), ('timezone', 'UTC'), ('datestyle', 'ISO, YMD'), ('extra_float_digits', '3'),
        ('standard_conforming_strings', 'on')) s(name, value)`,
      values: [String(read.timeoutMs)],
    })
    const rows = await allRows(client)
    await client.query({ text: 'rollback', queryMode: 'extended' } as pg.QueryConfig)
    return rows
  } finally {
    socket.destroy()
  }
}

function allRows(client: pg.Client): Promise<ForeignRows> {
  const parts: string[] = []
  let bytes = 0
  // Some hundred at a time: what was not asked for is not sent.
  const query = new pg.Query({ text: read.statement, rows: fetchSize, queryMode: 'extended' } as pg.QueryConfig)
  return new Promise((resolve, reject) => {
    query.on('row', (row: { w?: unknown; r?: unknown; t?: unknown }) => {
      if (cut !== null) return
      const { w, r, t } = row
      if (typeof w !== 'string' || typeof r !== 'string') return cutOff('It answers something else than was asked for.')
      if (parts.length >= read.maxRows) return cutOff(`It sends more than ${read.maxRows} rows.`)
      bytes += r.length
      parts.push(`{"w":${JSON.stringify(w)},"t":${JSON.stringify(String(t))},"r":${r}}`)
    })
    query.on('error', reject)
    query.on('end', () => resolve({ document: `[${parts.join(',')}]`, rows: parts.length, bytes }))
    client.on('end', () => reject(new Error('the connection broke off')))
    client.query(query)
  })
}

/** Piece by piece: parameters of a node-postgres URL can name files to read and other hosts. */
function connection(): pg.ClientConfig {
  const url = new URL(read.url)
  const ssl = url.searchParams.get('sslmode')
  const host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '')
  return {
    host,
    port: Number(url.port) || 5432,
    database: decodeURIComponent(url.pathname.slice(1)),
    user: decodeURIComponent(url.username),
    // A function, because an empty password would send it to ~/.pgpass.
    password: () => decodeURIComponent(url.password),
    ssl:
      ssl === 'require' || ssl === 'verify-full'
        ? { rejectUnauthorized: true }
        : ssl === 'no-verify'
          ? { rejectUnauthorized: false }
          : false,
    application_name: 'tmiDB-connector',
    connectionTimeoutMillis: Math.min(connectMs, read.timeoutMs),
    stream: () => socket,
  } as pg.ClientConfig
}

function wording(e: unknown): { code: ErrorCode; message: string } {
  if (e instanceof TmiError) return { code: e.code, message: e.message }
  const { message, code } = e as { message?: string; code?: string }
  // A broken connection says only that; why stands in the socket's error.
  return {
    code: 'TM222',
    message: `The database answers: ${(message || code || 'nothing').slice(0, 300)}${code && message ? ` (${code})` : ''}.`,
  }
}
