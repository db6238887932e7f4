// SPDX-License-Identifier: MIT
// The HTTP port with all its ways in, by itself: a real socket and a real database, and a publisher that keeps what it was given.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Access, openAccess } from '../../src/db/access.ts'
import { httpIntake } from '../../src/edge/http.ts'
import { influxIntake } from '../../src/edge/influx.ts'
import { type Intake, openIntake } from '../../src/edge/intake.ts'
import { thingsboardIntake } from '../../src/edge/thingsboard-http.ts'
import { openWsIntake } from '../../src/edge/ws-in.ts'
import type { Row } from '../../src/nats-bridge/frame.ts'
import type { Publisher } from '../../src/nats-bridge/publish.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

export interface Door extends AsyncDisposable {
  db: TestDatabase
  base: string
  intake: Intake
  server: Server
  tokens: { any: string; bound: string; strict: string; listener: string }
  /** What was published since the last call: category, target, payload. */
  rows(): Row[]
  /** What a publish waits for or fails with. */
  before: (() => Promise<void>) | null
  endSockets(): Promise<void>
}

export async function openDoor(): Promise<Door> {
  const db = await testDatabase()
  const token = async (sql: string) => (await db.query<{ token: string }>(`select ${sql} as token`))[0]?.token ?? ''
  const tokens = {
    any: await token(`tmidb.create_speaker('any')`),
    bound: await token(`tmidb.create_speaker('bound', 'truck-17')`),
    strict: await token(`tmidb.create_speaker('strict', null, false)`),
    listener: await token(`tmidb.create_listener('reader')`),
  }
  let published: Row[] = []
  const publisher: Publisher = {
    async publish(rows) {
      await door.before?.()
      published.push(...rows)
    },
    async refuse() {},
    async [Symbol.asyncDispose]() {},
  }
  const access: Access = await openAccess(db.url('tmidb_edge'))
  const intake = openIntake({ access, publisher, edgeUrl: db.url('tmidb_edge') })
  const ways = [httpIntake(intake), influxIntake(intake, async () => {}), thingsboardIntake(intake)]
  const sockets = openWsIntake(intake, { authMs: 400 })
  const server = createServer((req, res) => {
    for (const way of ways) if (way(req, res)) return
    res.writeHead(404).end()
  })
  server.on('upgrade', (req, socket, head) => {
    if (!sockets.upgrade(req, socket, head)) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const door: Door = {
    db,
    intake,
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    tokens,
    rows() {
      const rows = published
      published = []
      return rows
    },
    before: null,
    endSockets: async () => await sockets[Symbol.asyncDispose](),
    async [Symbol.asyncDispose]() {
      await sockets[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
      await access[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
  return door
}

/** category, target, payload. */
export function told(rows: Row[]): [string, string, string][] {
  return rows.map((r) => [r.category, r.target, Buffer.from(r.payload).toString()])
}
