// SPDX-License-Identifier: MIT
// Reading: the latest rows of one target through every API, beside a bare handler.
import { createServer } from 'node:http'
import pg from 'pg'
import type { Bench } from './bench.ts'
import type { Loaded } from './load.ts'

/** Latest 20 rows of one of 1,000 targets as a listener, beside the same rows by a bare handler without any rule. */
export async function reads({ connection, superUrl, query, note, perSecond, run }: Bench): Promise<void> {
  await run({ kind: 'http', seconds: 1, connections: 4, batch: 1000, targets: 1000 })
  const admin = await query<{ target_id: string; key: string }>(
    `select target_id, key from tmidb.target where key like 'device-%'`,
  )
  const pool = new pg.Pool({ connectionString: superUrl, max: 10 })
  pool.on('error', () => {})
  await pool.query('vacuum analyze tmidb.ts_obs')
  const bare = createServer((req, res) => {
    const id = (req.url ?? '').slice(1)
    pool
      .query({
        name: 'bare',
        text: `select coalesce(json_agg(r), '[]')::text as j from (select ts, payload->'temperature' as temperature, payload->'humidity' as humidity,
          payload->'pressure' as pressure, payload->'voltage' as voltage, payload->'status' as status, payload->'n' as n
          from tmidb.ts_obs where target_id = $1 and category_id = (select category_id from tmidb.category where name = 'sensor')
          order by ts desc limit 20) r`,
        values: [id],
      })
      .then(({ rows }) => {
        const body = Buffer.from(rows[0].j as string)
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        res.end(body)
      })
  })
  await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
  const get = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${connection.listener.token}\r\n\r\n`
  const post = (path: string, body: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${connection.listener.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const common = { kind: 'get', connections: 50 } as const
  const base = await run({
    ...common,
    port: (bare.address() as { port: number }).port,
    requests: admin.map((t) => get(`/${t.target_id}`)),
  })
  const rest = await run({
    ...common,
    requests: admin.map((t) => get(`/api/v1/sensor?target=eq.${t.key}&order=ts.desc&limit=20`)),
  })
  const document =
    'query($t:String!){sensorV1(target:$t,first:20,orderBy:TS_DESC){nodes{target ts temperature humidity pressure voltage status n}}}'
  const graphql = await run({
    ...common,
    requests: admin.map((t) => post('/graphql', JSON.stringify({ query: document, variables: { t: t.key } }))),
  })
  note(
    'bare node:http + pg, latest 20 of one target, no rules',
    perSecond(base.acknowledged, base.seconds),
    `p50 ${base.p50} p99 ${base.p99} ms`,
  )
  const ratio = (l: Loaded): string => (l.acknowledged / l.seconds / (base.acknowledged / base.seconds)).toFixed(2)
  note(
    'REST, the same rows as a listener',
    perSecond(rest.acknowledged, rest.seconds),
    `p50 ${rest.p50} p99 ${rest.p99} ms, ${ratio(rest)} of bare${rest.failed ? `, ${rest.failed} failed` : ''}`,
  )
  note(
    'GraphQL, the same rows as a listener',
    perSecond(graphql.acknowledged, graphql.seconds),
    `p50 ${graphql.p50} p99 ${graphql.p99} ms, ${ratio(graphql)} of bare${graphql.failed ? `, ${graphql.failed} failed` : ''}`,
  )
  bare.close()
  await pool.end()
}
