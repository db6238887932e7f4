// SPDX-License-Identifier: MIT
// data-consumer: from the streams into PostgreSQL, and all queued work.
import { unitConfig } from './base/config.ts'
import { ended, endWith, ready } from './base/unit.ts'
import { openPool, whenReachable } from './db/pool.ts'
import { letGo } from './nats-bridge/pull.ts'
import { shardCount } from './nats-bridge/shard.ts'
import { ensureStreams, openNats } from './nats-bridge/streams.ts'
import { openConnectors } from './tasks/connectors.ts'
import { openShardGroup } from './tasks/shard-group.ts'
import { runWorker } from './tasks/worker.ts'

const groupCount = 2

endWith(async () => {
  const config = unitConfig()
  await whenReachable(config.pg.drain, ended)
  const nc = await openNats(config.natsServer, ended)
  const manager = await ensureStreams(nc)
  const pool = openPool(config.pg.drain, { max: groupCount + 3, application: 'drain' })
  let parked = () => {}
  const groups = Array.from({ length: groupCount }, (_, group) =>
    openShardGroup(
      Array.from({ length: shardCount }, (_, shard) => shard).filter((shard) => shard % groupCount === group),
      { nc, manager, pool, onStored: (s) => s.quarantined > 0 && parked() },
    ),
  )
  const room = setInterval(() => {
    for (const { shard, seq } of groups.flatMap((g) => g.stored())) letGo(manager, shard, seq).catch(() => {})
  }, 5000)
  await using connectors = openConnectors({ url: config.pg.drain, allow: config.fetchAllow })
  const worker = runWorker({ url: config.pg.worker, pool, groups, nc, connectors })
  parked = worker.parked
  ready()
  await worker.ended
  clearInterval(room)
  await pool.end()
  await nc.close()
})
