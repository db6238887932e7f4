// SPDX-License-Identifier: MIT
// What rights cost in the plans of the hot queries: the rules are read once a query, and for a row there is nothing of ours but turning its
// values into columns. Asserted on what PostgreSQL did, not on how long it took.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { PoolClient } from 'pg'
import type { Part } from '../../src/db/one-trip.ts'
import { type Claims, readAs } from '../../src/db/pool.ts'
import { withClient } from '../../src/db/superuser.ts'
import { type ServedWorld, servedWorld } from './served.ts'

let served: ServedWorld
let few: string
before(async () => {
  served = await servedWorld()
  await served.world.db.query(`select tmidb.ingest('sensor', jsonb_agg(jsonb_build_object('target', 'many-' || t, 'ts', now() - n * interval '1 minute',
    'data', jsonb_build_object('temperature', 20 + n % 10, 'humidity', n % 50, 'status', 'ok')))) from generate_series(1, 200) t, generate_series(1, 60) n`)
  // A listener of fifty of them and one field, and one with a time window.
  await served.world.db.query(
    `select tmidb.subscribe('${name('ann')}', 'sensor', array(select 'many-' || i from generate_series(1, 50) i), array['temperature'])`,
  )
  // One who sees few of the targets.
  few =
    (await served.world.db.query<{ token: string }>(`select tmidb.create_listener('${name('few')}') as token`))[0]?.token ?? ''
  await served.world.db.query(
    `select tmidb.subscribe('${name('few')}', 'sensor', array(select 'many-' || i from generate_series(1, 5) i))`,
  )
  await served.world.db.query('vacuum analyze')
})
after(() => served[Symbol.asyncDispose]())

const name = (who: string) => `${who}_${process.pid}`
const many = 'many-7'
const day = () => new Date(Date.now() - 86_400_000).toISOString()

const rest = (path: string, headers: Record<string, string> = {}) => ({ path: `/api/v1/${path}`, headers, body: undefined })
const graphql = (query: string) => ({
  path: '/graphql',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query }),
})
const counted = { prefer: 'count=exact' }

const hot: Record<string, () => { path: string; headers: Record<string, string>; body: string | undefined }> = {
  'latest 50 of one target': () => rest(`sensor?target=eq.${many}&order=ts.desc&limit=50`),
  'the newest page': () => rest('sensor?order=ts.desc'),
  'the newest page, counted': () => rest('sensor?order=ts.desc', counted),
  'a page of some columns': () => rest('sensor?select=target,temperature&order=ts.desc&limit=100'),
  'one target in a time': () => rest(`sensor?target=eq.${many}&ts=gte.${day()}&order=ts.asc`),
  'a day counted': () => rest(`sensor?ts=gte.${day()}&limit=1`, counted),
  'some targets': () => rest('sensor?target=in.(many-1,many-2,many-3)&order=ts.desc'),
  'by a value': () => rest('sensor?temperature=gt.25&order=ts.desc'),
  'by a value that is hidden': () => rest('sensor?humidity=gt.10&order=ts.desc'),
  'in the order of a value': () => rest('sensor?order=temperature.desc&limit=60'),
  'the page after': () => rest(`sensor?target=eq.${many}&order=ts.asc&after=`),
  'by two conditions': () => rest('sensor?or=(temperature.gt.28,status.eq.ok)&order=ts.desc'),
  'as CSV': () => rest('sensor?order=ts.desc&limit=500', { accept: 'text/csv' }),
  'another category': () => rest('log?order=ts.desc'),
  targets: () => ({ path: '/api/target?order=key', headers: {}, body: undefined }),
  'a reading with its target': () => rest('sensor?select=ts,target(key,name)&order=ts.desc&limit=60'),
  'GraphQL: latest 50 of one target': () =>
    graphql(`{ sensorV1(target: "${many}", first: 50, orderBy: [TS_DESC]) { nodes { ts temperature } } }`),
  'GraphQL: a page, counted': () =>
    graphql('{ sensorV1(first: 50, orderBy: [TS_DESC]) { totalCount nodes { target ts temperature } } }'),
  'GraphQL: by a value': () =>
    graphql('{ sensorV1(first: 50, filter: {temperature: {greaterThan: 25}}) { nodes { target ts } } }'),
  'GraphQL: targets': () => graphql('{ allTargets: targets(first: 50) { nodes { key } } }'),
}

/** What a request asks PostgreSQL in api's views. */
async function statementsOf(
  request: { path: string; headers: Record<string, string>; body: string | undefined },
  token: string,
): Promise<Part[]> {
  const seen: Part[] = []
  const { pool } = served
  const connect = pool.connect
  pool.connect = (async () =>
    new Proxy(await (connect as () => Promise<PoolClient>).call(pool), {
      get(client, key) {
        if (key !== 'query') return Reflect.get(client, key, client) as unknown
        return (q: { asked?: Part }) => {
          if (q.asked !== undefined && /"?api"?\./.test(q.asked.text)) seen.push(q.asked)
          return client.query(q as never)
        }
      },
    })) as never
  try {
    const res = await fetch(`${served.http}${request.path}`, {
      method: request.body === undefined ? 'GET' : 'POST',
      headers: { authorization: token, ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
    })
    const text = await res.text()
    assert.ok(res.ok && !text.includes('"errors"'), text)
  } finally {
    pool.connect = connect
  }
  return seen
}

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Index Cond'?: string
  'Subplan Name'?: string
  Plans?: Node[]
}

