// SPDX-License-Identifier: MIT
// What users' own tables become: connections, relations with targets and among each other, mutations for who has the right.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { accounts, admin, type Served, serve } from './graphql-served.ts'

let api: Served
let as: Record<'viewer' | 'editor' | 'admin', string>
let listener: string
let speaker: string

before(async () => {
  api = await serve(async (db) => {
    as = await accounts(db, 'viewer', 'editor', 'admin')
    await admin(
      db,
      `select tmidb.ingest('sensor', 'truck-' || n, jsonb_build_object('temperature', n * 10 + i, 'tags', '["a"]'::jsonb), now() - i * interval '1 minute')
       from generate_series(1, 3) n, generate_series(1, 5) i`,
      'select tmidb.publish_views()',
      `create table app.site (site_id int generated always as identity primary key, name text not null unique,
         target_id uuid references tmidb.target (target_id), is_open boolean, notes jsonb, labels text[])`,
      `comment on table app.site is E'@name place\\nWhere trucks stop.'`,
      `create table app.visit (visit_id int generated always as identity primary key, place int not null references app.site (site_id),
         target_key text references tmidb.target (key), at timestamptz not null)`,
      `create table app.tag (tag_id int primary key, label text not null check (label <> ''))`,
      `create table app.site_tag (site_id int references app.site (site_id), tag_id int references app.tag, primary key (site_id, tag_id))`,
      `create table app.shift (shift_id int primary key, owner text not null)`,
      `alter table app.shift enable row level security`,
      `create policy mine on app.shift to tmidb_editor using (owner = 'editor') with check (owner = 'editor')`,
      `create view app.open_site as select site_id, name from app.site where is_open`,
      `comment on view app.open_site is E'@primaryKey site_id\\nSites that are open.'`,
      `create table app.hidden_log (at timestamptz)`,
      `revoke all on app.hidden_log from tmidb_viewer, tmidb_editor, tmidb_admin`,
      `insert into app.site (name, target_id, is_open, notes, labels)
       select 'site ' || right(key, 1), target_id, key <> 'truck-3', jsonb_build_object('floor', right(key, 1)::int), array[right(key, 1), 'x'] from tmidb.target`,
      `insert into app.visit (place, target_key, at) select s, 'truck-' || n, now() from generate_series(1, 3) s, generate_series(1, 2) n`,
      `insert into app.tag values (1, 'cold'), (2, 'far')`,
      `insert into app.site_tag values (1, 1), (1, 2), (2, 2)`,
      `insert into app.shift values (1, 'editor'), (2, 'other')`,
    )
    listener = await admin(db, `select tmidb.create_listener('few')`)
    await admin(db, `select tmidb.subscribe('few', 'sensor', array['truck-1'], array['temperature'])`)
    speaker = await admin(db, `select tmidb.create_speaker('device')`)
    return as.editor
  })
})
after(() => api[Symbol.asyncDispose]())

/** The data; no errors. */
async function told(query: string, options: Parameters<Served['ask']>[1] = {}) {
  const { data, errors } = await api.ask(query, options)
  assert.equal(errors, undefined, query)
  return data
}

test('a table is a connection with filters and orders on every column, indexed or not', async () => {
  assert.deepEqual(api.graphql.status().leftOut, {})
  const data = await told(`{
    a: places(filter: {isOpen: {equalTo: true}}, orderBy: NAME_DESC, first: 1) { totalCount nodes { siteId name labels notes } }
    b: places(filter: {or: [{name: {startsWith: "site 1"}}, {not: {isOpen: {equalTo: true}}}], and: [{siteId: {in: [1, 3]}}]}, orderBy: NAME_ASC) { nodes { name } }
    c: places(filter: {notes: {contains: {floor: 2}}}) { nodes { name } }
    d: places(filter: {notes: {containsKey: "floor"}, labels: {anyEqualTo: "3"}}) { nodes { name } }
    e: openSites { nodes { name } }
  }`)
  assert.deepEqual(data.a, { totalCount: 2, nodes: [{ siteId: 2, name: 'site 2', labels: ['2', 'x'], notes: { floor: 2 } }] })
  assert.deepEqual(
    [data.b.nodes, data.c.nodes, data.d.nodes],
    [[{ name: 'site 1' }, { name: 'site 3' }], [{ name: 'site 2' }], [{ name: 'site 3' }]],
  )
  assert.equal(data.e.nodes.length, 2)
})

