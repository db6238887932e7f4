// SPDX-License-Identifier: MIT
// What the REST tests read: two trucks and a house, two versions of one category, three listeners, a speaker and an administrator;
// served over a real socket.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PostgrestClient } from '@supabase/postgrest-js'
import { documentHandler } from '../../src/api/docs/documents.ts'
import { docsHandler } from '../../src/api/docs/pages.ts'
import { buildSchema } from '../../src/api/graphql/build.ts'
import { type LiveCatalog, openCatalog } from '../../src/api/rest/catalog.ts'
import { restHandler } from '../../src/api/rest/handler.ts'
import { hashPassword } from '../../src/base/password.ts'
import { openAccess } from '../../src/db/access.ts'
import { openPool } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

export interface RestWorld extends AsyncDisposable {
  db: TestDatabase
  base: string
  catalog: LiveCatalog
  /** all: everything; few: temperature and status of truck-1; none: nothing yet; speaker: may only write. */
  tokens: { all: string; few: string; none: string; speaker: string; admin: string }
  // biome-ignore lint/suspicious/noExplicitAny: the client's own word for a schema that is not declared
  as(who: keyof RestWorld['tokens'], major?: number): PostgrestClient<any>
  /** After a change of what there is. */
  reload(): Promise<void>
  get(path: string, who?: keyof RestWorld['tokens'], headers?: Record<string, string>, method?: string): Promise<Response>
}

const readings = [
  [
    'truck-1',
    '01:00:00.000001',
    {
      temperature: 20.5,
      status: 'ok',
      humidity: 40,
      moving: true,
      // biome-ignore lint/correctness/noPrecisionLoss: the lost digits are put back in the text
      serial: 9007199254740993,
      meta: { a: [1, { b: 'deep' }], n: 5 },
      tags: ['x', 'y'],
    },
  ],
  [
    'truck-1',
    '02:00:00',
    {
      temperature: 21,
      status: 'a, "b"',
      humidity: 41,
      moving: false,
      // biome-ignore lint/correctness/noPrecisionLoss: the lost digits are put back in the text
      serial: 12345678901234567890,
      meta: { a: [2] },
      tags: ['y'],
    },
  ],
  ['truck-1', '03:00:00', { temperature: 22.5, status: 'Hot (very)', humidity: 42 }],
  ['truck-2', '01:30:00', { temperature: 5, status: 'ok', humidity: 90 }],
  ['truck-2', '02:30:00', { temperature: -3, status: 'cold', humidity: 95 }],
  ['house', '00:30:00', { temperature: 19, status: 'ok', humidity: 50 }],
] as const

/** All on one recent day, so that there is room for them. */
export const day = new Date().toISOString().slice(0, 10)

export async function restWorld(): Promise<RestWorld> {
  const db = await testDatabase()
  for (const [target, time, data] of readings) {
    // As text: the integers are larger than JavaScript's.
    const text = JSON.stringify(data)
      .replace('9007199254740992', '9007199254740993')
      .replace('12345678901234567000', '12345678901234567890')
    await db.query('select tmidb.ingest($1, $2, $3::jsonb, $4::timestamptz)', ['sensor', target, text, `${day}T${time}Z`])
  }
  await db.query('select tmidb.publish_views()')
  await db.query(`select tmidb.ingest('sensor', 'truck-1', '{"temperature": "warm", "status": "odd"}', $1)`, [`${day}T04:00:00Z`])
  await db.query(`select tmidb.ingest('secret', 'vault', '{"code": 42}', $1)`, [`${day}T04:00:00Z`])
  await db.query('select tmidb.publish_views()')
  const token = async (sql: string) => (await db.query<{ token: string }>(`select ${sql} as token`))[0]?.token ?? ''
  const tokens = {
    all: await token(`tmidb.create_listener('all')`),
    few: await token(`tmidb.create_listener('few')`),
    none: await token(`tmidb.create_listener('none')`),
    speaker: await token(`tmidb.create_speaker('device')`),
    admin: `Basic ${Buffer.from('root:secret').toString('base64')}`,
  }
  await db.query(
    `select tmidb.subscribe('all', null), tmidb.subscribe('few', 'sensor', array['truck-1'], array['temperature', 'status'])`,
  )
  await db.query(`select tmidb.create_account('root', $1, 'admin')`, [await hashPassword('secret')])

  const pool = openPool(db.url('tmidb_api'), { max: 4, application: 'rest-test' })
  const access = await openAccess(db.url('tmidb_api'))
  const catalog = await openCatalog(pool)
  const build = () => buildSchema({ pool, access, hub: { subscribe: () => assert.fail('nothing is live here') } })
  let { schema: graphql } = await build()
  const rest = restHandler({ pool, catalog, access })
  const docs = docsHandler()
  const documents = documentHandler({ pool, catalog, access, graphqlSchema: () => graphql, mqttPort: 1883 })
  const server = createServer(async (req, res) => {
    if (documents(req, res) || (await rest(req, res)) || docs(req, res)) return
    res.writeHead(404, { 'x-fell-through': '1' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const authorization = (who: keyof typeof tokens) => (tokens[who].startsWith('Basic') ? tokens[who] : `Bearer ${tokens[who]}`)
  return {
    db,
    base,
    catalog,
    tokens,
    async reload() {
      await catalog.reload()
      graphql = (await build()).schema
    },
    as: (who, major = 1) => new PostgrestClient(`${base}/api/v${major}`, { headers: { Authorization: authorization(who) } }),
    get: async (path, who, headers = {}, method = 'GET') =>
      await fetch(`${base}${path}`, { method, headers: { ...(who ? { authorization: authorization(who) } : {}), ...headers } }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await access[Symbol.asyncDispose]()
      await pool.end()
      await db[Symbol.asyncDispose]()
    },
  }
}
