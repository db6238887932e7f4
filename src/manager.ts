// SPDX-License-Identifier: MIT
// data-manager: the ways in that are not HTTP.
import { unitConfig } from './base/config.ts'
import { ended, endWith, ready } from './base/unit.ts'
import { openAccess } from './db/access.ts'
import { whenReachable } from './db/pool.ts'
import { openIntake } from './edge/intake.ts'
import { openMqtt } from './edge/mqtt.ts'
import { openPublisher } from './nats-bridge/publish.ts'
import { ensureStreams, openNats } from './nats-bridge/streams.ts'

endWith(async () => {
  const config = unitConfig()
  await whenReachable(config.pg.edge, ended)
  await using access = await openAccess(config.pg.edge)
  const nc = await openNats(config.natsServer, ended)
  await ensureStreams(nc)
  await using publisher = openPublisher(nc)
  const intake = openIntake({ access, publisher, edgeUrl: config.pg.edge })
  await using _mqtt = await openMqtt(intake, { host: config.host, port: config.mqttPort })
  ready()
  await new Promise((resolve) => ended.addEventListener('abort', resolve))
})
