// SPDX-License-Identifier: MIT
// data-manager: the ways in that are not HTTP, and the way out of MQTT.
import { unitConfig } from './base/config.ts'
import { ended, endWith, ready } from './base/unit.ts'
import { openAccess } from './db/access.ts'
import { whenReachable } from './db/pool.ts'
import { openIntake } from './edge/intake.ts'
import { openMqtt } from './edge/mqtt.ts'
import { openNatsIntake } from './edge/nats-in.ts'
import { openFeed } from './live/feed.ts'
import { openHub } from './live/hub.ts'
import { openPublisher } from './nats-bridge/publish.ts'
import { openRoom } from './nats-bridge/room.ts'
import { ensureStreams, openNats } from './nats-bridge/streams.ts'

endWith(async () => {
  const config = unitConfig()
  const { host, mqttPort: port, tls } = config
  await whenReachable(config.pg.edge, ended)
  await using access = await openAccess(config.pg.edge)
  const nc = await openNats(config.natsServer, ended)
  const manager = await ensureStreams(nc, config.streamMaxBytes)
  using room = openRoom(manager, config)
  await using publisher = openPublisher(nc, room)
  const intake = openIntake({ access, publisher, edgeUrl: config.pg.edge })
  await using hub = await openHub(config.pg.api, access)
  await using feed = openFeed(config.pg.api, hub)
  await using _mqtt = await openMqtt(intake, { host, port, ...(tls ? { tls: { ...tls, port: config.mqttsPort } } : {}) }, feed)
  // A connection of its own: a flood of requests shall not hold up JetStream's acknowledgements.
  using _nats = openNatsIntake(intake, await openNats(config.natsServer, ended))
  ready()
  await new Promise((resolve) => ended.addEventListener('abort', resolve))
})