test('foreign keys are relations both ways, to targets by target_id or by key, and through tables of pairs', async () => {
  const data = await told(`{
    places(orderBy: SITE_ID_ASC, first: 1) { nodes { target { key } visits(orderBy: VISIT_ID_ASC) { nodes { target { key places { nodes { name } } } } } tags(orderBy: TAG_ID_ASC) { nodes { label } } } }
    targetByKey(key: "truck-2") { places { nodes { name } } visits { totalCount } }
    tags(orderBy: TAG_ID_ASC) { nodes { places(orderBy: NAME_ASC) { nodes { name } } } }
    byTarget: places(filter: {target: {key: {equalTo: "truck-3"}}}) { nodes { name } }
  }`)
  const [site] = data.places.nodes
  assert.equal(site.target.key, 'truck-1')
  assert.deepEqual(site.visits.nodes[1].target, { key: 'truck-2', places: { nodes: [{ name: 'site 2' }] } })
  assert.deepEqual(site.tags.nodes, [{ label: 'cold' }, { label: 'far' }])
  assert.deepEqual(data.targetByKey, { places: { nodes: [{ name: 'site 2' }] }, visits: { totalCount: 3 } })
  assert.deepEqual(data.tags.nodes[1].places.nodes, [{ name: 'site 1' }, { name: 'site 2' }])
  assert.deepEqual(data.byTarget.nodes, [{ name: 'site 3' }])
})

test('a target that may not be seen is null behind a row that may', async () => {
  await admin(api.db, 'grant select on app.site to tmidb_listener')
  await api.graphql.rebuild()
  const data = await told('{ places(orderBy: SITE_ID_ASC) { nodes { name target { key } } } }', { token: listener })
  assert.deepEqual(
    data.places.nodes.map((n: { target: unknown }) => n.target),
    [{ key: 'truck-1' }, null, null],
  )
})

test('who has the right creates, updates and deletes, and sees the row', async () => {
  const made = await told('mutation { createTag(input: {tag: {tagId: 9, label: "new"}}) { tag { label } } }')
  assert.deepEqual(made.createTag.tag, { label: 'new' })
  const set = await told('mutation { updateTag(input: {tagId: 9, patch: {label: "newer"}}) { tag { tagId label } } }')
  assert.deepEqual(set.updateTag.tag, { tagId: 9, label: 'newer' })
  const gone = await told('mutation { deleteTag(input: {tagId: 9}) { tag { label } } }')
  assert.deepEqual(gone.deleteTag.tag, { label: 'newer' })
  const { errors } = await api.ask('mutation { deleteTag(input: {tagId: 9}) { tag { label } } }')
  assert.equal(errors?.[0]?.extensions?.code, 'TM107')
  assert.deepEqual(await api.db.query('select from app.tag where tag_id = 9'), [])
})

test('who has not is told TM102, by the grants or by row security, and nothing is written', async () => {
  for (const [token, query] of [
    [as.viewer, 'mutation { createTag(input: {tag: {tagId: 10, label: "x"}}) { tag { label } } }'],
    [as.viewer, 'mutation { deleteTag(input: {tagId: 1}) { tag { label } } }'],
    [as.editor, 'mutation { createShift(input: {shift: {shiftId: 3, owner: "other"}}) { shift { owner } } }'],
  ] as const) {
    const { errors, data } = await api.ask(query, { token })
    assert.equal(errors?.[0]?.extensions?.code, 'TM102', query)
    assert.deepEqual(Object.values(data ?? {}), [null])
  }
  assert.deepEqual(await api.db.query('select count(*)::int as n from app.tag union all select count(*)::int from app.shift'), [
    { n: 2 },
    { n: 2 },
  ])
  const { shifts } = await told('{ shifts { nodes { owner } } }')
  assert.deepEqual(shifts.nodes, [{ owner: 'editor' }])
})

