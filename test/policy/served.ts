// SPDX-License-Identifier: MIT
// The world of the proofs behind its real doors, in this process and on a real port: REST, GraphQL over HTTP and sockets, live sockets.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGraphql, type Graphql } from '../../src/api/graphql/server.ts'
import { openCatalog } from '../../src/api/rest/catalog.ts'
import { restHandler } from '../../src/api/rest/handler.ts'
import { type Access, openAccess } from '../../src/db/access.ts'
import { openPool, type Pool } from '../../src/db/pool.ts'
import { openHub } from '../../src/live/hub.ts'
import { openLiveSockets } from '../../src/live/ws.ts'
import { proofWorld, type World } from './world.ts'

export interface ServedWorld extends AsyncDisposable {
  world: World
  access: Access
  pool: Pool
  graphql: Graphql
  http: string
  ws: string
}

export async function servedWorld(): Promise<ServedWorld> {
  const stack = new AsyncDisposableStack()
  const world = stack.use(await proofWorld())
  const url = world.db.url('tmidb_api')
  const access = stack.use(await openAccess(url))
  const pool = stack.adopt(openPool(url, { max: 6, application: 'proof' }), (p) => p.end())
  const hub = stack.use(await openHub(url, access))
  const sockets = stack.use(openLiveSockets({ hub, access }))
  const catalog = await openCatalog(pool)
  const rest = restHandler({ pool, catalog, access })
  const graphql = stack.use(await createGraphql({ pool, access, hub, catalog }))
  const server = createServer((req, res) => {
    const nobody = () => void res.writeHead(404, { 'x-fell-through': '1' }).end()
    if (graphql.handle(req, res, nobody)) return
    void rest(req, res).then((taken) => taken || nobody())
  })
  server.on('upgrade', (req, socket, head) => {
    if (!sockets.upgrade(req, socket, head) && !graphql.handleUpgrade(req, socket, head)) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    world,
    access,
    pool,
    graphql,
    http: `http://${at}`,
    ws: `ws://${at}`,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
