// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { admin, type Served, type Statement, serve, statementsOf } from './graphql-served.ts'

let api: Served
let everything: string
let one: string
let fieldless: string
let speaker: string

before(async () => {
  api = await serve(async (db) => {
    await admin(
      db,
      `select tmidb.ingest('sensor', 'truck-17', jsonb_build_object('temperature', 20 + i, 'status', 'ok', 'big', 12345678901234567890123,
         'nested', '{"a": [1, null]}'::jsonb), now() - i * interval '1 minute') from generate_series(1, 120) i`,
      `select tmidb.ingest('sensor', 'truck-18', '{"temperature": 5, "status": "cold"}', date_trunc('hour', now()))`,
      `select tmidb.publish_views()`,
    )
    await db.query('analyze tmidb.ts_obs')
    one = await admin(db, `select tmidb.create_listener('one')`)
    await admin(db, `select tmidb.subscribe('one', 'sensor', array['truck-17'], array['temperature'])`)
    fieldless = await admin(db, `select tmidb.create_listener('nothing')`)
    speaker = await admin(db, `select tmidb.create_speaker('writer')`)
    everything = await admin(db, `select tmidb.create_listener('everything')`)
    await admin(db, `select tmidb.subscribe('everything', null), tmidb.allow_introspection('everything')`)
    return everything
  })
})
after(() => api[Symbol.asyncDispose]())

test('a listener reads its rows and fields', async () => {
  const { data } = await api.ask('{ sensorV1(orderBy: TS_DESC) { totalCount nodes { target temperature } } }', { token: one })
  assert.equal(data.sensorV1.totalCount, 120)
  assert.deepEqual(data.sensorV1.nodes[0], { target: 'truck-17', temperature: 21 })
})

test('a hidden field is none, also in a filter', async () => {
  const { errors } = await api.ask('{ sensorV1(filter: {status: {equalTo: "ok"}}) { totalCount } }', { token: one })
  assert.match(errors?.[0]?.message ?? '', /^Field "status" is not defined by type "SensorV1Filter"/)
  const shown = await api.ask('{ sensorV1(filter: {temperature: {lessThan: 31}}) { totalCount } }', { token: one })
  assert.equal(shown.data.sensorV1.totalCount, 10)
})

test('a listener without any subscription reads nothing', async () => {
  const { data } = await api.ask('{ targets { totalCount } }', { token: fieldless })
  assert.deepEqual(data, { targets: { totalCount: 0 } })
  assert.equal((await api.ask('{ sensorV1 { totalCount } }', { token: fieldless })).status, 400)
})

test('values keep what they are: exact numbers are strings, JSON is JSON, times are RFC 3339 in UTC with microseconds', async () => {
  const { data } = await api.ask(
    '{ sensorV1(target: "truck-18") { nodes { ts } } b: sensorV1(target: "truck-17", first: 1) { nodes { big nestedA } } }',
  )
  assert.match(data.sensorV1.nodes[0].ts, /^\d{4}-\d\d-\d\dT\d\d:00:00\.000000Z$/)
  assert.deepEqual(data.b.nodes[0], { big: '12345678901234567890123', nestedA: [1, null] })
})

test('a page is 50 rows unless told, and cursors go on behind it in any order', async () => {
  const ask = async (after: string | null) =>
    (
      await api.ask(
        'query ($after: Cursor) { sensorV1(orderBy: TS_DESC, after: $after) { nodes { target ts } pageInfo { hasNextPage endCursor } } }',
        { variables: { after } },
      )
    ).data.sensorV1
  const seen: string[] = []
  let after: string | null = null
  const sizes: number[] = []
  for (;;) {
    const page: { nodes: { target: string; ts: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } =
      await ask(after)
    sizes.push(page.nodes.length)
    seen.push(...page.nodes.map((n) => `${n.ts} ${n.target}`))
    after = page.pageInfo.endCursor
    if (!page.pageInfo.hasNextPage) break
  }
  assert.deepEqual(sizes, [50, 50, 21])
  assert.equal(new Set(seen).size, 121)
  assert.deepEqual(
    seen.map((s) => s.slice(0, 27)),
    seen
      .map((s) => s.slice(0, 27))
      .sort()
      .reverse(),
  )
})

test('the end of a list is read with "last"', async () => {
  const { data } = await api.ask('{ sensorV1(target: "truck-17", orderBy: TS_DESC, last: 2) { nodes { temperature } } }')
  assert.deepEqual(data.sensorV1.nodes, [{ temperature: 139 }, { temperature: 140 }])
})

test('target and targets choose by key', async () => {
  const count = async (args: string) => (await api.ask(`{ sensorV1(${args}) { totalCount } }`)).data.sensorV1.totalCount
  assert.equal(await count('target: "truck-18"'), 1)
  assert.equal(await count('targets: ["truck-18", "truck-17"]'), 121)
  assert.equal(await count('targets: []'), 0)
  assert.equal(await count('target: "no such"'), 0)
  assert.equal(await count('target: null, targets: null'), 121)
})

test('the latest readings of a target are read backwards from the key index; only those of one instant are sorted', async () => {
  const { text, values } = await statementOf(
    '{ sensorV1(target: "truck-17", orderBy: TS_DESC, first: 20) { nodes { ts temperature } } }',
  )
  const plan = await explain(text, values)
  assert.ok(/"Scan Direction": ?"Backward"/.test(plan))
  assert.ok(/"Index Cond": ?"\(\(target_id = [^"]*category_id = /.test(plan))
  assert.ok(!/"Node Type": ?"Sort"/.test(plan))
  assert.ok(/"Node Type": ?"Incremental Sort"/.test(plan))
})

