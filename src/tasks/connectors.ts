// SPDX-License-Identifier: MIT
// Runs connectors. A queued job only starts a run: sources may take half a minute to answer, and the few places of the queue's worker
// belong to storing. What holds a run is its lease in the database; a process that dies leaves one behind that is void for the next.
import { createHash, randomUUID } from 'node:crypto'
import { TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import type { AddressRules } from '../base/public-address.ts'
import { sleep } from '../base/retry.ts'
import { readForeign } from '../db/foreign.ts'
import { openPool } from '../db/pool.ts'
import { type DocumentConfig, documentText } from './document.ts'
import { FetchError, fetchDocument } from './fetch.ts'
import { hostTurns } from './host-turns.ts'

export interface RunJob {
  connector: string
  /** Given for a run that somebody asked for. */
  run?: string
  try?: boolean
}

export interface Connectors extends AsyncDisposable {
  /** Begins a run and does not wait for it. */
  start(job: RunJob): void
  /** Finds what is due and has no job. */
  tick(): Promise<void>
  /** Runs one to its end. */
  run(job: RunJob): Promise<void>
}

interface Lease {
  connector: string
  run: string
  try: boolean
  started_at: string
  name: string
  kind: 'url' | 'postgres'
  config: DocumentConfig & {
    url: string
    method?: string
    headers?: Record<string, string>
    body?: string
    allow?: string[]
    timeout_s?: number
    max_bytes?: number
    batch?: number
  }
  state: { etag?: string; last_modified?: string }
  statement: string | null
  ties: number
}

interface Outcome {
  facts: Record<string, unknown>
  document: string | null
}

const seconds = { url: 10, postgres: 20 }
const maxBytes = { url: 5_000_000, postgres: 20_000_000 }
const defaultBatch = 1000
/** Rows of one watermark beside the batch; SQL refuses more. */
const mostTies = 10_000

export interface ConnectorOptions extends AddressRules {
  /** tmidb_drain's URL. */
  url: string
  gapMs?: number
}

export function openConnectors(options: ConnectorOptions): Connectors {
  const me = randomUUID()
  const ended = new AbortController()
  const turns = hostTurns(options.gapMs === undefined ? {} : { gapMs: options.gapMs })
  const underWay = new Set<Promise<void>>()
  // A path over a hostile document must not run for ever.
  const url = new URL(options.url)
  url.searchParams.set('options', '-c statement_timeout=60s')
  const pool = openPool(url.href, { max: 4, application: 'connectors' })

  const run = async (job: RunJob): Promise<void> => {
    const { rows } = await pool.query<{ lease: Lease | null }>('select tmidb.lease_connector($1, $2, $3, $4) as lease', [
      job.connector,
      me,
      job.run ?? null,
      job.try ?? false,
    ])
    const lease = rows[0]?.lease
    if (!lease) return
    const { config: _config, state: _state, statement: _statement, ...held } = lease
    let facts: Record<string, unknown> = {}
    try {
      const outcome = lease.kind === 'url' ? await poll(lease) : await pull(lease)
      facts = outcome.facts
      await pool.query('select tmidb.finish_run($1, $2)', [JSON.stringify({ ...held, ...facts }), outcome.document])
    } catch (e) {
      if (ended.signal.aborted) return
      const failure = failureOf(e)
      if (failure.code === 'TM001') return
      await noteFailure({ ...held, ...facts, ...failure })
    }
  }

  const poll = async (lease: Lease): Promise<Outcome> => {
    const { config, state } = lease
    const got = await fetchDocument(
      {
        url: config.url,
        method: config.method?.toUpperCase(),
        headers: config.headers,
        body: config.body,
        ...(lease.try ? {} : { etag: state.etag, lastModified: state.last_modified }),
        timeoutMs: (config.timeout_s ?? seconds.url) * 1000,
        maxBytes: config.max_bytes ?? maxBytes.url,
        signal: ended.signal,
      },
      { ...options, allow: [...options.allow, ...(config.allow ?? [])] },
      turns,
    )
    if (got.body === null) return { facts: { http_status: got.status }, document: null }
    return {
      facts: {
        http_status: got.status,
        bytes: got.body.length,
        etag: got.etag,
        last_modified: got.lastModified,
        hash: createHash('sha256').update(got.body).digest('base64url'),
      },
      document: await documentText(got.body, got.contentType, config, ended.signal),
    }
  }

  const pull = async (lease: Lease): Promise<Outcome> => {
    const { config } = lease
    const read = await readForeign(
      {
        url: config.url,
        statement: lease.statement ?? '',
        allow: [...options.allow, ...(config.allow ?? [])],
        timeoutMs: (config.timeout_s ?? seconds.postgres) * 1000,
        maxRows: (config.batch ?? defaultBatch) + lease.ties + mostTies,
        maxBytes: config.max_bytes ?? maxBytes.postgres,
      },
      ended.signal,
    )
    return { facts: { bytes: read.bytes }, document: read.document }
  }

  /** Until PostgreSQL takes it: a run without an end would stand until its lease runs out. */
  const noteFailure = async (failed: Record<string, unknown>): Promise<void> => {
    while (!ended.signal.aborted) {
      try {
        await pool.query('select tmidb.fail_run($1)', [JSON.stringify(failed)])
        return
      } catch (e) {
        observe({
          kind: 'log',
          level: 'warn',
          message: `a failed run of ${failed.name} cannot be noted: ${(e as Error).message}`,
        })
        await sleep(2000, ended.signal).catch(() => {})
      }
    }
  }

  return {
    run,
    start(job) {
      const started = run(job)
        .catch((e: unknown) => {
          // The next tick finds it again.
          observe({ kind: 'log', level: 'warn', message: `connector ${job.connector} cannot begin: ${(e as Error).message}` })
        })
        .finally(() => underWay.delete(started))
      underWay.add(started)
    },
    async tick() {
      await pool.query('select tmidb.tick_connectors($1)', [me])
    },
    async [Symbol.asyncDispose]() {
      ended.abort(new Error('the consumer ends'))
      await Promise.allSettled(underWay)
      await pool.end()
    },
  }
}

function failureOf(e: unknown): { code: string; message: string; http_status?: number; retry_after_s?: number } {
  const { code, message, hint } = e as { code?: unknown; message?: string; hint?: string }
  const known = typeof code === 'string' && /^TM\d{3}$/.test(code)
  const more = known && !(e instanceof TmiError) && hint ? ` ${hint}` : ''
  // An error that SQL has no code of ours for is the document's: a path that divides by zero, a text nested too deep.
  const failure = { code: known ? code : 'TM222', message: `${message ?? 'Something went wrong.'}${more}` }
  if (!(e instanceof FetchError)) return failure
  return { ...failure, http_status: e.httpStatus, retry_after_s: e.retryAfterS }
}
