// SPDX-License-Identifier: MIT
// data-consumer: from the streams into PostgreSQL, and all queued work.
import { unitConfig } from './base/config.ts'
import { ended, endWith, ready } from './base/unit.ts'
import { openPool, whenReachable } from './db/pool.ts'
import { letGo } from './nats-bridge/pull.ts'
import { ensureStreams, openNats, streamCount } from './nats-bridge/streams.ts'
import { openConnectors } from './tasks/connectors.ts'
import { sealAudit } from './tasks/seal-audit.ts'
import { openStreamDrain } from './tasks/stream-drain.ts'
import { runWorker } from './tasks/worker.ts'

endWith(async () => {
  const config = unitConfig()
  await whenReachable(config.pg.drain, ended)
  const nc = await openNats(config.natsServer, ended)
  const manager = await ensureStreams(nc, config.streamMaxBytes)
  const pool = openPool(config.pg.drain, { max: streamCount + 4, application: 'drain' })
  let parked = () => {}
  const drains = Array.from({ length: streamCount }, (_, stream) =>
    openStreamDrain(stream, { nc, manager, pool, onStored: (s) => s.quarantined > 0 && parked() }),
  )
  const room = setInterval(() => {
    for (const drain of drains) {
      const stored = drain.stored()
      if (stored !== null) letGo(manager, stored.stream, stored.seq).catch(() => {})
    }
  }, 2000)
  await using connectors = openConnectors({ url: config.pg.drain, allow: config.fetchAllow })
  const worker = runWorker({ url: config.pg.worker, pool, drains, nc, connectors })
  parked = worker.parked
  const sealing = sealAudit(pool, ended)
  ready()
  await worker.ended
  clearInterval(room)
  await sealing
  await pool.end()
  await nc.close()
})