test('the next page of a target goes on in the index', async () => {
  const first = await api.ask('{ sensorV1(target: "truck-17", orderBy: TS_DESC, first: 20) { pageInfo { endCursor } } }')
  const { text, values } = await statementOf(
    `{ sensorV1(target: "truck-17", orderBy: TS_DESC, first: 20, after: "${first.data.sensorV1.pageInfo.endCursor}") { nodes { ts } } }`,
  )
  assert.ok(/"Index Cond": ?"[^"]*ROW\(ts, target_id\) <= ROW/.test(await explain(text, values)))
})

test('the readings behind targets are one statement, and each target is read backwards from the key index', async () => {
  const { text, values } = await statementOf(
    '{ targets { nodes { key sensorV1(orderBy: TS_DESC, first: 3) { nodes { ts temperature ofTarget { name } } } } } }',
  )
  const plan = await explain(text, values)
  assert.ok(/"Scan Direction": ?"Backward"/.test(plan))
  assert.ok(/"Index Cond": ?"\(\(target_id = target[^"]*category_id = /.test(plan), plan)
})

test('a count alone reads no page of rows', async () => {
  const { text } = await statementOf('{ sensorV1 { totalCount } }')
  assert.match(text, /count\(\*\)/)
})

test('without a token: 401 TM100; with a wrong one: 401 TM101', async () => {
  const none = await api.ask('{ __typename }', { token: null })
  assert.equal(none.status, 401)
  assert.equal(none.errors?.[0]?.extensions?.code, 'TM100')
  const wrong = await api.ask('{ __typename }', { token: 'tmi_listener_x' })
  assert.equal(wrong.status, 401)
  assert.equal(wrong.errors?.[0]?.extensions?.code, 'TM101')
})

test('a speaker may not read: TM102', async () => {
  const { errors } = await api.ask('{ sensorV1 { totalCount } }', { token: speaker })
  assert.equal(errors?.[0]?.extensions?.code, 'TM102')
})

test('pages beyond the cap are refused with 4xx, written or sent as variables', async () => {
  const refused = async (query: string, variables?: object, code = 'TM308') => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const { status, errors, data } = await api.ask(query, { accept, ...(variables ? { variables } : {}) })
      assert.equal(status, 400, query)
      assert.equal(errors?.[0]?.extensions?.code, code, query)
      assert.equal(data, undefined)
    }
  }
  await refused('{ sensorV1(first: 100000) { totalCount } }')
  await refused('{ sensorV1(last: 1001) { totalCount } }')
  await refused('{ sensorV1(offset: 100001) { totalCount } }')
  await refused('{ sensorV1(first: -1) { totalCount } }', undefined, 'TM303')
  await refused('query ($n: Int) { sensorV1(first: $n) { totalCount } }', { n: 1001 })
  assert.equal((await api.ask('{ sensorV1(first: 1000) { nodes { ts } } }')).data.sensorV1.nodes.length, 121)
  const byDefault = await api.ask('query ($n: Int = 5000) { sensorV1(first: $n) { nodes { ts } } }')
  assert.equal(byDefault.errors?.[0]?.extensions?.code, 'TM308')
  assert.equal(byDefault.data, undefined)
})

test('too deep, too many aliases, too long: 400 before anything runs', async () => {
  const aliased = (n: number) => Array.from({ length: n }, (_, i) => `a${i}: __typename`).join(' ')
  const refused = async (query: string) => {
    for (const accept of ['application/json', '*/*']) assert.equal((await api.ask(query, { accept })).status, 400, query)
  }
  assert.equal((await api.ask(`{ ${aliased(15)} targets { edges { node { key } } } }`)).status, 200)
  await refused(`{ ${aliased(16)} }`)
  await refused(`{ ...f ...f } fragment f on Query { ${aliased(8)} }`)
  await refused(`{ ${'targets { totalCount } '.repeat(400)} }`)
  await refused(`{ ${'targets { '.repeat(11)} key ${'}'.repeat(11)} }`)
})