test("what breaks a constraint is the caller's mistake, with the code of PostgreSQL", async () => {
  for (const [code, query] of [
    ['23505', 'createTag(input: {tag: {tagId: 1, label: "x"}})'],
    ['23514', 'createTag(input: {tag: {tagId: 11, label: ""}})'],
    ['23503', 'createSiteTag(input: {siteTag: {siteId: 1, tagId: 77}})'],
  ]) {
    const { errors } = await api.ask(`mutation { ${query} { clientMutationId } }`)
    assert.equal(errors?.[0]?.extensions?.code, code)
  }
})

test('what nobody may read or write is not there: tables without a grant, writing of readings, the key of a target', async () => {
  const sdl = api.sdl()
  assert.doesNotMatch(sdl, /hiddenLog|createSensorV1|createPlace\(.*siteId/)
  assert.match(sdl, /input TargetPatch \{(?:(?!key)[^}])*\}/)
  assert.doesNotMatch(sdl, /input PlaceInput \{[^}]*siteId/)
})

test('a target leads to its readings and a reading to its target', async () => {
  const data = await told(`{
    targets(orderBy: KEY_ASC, first: 2) { nodes { key sensorV1(first: 2, orderBy: TS_DESC, filter: {temperature: {greaterThan: 11}}) { totalCount nodes { temperature } } } }
    sensorV1(first: 1, orderBy: TS_DESC, target: "truck-2") { nodes { target ofTarget { key places { nodes { name } } } } }
    named: sensorV1(filter: {ofTarget: {key: {endsWith: "3"}}}) { totalCount }
  }`)
  assert.deepEqual(data.targets.nodes, [
    { key: 'truck-1', sensorV1: { totalCount: 4, nodes: [{ temperature: 12 }, { temperature: 13 }] } },
    { key: 'truck-2', sensorV1: { totalCount: 5, nodes: [{ temperature: 21 }, { temperature: 22 }] } },
  ])
  assert.deepEqual(data.sensorV1.nodes, [
    { target: 'truck-2', ofTarget: { key: 'truck-2', places: { nodes: [{ name: 'site 2' }] } } },
  ])
  assert.equal(data.named.totalCount, 5)
})

test('an editor names a target and makes one; its key stays, and another of the same key is refused', async () => {
  const data = await told(`mutation {
    createTarget(input: {target: {key: "new-1", meta: {site: "busan"}}}) { target { key name meta } }
    updateTargetByKey(input: {key: "new-1", patch: {name: "The new one"}}) { target { name meta } }
  }`)
  assert.deepEqual(data.createTarget.target, { key: 'new-1', name: null, meta: { site: 'busan' } })
  assert.deepEqual(data.updateTargetByKey.target, { name: 'The new one', meta: { site: 'busan' } })
  const code = async (query: string, token = as.editor) =>
    (await api.ask(`mutation { ${query} { clientMutationId } }`, { token })).errors?.[0]?.extensions?.code
  assert.equal(await code('createTarget(input: {target: {key: "new-1"}})'), 'TM106')
  assert.equal(await code('createTarget(input: {target: {key: ""}})'), 'TM105')
  assert.equal(await code('updateTargetByKey(input: {key: "new-1", patch: {meta: [1]}})'), 'TM105')
  assert.equal(await code('updateTargetByKey(input: {key: "new-1", patch: {name: "x"}})', listener), 'TM303')
  assert.equal(await code('updateTargetByKey(input: {key: "new-1", patch: {name: "x"}})', as.viewer), 'TM102')
})