/** InitPlans run once; a SubPlan runs for each row. One that looks into no table only puts the row's own values together. */
function subplans(node: Node, path = ''): string[] {
  const here = `${path} > ${node['Node Type']}`
  const own =
    node['Subplan Name']?.startsWith('SubPlan') && node.Plans !== undefined
      ? [`${here}: ${node['Subplan Name']} ${JSON.stringify(node)}`]
      : []
  return [...own, ...(node.Plans ?? []).flatMap((child) => subplans(child, here))]
}

/** Turning values into columns, where PostgreSQL calls it and does not write it into the query. */
const ofARow = ['to_number', 'to_text', 'to_boolean', 'to_exact', 'to_float', 'to_json', 'unpack']
/** A query names the rules in its policies and views: so often at most, however many rows it has (pages here have 50 and more). */
const mostCalls = 35

test('there are twenty hot queries', () => assert.equal(Object.keys(hot).length, 20))

for (const who of ['ann', 'fay'] as const) {
  for (const [title, request] of Object.entries(hot)) {
    test(`${title}, as ${who === 'ann' ? 'a listener' : 'a listener with time windows'}: the rules once, no subplan, no function of ours for a row`, async () => {
      const statements = await statementsOf(request(), served.world.tokens[who])
      assert.ok(statements.length > 0, 'it asks for something')
      await withClient(served.world.db.superUrl, async (client) => {
        await client.query(`set track_functions = 'all'; set session authorization tmidb_api; set role tmidb_listener`)
        await client.query(`select set_config('tmidb.claims', $1, false)`, [
          JSON.stringify({ role: 'tmidb_listener', listener_id: served.world.ids[who] }),
        ])
        for (const { text, values = [] } of statements) {
          await client.query('begin')
          const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Node }[] }>(
            `explain (analyze, verbose, timing off, costs off, format json) ${text}`,
            [...values],
          )
          const { rows: calls } = await client.query<{ f: string; n: number }>(
            `select funcname::text as f, calls::int as n from pg_stat_xact_user_functions where schemaname in ('tmidb', 'api')`,
          )
          await client.query('rollback')
          assert.deepEqual(subplans(rows[0]?.['QUERY PLAN'][0]?.Plan as Node), [], text)
          assert.deepEqual(
            calls.filter((c) => !ofARow.includes(c.f) && c.n > mostCalls),
            [],
            text,
          )
        }
      })
    })
  }
}

/** How a day of all that one sees is counted: the conditions by which readings are looked up, and the count. */
async function dayCounted(claims: Claims): Promise<{ lookups: string[]; n: number }> {
  const text = `select count(*)::int as n from api.sensor_v1 where ts >= now() - interval '1 day'`
  const { rows: plans } = await readAs<{ 'QUERY PLAN': { Plan: Node }[] }>(served.pool, claims, {
    text: `explain (format json) ${text}`,
  })
  const { rows } = await readAs<{ n: number }>(served.pool, claims, { text })
  return { lookups: [...new Set(lookups(plans[0]?.['QUERY PLAN'][0]?.Plan as Node))], n: rows[0]?.n ?? -1 }
}

function lookups(node: Node): string[] {
  const own = node['Relation Name']?.startsWith('ts_obs')
    ? [node['Index Cond']?.includes('t.target_id') ? 'of a target' : 'of all']
    : []
  return [...own, ...(node.Plans ?? []).flatMap(lookups)]
}

const claimsOf = async (authorization: string): Promise<Claims> => (await served.access.identify({ authorization })).claims

test('who sees few targets has their readings looked up by the index, with all rows and no other', async () => {
  const claims = await claimsOf(`Bearer ${few}`)
  assert.equal(claims.few, true)
  const { few: _, ...unsaid } = claims
  const [said, plain] = [await dayCounted(claims), await dayCounted(unsaid)]
  assert.deepEqual([said.n, plain.n], [300, 300])
  assert.deepEqual([said.lookups.includes('of a target'), plain.lookups.includes('of a target')], [true, false])
})

test('who sees many targets, or all, has the day read through', async () => {
  const many = await claimsOf(served.world.tokens.ann)
  const all = await claimsOf(served.world.tokens.admin)
  for (const claims of [many, all]) {
    assert.equal(claims.few, undefined)
    const { lookups, n } = await dayCounted(claims)
    assert.ok(n >= 3000, String(n))
    assert.deepEqual(lookups, ['of all'])
    // Who says so wrongly gets another plan, and the same rows.
    assert.equal((await dayCounted({ ...claims, few: true })).n, n)
  }
})
