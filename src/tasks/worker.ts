// SPDX-License-Identifier: MIT
// graphile-worker with what it does not do by itself here: jobs of a killed worker are unlocked at once (it would wait 4 hours),
// a drain that stands still is added anew (its old job loses the key; the fence makes two at once harmless), and after PostgreSQL
// was away the worker starts again.
import { Logger, type Runner, run } from 'graphile-worker'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import { ended } from '../base/unit.ts'
import { openPool, type Pool } from '../db/pool.ts'
import type { NatsConnection } from '../nats-bridge/streams.ts'
import type { Connectors } from './connectors.ts'
import { drainKey, drainSpec, drainTask } from './drain.ts'
import { dropExpiredTask } from './drop_expired.ts'
import { ensureChunksTask } from './ensure_chunks.ts'
import { forgetCountsTask } from './forget_counts.ts'
import { freezeChunksTask } from './freeze_chunks.ts'
import { publishViewsTask } from './publish_views.ts'
import { rollUpTask } from './roll_up.ts'
import { runConnectorTask } from './run_connector.ts'
import { storeParkedTask } from './store_parked.ts'
import type { StreamDrain } from './stream-drain.ts'
import { tellAuditHeadTask } from './tell_audit_head.ts'
import { tickConnectorsTask } from './tick_connectors.ts'
import { tidyRollupsTask } from './tidy_rollups.ts'

const crontab = `0 * * * * ensure_chunks
5 * * * * tell_audit_head
10 * * * * drop_expired
15 * * * * tidy_rollups
*/10 * * * * forget_counts
20 * * * * freeze_chunks
* * * * * store_parked
* * * * * publish_views
* * * * * tick_connectors
* * * * * roll_up`

const stillMs = 1500

export function runWorker(parts: {
  url: string
  pool: Pool
  drains: StreamDrain[]
  nc: NatsConnection
  connectors: Connectors
}): {
  ended: Promise<void>
  parked(): void
} {
  const { drains } = parts
  const pool = openPool(parts.url, { max: drains.length + 7, application: 'worker' })
  const taskList = {
    drain: drainTask(drains, ended),
    publish_views: publishViewsTask(parts.pool),
    store_parked: storeParkedTask(parts.pool),
    ensure_chunks: ensureChunksTask(parts.pool),
    drop_expired: dropExpiredTask(parts.pool),
    forget_counts: forgetCountsTask(parts.pool),
    tell_audit_head: tellAuditHeadTask(parts.pool),
    freeze_chunks: freezeChunksTask(parts.pool),
    run_connector: runConnectorTask(parts.connectors),
    tick_connectors: tickConnectorsTask(parts.connectors),
    roll_up: rollUpTask(parts.pool, drains, ended),
    tidy_rollups: tidyRollupsTask(parts.pool),
  }

  const addDrain = (stream: number) => {
    const spec = drainSpec(stream)
    return pool.query(`select graphile_worker.add_job('drain', $1::json, job_key => $2, max_attempts => $3, priority => $4)`, [
      JSON.stringify({ stream }),
      spec.jobKey,
      spec.maxAttempts,
      spec.priority,
    ])
  }
  const unlockAll = async () => {
    await pool.query(`select graphile_worker.force_unlock_workers(array(
      select distinct locked_by from graphile_worker._private_jobs where locked_by is not null))`)
    await pool.query(`update graphile_worker._private_jobs set run_at = now() where run_at > now() and key is not null`)
  }

  let parkedAt = 0
  let parkedTimer: NodeJS.Timeout | null = null
  const addParked = () => {
    if (parkedTimer !== null) clearTimeout(parkedTimer)
    parkedTimer = null
    parkedAt = Date.now()
    pool.query(`select graphile_worker.add_job('store_parked')`).catch(() => {})
  }

  const main = async (): Promise<void> => {
    let runner: Runner | null = null
    ended.addEventListener('abort', () => void runner?.stop())
    while (!ended.aborted) {
      try {
        await unlockAll()
        for (const stream of drains.keys()) await addDrain(stream)
        await pool.query(`select graphile_worker.add_job('tick_connectors')`)
        runner = await run({
          pgPool: pool,
          concurrency: drains.length + 4,
          taskList,
          crontab,
          noHandleSignals: true,
          pollInterval: 1000,
          logger: new Logger((scope) => (level, message) => {
            if (level === 'error') observe({ kind: 'log', level: 'warn', message: `${scope.label ?? 'worker'}: ${message}` })
          }),
        })
        await runner.promise
      } catch (e) {
        if (ended.aborted) break
        observe({ kind: 'log', level: 'warn', message: `worker starts over: ${(e as Error).message}` })
      }
      for (const drain of drains) drain.reopen()
      await sleep(200)
    }
    await pool.end()
  }

  const watchdog = setInterval(() => {
    for (const [i, drain] of drains.entries()) {
      if (Date.now() - drain.alive > stillMs) {
        observe({ kind: 'log', level: 'warn', message: `${drainKey(i)} stands still, adding it again` })
        addDrain(i).catch(() => {})
      }
    }
  }, 1000)
  void reopenOnReconnect(parts.nc, drains)
  return {
    ended: main().finally(() => clearInterval(watchdog)),
    parked() {
      // At most one job a second, without a key: a key shared with a job that is just being fetched can add nothing.
      if (Date.now() - parkedAt < 1000) {
        parkedTimer ??= setTimeout(addParked, 1000)
        return
      }
      addParked()
    },
  }
}

async function reopenOnReconnect(nc: NatsConnection, drains: StreamDrain[]): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'reconnect') for (const drain of drains) drain.reopen()
  }
}
