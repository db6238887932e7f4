// SPDX-License-Identifier: MIT
// PostGraphile 5 as its documentation starts it: the Amber preset on one schema, an express server, the caller's name from the token.
// Argument: the database's URL; standard input: {"Bearer <token>": "<listener>"}; prints its port.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import express from 'express'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/express/v4'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const listeners = JSON.parse(readFileSync(0, 'utf8')) as Record<string, string>
const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: process.argv[2] ?? '', schemas: ['bench_stock'], pubsub: false })],
  grafast: {
    explain: false,
    context: (request) => ({
      pgSettings: { role: 'tmidb_listener', 'bench.listener': listeners[request.http?.getHeader('authorization') ?? ''] ?? '' },
    }),
  },
})
const app = express()
const server = createServer(app)
await instance.createServ(grafserv).addTo(app as never, server as never)
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as { port: number }).port}\n`))
