// SPDX-License-Identifier: MIT
// Nobody learns that something hidden exists: whatever is asked of a hidden category, table, column, function or target is answered, letter
// by letter, as what is asked of one that nobody has. The two are asked side by side: "vault" is hidden, "vaulx" is not there.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { documentHandler } from '../../src/api/docs/documents.ts'
import { openCatalog } from '../../src/api/rest/catalog.ts'
import { restHandler } from '../../src/api/rest/handler.ts'
import { hashPassword } from '../../src/base/password.ts'
import { openHub } from '../../src/live/hub.ts'
import { openLiveSockets } from '../../src/live/ws.ts'
import { admin, type Served, serve } from '../api/graphql-served.ts'

const stack = new AsyncDisposableStack()
let api: Served
let base = ''
/** As they authorize themselves. */
const who: Record<string, string> = {}

before(async () => {
  api = stack.use(
    await serve(async (db) => {
      await db.query(
        `select tmidb.ingest('sensor', t, '{"temp": 20, "vault_level": 4}') from unnest(array['truck-1', 'vault-1']) t`,
      )
      await db.query(`select tmidb.ingest('vault', 'vault-1', '{"code": 42}'), tmidb.publish_views()`)
      await db.query(`set role admin;
        create table app.vault_log (log_id int primary key, line text);
        create table app.site (site_id int primary key, name text, vault_id int references app.vault_log, vault_note text);
        create function app.vault_open() returns int language sql stable as 'select 1';
        create function app.vault_shut() returns int language sql volatile as 'select 1';
        create function app.site_vault_mark(s app.site) returns text language sql stable as 'select ''x''';
        comment on function app.site_vault_mark is E'@behavior +filterBy +typeField';
        insert into app.vault_log values (1, 'x'); insert into app.site values (1, 'here', 1, 'n');
        grant select (site_id, name), insert (site_id, name) on app.site to tmidb_listener`)
      await db.query(
        `select tmidb.create_role('fleet'), tmidb.create_account('kim', $1, 'fleet'), tmidb.create_account('root', $1, 'admin')`,
        [await hashPassword('secret')],
      )
      const token = await admin(db, `select tmidb.create_listener('few')`)
      for (const to of ['listener:few', 'role:fleet'])
        await db.query(`select tmidb.grant_access($1, p_category => 'sensor', p_targets => '{truck-1}', p_fields => '{temp}')`, [
          to,
        ])
      who.listener = `Bearer ${token}`
      who.admin = `Basic ${Buffer.from('root:secret').toString('base64')}`
      who.member = `Basic ${Buffer.from('kim:secret').toString('base64')}`
      return token
    }),
  )
  const { pool, access } = api
  const catalog = await openCatalog(pool)
  const rest = restHandler({ pool, catalog, access })
  const documents = documentHandler({ pool, catalog, access, graphqlSchema: api.graphql.schema, mqttPort: null })
  const hub = stack.use(await openHub(api.db.url('tmidb_api'), access))
  const sockets = stack.use(openLiveSockets({ hub, access }))
  const server = createServer(async (req, res) => {
    if (documents(req, res) || (await rest(req, res))) return
    res.writeHead(404).end()
  })
  server.on('upgrade', (req, socket, head) => sockets.upgrade(req, socket, head) || socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  base = `127.0.0.1:${(server.address() as AddressInfo).port}`
})

after(() => stack.disposeAsync())

const absent = (text: string) => text.replaceAll('vault', 'vaulx').replaceAll('Vault', 'Vaulx').replaceAll('VAULT', 'VAULX')
const namesOf = (text: string) => text.replaceAll('vaulx', 'vault').replaceAll('Vaulx', 'Vault').replaceAll('VAULX', 'VAULT')

interface Asked {
  path: string
  method?: string
  body?: string
  headers?: Record<string, string>
}

async function asked({ path, method = 'GET', body, headers = {} }: Asked, authorization: string) {
  const res = await fetch(`http://${base}${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const kept = ['allow', 'content-range', 'content-type', 'deprecation', 'link', 'next-cursor', 'preference-applied']
  return {
    status: res.status,
    body: namesOf(await res.text()),
    headers: kept.map((name) => namesOf(res.headers.get(name) ?? '')),
  }
}

const get = (...paths: string[]): Asked[] => paths.map((path) => ({ path }))
const withMethods = (path: string, body = '{"code": 1}'): Asked[] =>
  ['HEAD', 'OPTIONS', 'DELETE', 'POST', 'PUT', 'PATCH', 'PROPFIND'].map((method) => ({
    path,
    method,
    ...(/^P(?:OST|UT|ATCH)$/.test(method) ? { body } : {}),
  }))
const bad: Record<string, string>[] = [
  { accept: 'text/odd' },
  { prefer: 'handling=strict, odd=1' },
  { 'accept-profile': 'app' },
  { 'accept-profile': 'api' },
  { 'accept-profile': 'v1' },
  { range: '5-2' },
]
const rest: Asked[] = [
  ...get(
    '/api/v1/vault',
    '/api/v1/vault?select=code',
    '/api/v1/vault?code=eq.1',
    '/api/v1/vault?select=(',
    '/api/v1/vault?limit=x',
  ),
  ...get(
    '/api/v2/vault',
    '/api/v1/vault_v1',
    '/api/vault',
    '/api/vault_v1',
    '/api/few/vault',
    '/api/vault/vault',
    '/api/vault/sensor',
  ),
  ...get(
    '/api/vault_log',
    '/api/vault_log?select=line',
    '/api/vault_log?order=id',
    '/api/v1/vault_log',
    '/api/vault_log?limit=x',
  ),
  ...withMethods('/api/v1/vault'),
  ...withMethods('/api/vault_log', '{"log_id": 2}'),
  ...withMethods('/api/vault'),
  ...withMethods('/api/rpc/vault_open', '{}'),
  ...['/api/vault', '/api/vault_log', '/api/v1/vault'].flatMap((path) => bad.map((headers) => ({ path, headers }))),
  ...get(
    '/api/v1/sensor?select=temp,vault(code)',
    '/api/v1/sensor?select=temp,vault_v1(code)',
    '/api/target?select=key,vault(code)',
  ),
  ...get(
    '/api/site?select=site_id,vault_log(line)',
    '/api/site?select=site_id,vault_log!site_vault_id_fkey(line)',
    '/api/site?select=site_id,vault_id(line)',
  ),
  ...get('/api/site?select=vault_note', '/api/site?vault_note=eq.n', '/api/site?order=vault_note', '/api/site?vault_id=is.null'),
  ...get('/api/rpc/vault_open', '/api/rpc/vault_open?x=1', '/api/v1/rpc/vault_open', '/api/rpc/vault_shut'),
  { path: '/api/rpc/vault_open', headers: { 'accept-profile': 'app' } },
  { path: '/api/rpc/vault_shut', method: 'POST', body: '{}' },
  { path: '/api/rpc/latest', method: 'POST', body: '{"category": "vault"}' },
  ...get('/api/rpc/latest?category=vault', '/api/rpc/latest?target=vault-1', '/api/rpc/schema_changes?category=eq.vault'),
  ...get(
    '/api/rpc/geo_track?target=vault-1',
    '/api/rpc/geo_near_target?target=vault-1&radius_m=9',
    '/api/rpc/explain_access?category=vault',
  ),
  ...get('/api/rpc/explain_access?category=sensor&target=vault-1', '/api/rpc/explain_access?who=listener:vault'),
  ...get(
    '/api/rpc/series?category=vault&target=vault-1&field=code&from=2026-01-01T00:00:00Z',
    '/api/rpc/series?category=sensor&target=vault-1&field=temp',
  ),
  ...get('/api/v1/sensor?target=eq.vault-1', '/api/target?key=eq.vault-1', '/api/target?key=in.(truck-1,vault-1)'),
  ...get('/api/vault/openapi.json', '/api/vault/schema.graphql', '/api/vault/changelog.json', '/api/vault/asyncapi.json'),
]

for (const as of ['listener', 'member']) {
  test(`REST: ${rest.length} ways to ask are the same to a ${as}`, async () => {
    assert.equal((await asked({ path: '/api/v1/sensor?select=temp' }, who[as]!)).body, '[{"temp":20}]')
    // What an administrator asked before is remembered for administrators.
    for (const one of rest) if (/select=/.test(one.path)) await asked(one, who.admin!)
    const wrong: unknown[] = []
    for (const one of rest) {
      const other = { ...one, path: absent(one.path), ...(one.body === undefined ? {} : { body: absent(one.body) }) }
      const [hidden, none] = [await asked(one, who[as]!), await asked(other, who[as]!)]
      if (JSON.stringify(hidden) !== JSON.stringify(none)) wrong.push(JSON.stringify([one, hidden, none]))
    }
    assert.deepEqual(wrong, [])
  })
}

const documents: { query: string; variables?: object }[] = [
  ...[
    '{ vaultV1 { totalCount } }',
    '{ vaultV1 }',
    '{ vaultV1(first: 2000) { nodes { code } } }',
    '{ vaultV1(filter: {code: {equalTo: 1}}, orderBy: CODE_ASC) { nodes { code target } } }',
    '{ vaultLogs { totalCount } vaultLog(logId: 1) { line } }',
    '{ sensorV1 { nodes { vaultLevel } } }',
    '{ sensorV1 { nodes { temp vaultLevel { x } } } }',
    '{ sensorV1(filter: {vaultLevel: {equalTo: 4}}) { totalCount } }',
    '{ sensorV1(filter: {and: [{not: {vaultLevel: {equalTo: 4}}}]}) { totalCount } }',
    '{ sensorV1(orderBy: VAULT_LEVEL_ASC) { totalCount } }',
    '{ sensorV1(orderBy: [TS_ASC, VAULT_LEVEL_DESC]) { totalCount } }',
    'query ($o: [SensorV1OrderBy!] = [VAULT_LEVEL_ASC]) { sensorV1(orderBy: $o) { totalCount } }',
    'query ($f: SensorV1Filter = {vaultLevel: {equalTo: 4}}) { sensorV1(filter: $f) { totalCount } }',
    'query ($f: VaultV1Filter) { sensorV1(filter: $f) { totalCount } }',
    'query ($f: VaultLogInput) { sensorV1 { totalCount } }',
    '{ sensorV1 { nodes { ...F } } } fragment F on VaultV1 { code }',
    '{ sensorV1 { nodes { ... on VaultV1 { code } } } }',
    '{ targets { nodes { vaultV1 { totalCount } } } }',
    '{ sites { nodes { vaultNote } } }',
    '{ sites { nodes { vaultId } } }',
    '{ sites { nodes { vault { line } } } }',
    '{ sites { nodes { vaultMark } } }',
    '{ sites(filter: {vaultMark: {equalTo: "x"}}) { totalCount } }',
    '{ sites(filter: {vault: {line: {equalTo: "x"}}}) { totalCount } }',
    '{ sites(filter: {vaultExists: true}) { totalCount } }',
    '{ sites(filter: {vaultNote: {equalTo: "n"}}) { totalCount } }',
    '{ sites(orderBy: VAULT_NOTE_ASC) { totalCount } }',
    '{ vaultOpen }',
    `{ ${Array.from({ length: 11 }, (_, i) => `a${i}: vaultOpen`).join(' ')} }`,
    'mutation { vaultShut(input: {}) { result } }',
    'mutation { createVaultLog(input: {vaultLog: {logId: 3}}) { clientMutationId } }',
    'mutation { deleteVaultLog(input: {logId: 1}) { clientMutationId } }',
    'mutation A { vaultShut(input: {}) { result } } query B { vaultOpen }',
    'subscription { vaultV1 { cursor } }',
    'subscription { sensorV1 { vaultLevel } }',
    'subscription { sensorV1(filter: {vaultLevel: {equalTo: 1}}) { cursor } }',
    '{ node(id: "vault") { __typename } }',
    '{ __type(name: "VaultV1") { name } }',
    '{ __schema { types { name } } a: __type(name: "VaultLog") { name } }',
    '{ latest(category: "vault") { nodes { target } } }',
    '{ latest(target: "vault-1") { nodes { target } } }',
    '{ geoTrack(target: "vault-1") { nodes { lat } } }',
    '{ targetByKey(key: "vault-1") { name } targets(filter: {key: {equalTo: "vault-1"}}) { totalCount } }',
    '{ explainAccess(category: "vault") { verdict because } }',
  ].map((query) => ({ query })),
  {
    query: 'query ($f: SensorV1Filter) { sensorV1(filter: $f) { totalCount } }',
    variables: { f: { vaultLevel: { equalTo: 4 } } },
  },
  {
    query: 'query ($f: SensorV1Filter) { sensorV1(filter: $f) { totalCount } }',
    variables: { f: { and: [{ vaultLevel: { equalTo: 4 } }] } },
  },
  { query: 'query ($o: [SensorV1OrderBy!]) { sensorV1(orderBy: $o) { totalCount } }', variables: { o: ['VAULT_LEVEL_ASC'] } },
  { query: 'query ($o: [SensorV1OrderBy!]) { sensorV1(orderBy: $o) { totalCount } }', variables: { o: 'VAULT_LEVEL_ASC' } },
  { query: 'query ($f: SiteFilter) { sites(filter: $f) { totalCount } }', variables: { f: { vaultMark: { equalTo: 'x' } } } },
  {
    query: 'query ($f: SiteFilter) { sites(filter: $f) { totalCount } }',
    variables: { f: { vault: { line: { equalTo: 'x' } } } },
  },
  {
    query: 'subscription ($f: SensorV1EventFilter) { sensorV1(filter: $f) { cursor } }',
    variables: { f: { vaultLevel: { equalTo: 1 } } },
  },
]

for (const as of ['listener', 'member', 'listener that may introspect']) {
  test(`GraphQL: ${documents.length} documents are the same to a ${as}`, async () => {
    if (as.includes('may')) await api.db.query(`select tmidb.allow_introspection('few')`)
    const token = who[as.split(' ')[0] as string]!
    const shown = await api.ask('{ sensorV1 { nodes { temp } } sites { nodes { siteId name } } targets { nodes { key } } }', {
      token,
    })
    assert.equal(shown.errors, undefined)
    assert.deepEqual(shown.data, {
      sensorV1: { nodes: [{ temp: 20 }] },
      sites: { nodes: [{ siteId: 1, name: 'here' }] },
      targets: { nodes: [{ key: 'truck-1' }] },
    })
    const wrong: unknown[] = []
    for (const { query, variables } of documents) {
      const ask = async (change: (text: string) => string) => {
        const changed = variables && (JSON.parse(change(JSON.stringify(variables))) as object)
        return JSON.stringify(await api.ask(change(query), { token, ...(changed ? { variables: changed } : {}) }))
      }
      const [hidden, none] = [await ask((text) => text), await ask(absent)]
      // Names that are near are of what is seen, whatever was typed.
      const told = (text = '') => namesOf(text).replaceAll(/ Did you mean [^?]*\?/g, '')
      if (told(hidden) !== told(none) || /vault/i.test(none ?? '')) wrong.push([query, variables, hidden, none])
    }
    assert.deepEqual(wrong, [])
  })
}

test('the same documents mean something to who sees everything', async () => {
  const token = who.admin!
  const wrong: string[] = []
  for (const { query, variables } of documents) {
    if (
      /node\(|first: 2000|^\{ vaultV1 \}|subscription|VaultV1Filter|on VaultV1|VaultLogInput|level: |vaultLevel \{ x|vaultLog \{ id|a10:|A \{|explainAccess|deleteVaultLog/.test(
        query,
      )
    )
      continue
    const { errors } = await api.ask(query, { token, ...(variables ? { variables } : {}) })
    if (errors) wrong.push(`${query} ${JSON.stringify(variables)}: ${errors[0]?.message}`)
  }
  assert.deepEqual(wrong, [])
})

test('GraphQL over a socket: operations and subscriptions are refused in the same words', async () => {
  const client = api.socket(who.listener!.slice(7))
  const said = async (query: string) =>
    await new Promise<string>((resolve) => {
      client.subscribe(
        { query },
        { next: (v) => resolve(JSON.stringify(v)), error: (e) => resolve(JSON.stringify(e)), complete: () => {} },
      )
    })
  for (const query of [
    'subscription { vaultV1 { cursor } }',
    'subscription { sensorV1 { vaultLevel } }',
    '{ vaultV1 { totalCount } }',
  ]) {
    const [one, other] = [await said(query), await said(absent(query))]
    assert.equal(namesOf(one), namesOf(other))
    assert.match(one, /TM303/)
  }
})

test('live sockets take a hidden category and target as they take one that is not there', async () => {
  const said = async (message: object) => {
    const ws = new WebSocket(`ws://${base}/tmi/ws`, { headers: { authorization: who.listener } })
    try {
      return await new Promise<{ type: string }>((resolve, reject) => {
        ws.on('open', () => ws.send(JSON.stringify(message)))
        ws.on('message', (data) => resolve(JSON.parse(String(data)) as { type: string }))
        ws.on('error', reject)
      })
    } finally {
      ws.terminate()
    }
  }
  for (const wish of [{ category: 'vault' }, { category: 'sensor', targets: ['vault-1'] }, { targets: ['vault-1'] }]) {
    const message = { type: 'subscribe', ...wish }
    const one = await said(message)
    assert.equal(one.type, 'ready')
    assert.deepEqual(one, await said(JSON.parse(absent(JSON.stringify(message))) as object))
  }
})

