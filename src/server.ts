// SPDX-License-Identifier: MIT
// api: the HTTP port. Readings in, REST and GraphQL out, live sockets.
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { openApp } from './api/app.ts'
import { authRoutes } from './api/auth/routes.ts'
import { documentHandler } from './api/docs/documents.ts'
import { follow, graphqlPart, restPart } from './api/follow.ts'
import { createGraphql } from './api/graphql/server.ts'
import { openCatalog } from './api/rest/catalog.ts'
import { restHandler } from './api/rest/handler.ts'
import { safeResponse } from './api/safe-response.ts'
import { viewing } from './api/view-as.ts'
import { isLoopback, unitConfig } from './base/config.ts'
import { TmiError } from './base/errors.ts'
import { allowOrigins, refusesCookie } from './base/origin.ts'
import { patience } from './base/patience.ts'
import { trustProxies } from './base/proxies.ts'
import { followTls, readTls } from './base/tls.ts'
import { ended, endWith, ready } from './base/unit.ts'
import { refuseUpgrade } from './base/upgrade.ts'
import { openAccess } from './db/access.ts'
import { openPool, whenReachable } from './db/pool.ts'
import { httpIntake } from './edge/http.ts'
import { influxIntake } from './edge/influx.ts'
import { openIntake } from './edge/intake.ts'
import { thingsboardIntake } from './edge/thingsboard-http.ts'
import { openWsIntake } from './edge/ws-in.ts'
import { openHub } from './live/hub.ts'
import { openLiveSockets } from './live/ws.ts'
import { openPublisher } from './nats-bridge/publish.ts'
import { openRoom } from './nats-bridge/room.ts'
import { ensureStreams, openNats } from './nats-bridge/streams.ts'

endWith(async () => {
  const config = unitConfig()
  trustProxies(config.trustedProxies)
  await whenReachable(config.pg.api, ended)
  const pool = openPool(config.pg.api, { max: 10, application: 'api' })
  await using access = viewing(await openAccess(config.pg.api), pool)

  // Whoever lost rights keeps no connection of PostgreSQL that still has them.
  const endLogins = () => void pool.query('select tmidb.end_logins()').catch(() => {})
  access.onChange(endLogins)
  endLogins()

  const nc = await openNats(config.natsServer, ended)
  const manager = await ensureStreams(nc, config.streamMaxBytes)
  using room = openRoom(manager, config)
  await using publisher = openPublisher(nc, room)
  const intake = openIntake({ access, publisher, edgeUrl: config.pg.edge })
  const isUp = () => pool.query('select 1')
  const waysIn = [httpIntake(intake), influxIntake(intake, isUp), thingsboardIntake(intake)]
  await using socketsIn = openWsIntake(intake)

  await using hub = await openHub(config.pg.api, access)
  await using sockets = openLiveSockets({ hub, access })

  const catalog = await openCatalog(pool)
  const rest = restHandler({ pool, catalog, access })
  await using graphql = await createGraphql({
    pool: openPool(config.pg.api, { max: 10, application: 'graphql' }),
    access,
    hub,
    catalog,
  })
  await using _follow = await follow({
    url: config.pg.api,
    pool,
    process: 'api',
    parts: [graphqlPart(graphql), restPart(catalog)],
  })

  const documents = documentHandler({ pool, catalog, access, graphqlSchema: graphql.schema, mqttPort: config.mqttPort })

  const app = openApp(isUp)
  app.use('/api/auth', authRoutes({ pool, access }))
  const origins = allowOrigins(config.allowedOrigins)
  const listener: RequestListener = (req, res) => {
    if (req.headers.origin !== undefined && origins.cors(req, res)) return
    if (req.headers.cookie !== undefined && refusesCookie(req, res)) return
    // The hot ways first; express and what it carries for everything else.
    for (const way of waysIn) if (way(req, res)) return
    if (documents(req, res) || graphql.handle(req, res, () => app(req, res))) return
    void rest(req, res).then((taken) => {
      if (!taken) app(req, res)
    })
  }
  const { tls } = config
  const how = { ...patience, ServerResponse: safeResponse(tls !== undefined && !isLoopback(config.host)) }
  const server = tls ? createTlsServer({ ...readTls(tls), ...how }, listener) : createServer(how, listener)
  using _certificate = tls ? followTls(tls, (pair) => (server as TlsServer).setSecureContext(pair)) : null
  app.finish()
  server.on('upgrade', (req, socket, head) => {
    try {
      origins.mayOpen(req)
    } catch (e) {
      return refuseUpgrade(socket, e as TmiError)
    }
    if (socketsIn.upgrade(req, socket, head) || sockets.upgrade(req, socket, head) || graphql.handleUpgrade(req, socket, head))
      return
    refuseUpgrade(socket, new TmiError('TM301'))
  })
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.httpPort, config.host, 2048, resolve)
  })
  ready()
  await new Promise((resolve) => ended.addEventListener('abort', resolve))
  server.close()
  server.closeIdleConnections()
  setTimeout(() => server.closeAllConnections(), 2000).unref()
})