test('a mutation is in the audit with the address, the program and the id of its request', async () => {
  const query = 'mutation { createTarget(input: {target: {key: "told-1"}}) { clientMutationId } }'
  const headers = { 'content-type': 'application/json', authorization: as.editor, 'x-request-id': 'm-1', 'user-agent': 'app/1' }
  assert.equal((await fetch(`${api.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })).status, 200)
  assert.deepEqual(
    await api.db.query(
      `select kind, actor, role, host(address) as address, agent, request_id from tmidb.audit where resource = 'target:told-1'`,
    ),
    [{ kind: 'target.created', actor: 'editor', role: 'tmidb_editor', address: '127.0.0.1', agent: 'app/1', request_id: 'm-1' }],
  )
  const asked = '{ auditEvents(ofResource: "target:told-1") { nodes { kind actor requestId after } } }'
  const { auditEvents } = await told(asked, { token: as.admin })
  assert.deepEqual(
    auditEvents.nodes.map((n: { requestId: string; after: { key: string } }) => [n.requestId, n.after.key]),
    [['m-1', 'told-1']],
  )
  for (const [token, refusal] of [
    [as.editor, 'TM102'],
    [listener, 'TM303'],
  ] as const)
    assert.equal((await api.ask(asked, { token })).errors?.[0]?.extensions?.code, refusal)
})

test('an administrator makes listeners and speakers and says who reads what; nobody else does', async () => {
  const { createListener } = await told('mutation { createListener(input: {name: "map"}) { token } }', { token: as.admin })
  const token = createListener.token as string
  assert.equal((await told('{ targets { totalCount } }', { token })).targets.totalCount, 0)
  await told('mutation { subscribe(input: {listener: "map", category: "sensor", targets: ["truck-2"]}) { clientMutationId } }', {
    token: as.admin,
  })
  assert.equal((await told('{ sensorV1 { totalCount } }', { token })).sensorV1.totalCount, 5)
  const gone = await told(
    `mutation { unsubscribe(input: {listener: "map"}) { count } revokeToken(input: {token: "${token}"}) { count } }`,
    { token: as.admin },
  )
  assert.deepEqual(gone, { unsubscribe: { count: 1 }, revokeToken: { count: 1 } })
  assert.deepEqual(await api.db.query(`select actor from tmidb.audit where kind = 'token.revoked'`), [{ actor: 'admin' }])
  for (const who of [as.viewer, as.editor, listener, speaker]) {
    const { errors } = await api.ask('mutation { createSpeaker(input: {name: "mine"}) { token } }', { token: who })
    assert.equal(errors?.[0]?.extensions?.code, who === listener ? 'TM303' : 'TM102')
  }
  const twice = await api.ask('mutation { createListener(input: {name: "map"}) { token } }', { token: as.admin })
  assert.equal(twice.errors?.[0]?.extensions?.code, 'TM106')
})

test('a speaker and an editor write readings, a listener and a viewer do not', async () => {
  const ingest = 'mutation ($data: JSON!) { ingest(input: {category: "sensor", target: "truck-9", data: $data}) { outcome } }'
  for (const token of [speaker, as.editor]) {
    const { ingest: done } = await told(ingest, {
      token,
      variables: { data: { temperature: 99, target: 'a field', by: token.slice(0, 5) } },
    })
    assert.deepEqual(done.outcome, { stored: 1, duplicate: 0, quarantined: 0 })
  }
  for (const token of [listener, as.viewer]) {
    const { errors } = await api.ask(ingest, { token, variables: { data: {} } })
    assert.equal(errors?.[0]?.extensions?.code, token === listener ? 'TM303' : 'TM102')
  }
  const { errors } = await api.ask(ingest, { token: speaker, variables: { data: 5 } })
  assert.equal(errors?.[0]?.extensions?.code, 'TM202')
  const [stored] = await api.db.query(
    `select payload->>'target' as target from tmidb.ts_obs join tmidb.target using (target_id) where key = 'truck-9' limit 1`,
  )
  assert.deepEqual(stored, { target: 'a field' })
})