test('a document that was looked at costs no further look at what its caller may know', async () => {
  const query = '{ sensorV1 { nodes { temp } } }'
  await api.ask(query, { token: who.listener! })
  let asked = 0
  const { connect } = api.pool
  api.pool.connect = (async () => {
    asked++
    return await (connect as () => Promise<never>).call(api.pool)
  }) as never
  try {
    await api.ask(query, { token: who.listener! })
  } finally {
    api.pool.connect = connect
  }
  assert.equal(asked, 1)
})

test('what is granted is there with the next request, and gone with the one after it is taken back', async () => {
  const ask = async () => (await api.ask('{ vaultV1 { nodes { code } } }', { token: who.listener! })).status
  const until = async (status: number) => {
    for (let n = 0; (await ask()) !== status; n++) {
      if (n > 100) assert.fail(`It stays ${await ask()}.`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  assert.equal(await ask(), 400)
  const [grant] = await api.db.query<{ ids: string[] }>(`select tmidb.grant_access('listener:few', p_category => 'vault') as ids`)
  await until(200)
  await api.db.query('select tmidb.revoke_access($1)', [grant?.ids[0]])
  await until(400)
})

for (const [as, viewed] of [
  ['listener', 'listener:few'],
  ['member', 'user:kim'],
] as const) {
  test(`an administrator who views as a ${as} is answered as that one, by every address and document`, async () => {
    const wrong: unknown[] = []
    for (const one of rest.filter((r) => r.method === undefined && !/explain_access/.test(r.path))) {
      const [own, seen] = [
        await asked(one, who[as]!),
        await asked({ ...one, headers: { ...one.headers, 'tmidb-view-as': viewed } }, who.admin!),
      ]
      const told = (text: string) => text.replaceAll(/"Perhaps you meant[^"]*"/g, 'null')
      if (told(JSON.stringify(own)) !== told(JSON.stringify(seen))) wrong.push([one, own, seen])
    }
    for (const { query, variables } of documents) {
      const own = await api.ask(query, { token: who[as]!, ...(variables ? { variables } : {}) })
      const seen = await api.ask(query, { token: who.admin!, viewAs: viewed, ...(variables ? { variables } : {}) })
      const told = (answer: object) => JSON.stringify(answer).replaceAll(/ Did you mean [^?]*\?/g, '')
      // Administrators may look at the schema, as they see it then.
      if (!/__schema|__type\(/.test(query) && told(own) !== told(seen)) wrong.push([query, own, seen])
    }
    assert.deepEqual(wrong, [])
    assert.deepEqual((await api.ask('{ __type(name: "VaultV1") { name } }', { token: who.admin!, viewAs: viewed })).data, {
      __type: null,
    })
    const sdl = (await asked({ path: '/api/schema.graphql', headers: { 'tmidb-view-as': viewed } }, who.admin!)).body
    assert.match(sdl, /SensorV1/)
    assert.doesNotMatch(sdl, /vault/i)
  })
}

test('who views as somebody else writes nothing, by no door; only administrators do; it is written down once a minute', async () => {
  const view = { 'tmidb-view-as': 'listener:few' }
  const code = async (one: Asked, as: string) => {
    const { status, body } = await asked(one, who[as]!)
    return [status, (JSON.parse(body) as { code: string }).code]
  }
  const site = { path: '/api/site', method: 'POST', body: '{"site_id": 9}' }
  assert.equal((await asked(site, who.admin!)).status, 201)
  assert.deepEqual(await code({ ...site, body: '{"site_id": 10}', headers: view }, 'admin'), [403, 'TM102'])
  const made = await api.ask('mutation { createSite(input: {site: {siteId: 11}}) { clientMutationId } }', {
    token: who.admin!,
    viewAs: 'listener:few',
  })
  assert.ok(made.errors)
  assert.deepEqual(await api.db.query('select site_id from app.site where site_id > 9'), [])
  assert.deepEqual(await code({ path: '/api/v1/sensor', headers: view }, 'member'), [403, 'TM102'])
  assert.deepEqual(await code({ path: '/api/v1/sensor', headers: { 'tmidb-view-as': 'listener:nobody' } }, 'admin'), [
    404,
    'TM107',
  ])
  assert.deepEqual(await code({ path: '/api/v1/sensor', headers: { 'tmidb-view-as': 'role:fleet' } }, 'admin'), [400, 'TM108'])
  assert.deepEqual(
    await api.db.query(
      `select actor, detail, count(*)::int from tmidb.audit where kind = 'access.viewed_as' and detail->>'who' ~ '(few|kim)$' group by 1, 2 order by 2`,
    ),
    [
      { actor: 'root', detail: { who: 'listener:few' }, count: 1 },
      { actor: 'root', detail: { who: 'user:kim' }, count: 1 },
    ],
  )
})

test('grants, groups and explanations are there for administrators, by REST and GraphQL', async () => {
  const made = await api.ask(
    `mutation { createGroup(input: {name: "trucks", condition: "$key starts with \\"truck\\""}) { groupId }
      grantAccess(input: {to: "listener:few", category: "sensor", group: "trucks", fields: ["vault_level"], window: {hours: 24}}) { grants } }`,
    { token: who.admin! },
  )
  assert.equal(made.errors, undefined)
  const [id] = made.data.grantAccess.grants as string[]
  const listed = await asked({ path: `/api/access_grant?grant_id=eq.${id}&select=holder,words` }, who.admin!)
  assert.deepEqual(JSON.parse(listed.body), [
    { holder: 'listener:few', words: `grant ${id}: group trucks, category sensor, fields vault_level, last 24 hours` },
  ])
  const told = await api.ask(
    '{ explainAccess(who: "listener:few", category: "sensor", target: "truck-1", field: "vault_level") { verdict because } targetGroups { nodes { name targets } } }',
    { token: who.admin! },
  )
  assert.equal(told.errors, undefined)
  assert.deepEqual(told.data, {
    explainAccess: { verdict: true, because: `grant ${id}: group trucks, category sensor, fields vault_level, last 24 hours` },
    targetGroups: { nodes: [{ name: 'trucks', targets: '1' }] },
  })
  assert.equal(
    (await asked({ path: '/api/rpc/revoke_access', method: 'POST', body: `{"grant": ${id}}` }, who.admin!)).status,
    204,
  )
  for (const path of ['/api/access_grant', '/api/target_group', '/api/rpc/grant_access?to=listener:few']) {
    assert.equal((await asked({ path }, who.listener!)).status, 404, path)
  }
})