test('a nested document is told how deep it may be', async () => {
  const tower = (n: number): string => (n === 0 ? '__typename' : `... on Query { ${tower(n - 1)} }`)
  assert.equal((await api.ask(`{ ${tower(20)} }`)).status, 200, 'fragments are no level of their own')
  const { status, errors } = await api.ask(`{ __schema { types { ${'fields { type { '.repeat(12)} name ${'} }'.repeat(12)} } } }`)
  assert.equal(status, 400)
  assert.match(errors?.[0]?.message ?? '', /levels deep; at most 10/)
})

test("an empty filter, a null in it and a cursor of nowhere are the caller's mistakes, and told so", async () => {
  for (const args of [
    'filter: {}',
    'filter: {status: null}',
    'filter: {not: {}}',
    'after: "nowhere"',
    'after: "WyJ4IiwxXQ=="',
    'orderBy: NATURAL, after: "bnVsbA=="',
  ]) {
    const { errors } = await api.ask(`{ sensorV1(${args}) { nodes { ts } } }`)
    assert.ok(errors?.length, args)
    assert.notEqual(errors[0]?.extensions?.code, 'TM500', args)
  }
})

test('fragments that spread themselves end in a refusal', async () => {
  const { status } = await api.ask('{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }')
  assert.equal(status, 400)
})

test('a value that PostgreSQL does not take is told with its code', async () => {
  const { errors } = await api.ask('{ sensorV1(filter: {ts: {greaterThan: "yesterday-ish"}}) { totalCount } }')
  assert.equal(errors?.[0]?.extensions?.code, '22007')
})

test('the introspection that tools send is answered, and shows no reading_id and no node id', async () => {
  const { getIntrospectionQuery } = await import('graphql')
  const { status, data } = await api.ask(getIntrospectionQuery())
  assert.equal(status, 200)
  assert.ok(data.__schema.types.length > 50)
  const sdl = api.sdl()
  assert.doesNotMatch(sdl, /reading_id|nodeId|interface Node/i)
  assert.match(sdl, /ts: Datetime!/)
})

test("what is no GraphQL request is answered in GraphQL's form", async () => {
  const bad = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    body: '{',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${everything}` },
  })
  assert.equal(bad.status, 400)
  assert.equal(((await bad.json()) as { errors: unknown[] }).errors.length, 1)
  const ruru = await fetch(`${api.url}/ruru`, { headers: { accept: 'text/html' } })
  assert.equal(ruru.status, 200)
  assert.match(ruru.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
  assert.doesNotMatch(await ruru.text(), /(src|href)="https?:/)
  assert.equal((await fetch(`${api.url}/elsewhere`)).status, 404)
})

test('everybody makes and lists their own tokens', async () => {
  const { data, errors } = await api.ask(
    'mutation { createToken(input: {label: "second", scopes: ["read"], allowFrom: ["127.0.0.1"]}) { token } }',
    { token: one },
  )
  assert.equal(errors, undefined)
  const listed = await api.ask('{ tokens(orderBy: TOKEN_ID_ASC) { nodes { kind owner label scopes allowFrom revokedAt } } }', {
    token: data.createToken.token,
  })
  const like = { kind: 'listener', owner: 'one', revokedAt: null }
  assert.deepEqual(listed.data?.tokens.nodes, [
    { ...like, label: null, scopes: null, allowFrom: null },
    { ...like, label: 'second', scopes: ['read'], allowFrom: ['127.0.0.1/32'] },
  ])
})

/** The one select behind a query, as PostgreSQL got it. */
async function statementOf(query: string): Promise<Statement> {
  const [statement, ...more] = await statementsOf(api, query)
  assert.deepEqual(more, [])
  return statement!
}

async function explain(text: string, values: unknown[]): Promise<string> {
  const { claims } = await api.access.identify(`Bearer ${everything}`)
  const client = await api.pool.connect()
  try {
    await client.query('begin')
    await client.query(
      `select set_config('role', $1, true), set_config('tmidb.claims', $2, true), set_config('enable_seqscan', 'off', true)`,
      [claims.role, JSON.stringify(claims)],
    )
    const { rows } = await client.query(`explain (format json) ${text}`, values)
    return JSON.stringify(rows[0]['QUERY PLAN'])
  } finally {
    await client.query('rollback')
    client.release()
  }
}
