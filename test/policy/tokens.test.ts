// SPDX-License-Identifier: MIT
// Whose tokens there are, what each may, and who may make, list, rotate and end which.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { looksRight } from '../../src/db/access.ts'
import { type Claims, openPool, type Pool, readAs, writeAs } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool
const first: Record<string, string> = {}

before(async () => {
  db = await testDatabase()
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
  await db.query(`select tmidb.ingest('sensor', t, '{"temp": 1}') from unnest(array['a', 'b']) t`)
  await db.query('select tmidb.publish_views()')
  await db.query(`select tmidb.create_role('fleet'), tmidb.create_role('idle');
    select tmidb.create_account(r, '$argon2id$', r) from unnest(array['admin', 'editor', 'viewer', 'fleet', 'idle']) r`)
  await db.query(`select tmidb.grant_access('role:fleet', '{read,write}', 'sensor', '{a}')`)
  for (const name of ['A', 'B']) first[name] = await made('tmidb.create_listener($1)', name)
  first.device = await made(`tmidb.create_speaker($1, 'a')`, 'device')
})
after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

async function made(call: string, ...values: unknown[]): Promise<string> {
  const [row] = await db.query<{ token: string }>(`select ${call} as token`, values)
  return row?.token as string
}
const user = (login: string, scopes: string[] | null = null) =>
  made(`tmidb.create_token('user', $1, p_scopes => $2)`, login, scopes)

interface Row {
  token_id: string
  name: string
  claims: Claims
  may_create: boolean
  allow_from: string[] | null
}
async function whose(token: string): Promise<Row | undefined> {
  const hash = createHash('sha256').update(token).digest()
  return (await db.query<Row>('select * from tmidb.authenticate($1)', [hash]))[0]
}
async function claims(token: string): Promise<Claims> {
  return (await whose(token))?.claims as Claims
}
/** One call of a function of the API by whoever holds this token. */
async function call<T = string>(token: string, text: string, ...values: unknown[]): Promise<T> {
  const { rows } = await writeAs<{ v: T }>(pool, await claims(token), { text: `select ${text} as v`, values })
  return rows[0]?.v as T
}
async function listed(token: string): Promise<string[]> {
  const text = "select distinct kind || ':' || owner as line from api.token where revoked_at is null order by 1"
  return (await readAs<{ line: string }>(pool, await claims(token), { text })).rows.map((r) => r.line)
}
const code = (is: string) => (e: { code?: string }) => e.code === is

test('what a token runs as is its owner’s role, narrowed by its scopes', async () => {
  const as = async (login: string, ...scopes: string[]) => (await claims(await user(login, scopes.length ? scopes : null)))?.role
  assert.equal(await as('admin'), 'tmidb_admin')
  assert.equal(await as('admin', 'admin'), 'tmidb_admin')
  assert.equal(await as('admin', 'read', 'write'), 'tmidb_editor')
  assert.equal(await as('admin', 'read'), 'tmidb_viewer')
  assert.equal(await as('admin', 'read', 'command'), 'tmidb_viewer')
  assert.equal(await as('admin', 'write'), 'tmidb_speaker')
  assert.equal(await as('editor', 'read', 'write'), 'tmidb_editor')
  assert.equal(await as('editor', 'read'), 'tmidb_viewer')
  assert.equal(await as('editor', 'write'), 'tmidb_speaker')
  assert.equal(await as('viewer'), 'tmidb_viewer')
  assert.equal(await as('fleet'), 'tmidb_member')
  assert.equal(await as('fleet', 'read', 'write'), 'tmidb_member')
  assert.equal(await as('fleet', 'read'), 'tmidb_listener')
  assert.equal(await as('fleet', 'write'), 'tmidb_speaker')
})

test('TM108: a label with control characters; TM108: a name with them', async () => {
  for (const c of ['\n', '\x1b', '\x7f', '\x9b']) {
    await assert.rejects(made(`tmidb.create_token('listener', 'A', $1)`, `a${c}b`), code('TM108'), JSON.stringify(c))
    await assert.rejects(
      made(`tmidb.create_account('named', null, 'viewer', null, $1)`, `a${c}b`),
      code('TM108'),
      JSON.stringify(c),
    )
  }
  await made(`tmidb.create_token('listener', 'A', $1)`, 'Größe – 서울')
})

test('a scope that its owner does not have is refused, and so is one that is none', async () => {
  for (const [kind, name, scopes] of [
    ['listener', 'A', ['write']],
    ['speaker', 'device', ['read']],
    ['user', 'viewer', ['read', 'write']],
    ['user', 'editor', ['admin']],
    ['user', 'idle', ['write']],
    ['user', 'admin', ['command']],
    ['user', 'admin', ['fly']],
    ['user', 'admin', [null]],
    ['user', 'admin', []],
  ] as const)
    await assert.rejects(
      made('tmidb.create_token($1, $2, p_scopes => $3)', kind, name, scopes),
      code('TM108'),
      `${name} ${scopes}`,
    )
  assert.equal((await claims(await made(`tmidb.create_token('listener', 'A', p_scopes => '{read}')`))).role, 'tmidb_listener')
  assert.equal((await claims(await made(`tmidb.create_token('speaker', 'device', p_scopes => '{write}')`))).role, 'tmidb_speaker')
})

test('a scope counts as far as its owner has the right today', async () => {
  await made(`tmidb.create_account('fallen', '$argon2id$', 'admin')`)
  const tokens = { all: await user('fallen'), admin: await user('fallen', ['admin']), write: await user('fallen', ['write']) }
  await db.query(`update tmidb.account set role_id = tmidb.role_named('viewer') where login = 'fallen'`)
  assert.equal((await claims(tokens.all)).role, 'tmidb_viewer')
  assert.equal((await claims(tokens.admin)).role, 'tmidb_viewer')
  assert.equal(await whose(tokens.write), undefined)
})

test('a member’s read-only token sees what the member sees, and cannot write', async () => {
  const who = await user('fleet', ['read'])
  const { rows } = await readAs<{ target: string }>(pool, await claims(who), { text: 'select target from api.sensor_v1' })
  assert.deepEqual(rows, [{ target: 'a' }])
  const write = `api.ingest(category => 'sensor', target => 'a', data => '{"temp": 2}'::jsonb)`
  await assert.rejects(call(who, write), code('42501'))
  assert.deepEqual(await call(await user('fleet', ['write']), write), { stored: 1, duplicate: 0, quarantined: 0 })
})

test('a member’s token changes targets only with all scopes, whatever was granted', async () => {
  await db.query(`select tmidb.create_role('keeper'), tmidb.create_account('keeper', '$argon2id$', 'keeper')`)
  await db.query(`select tmidb.grant_access('role:keeper', '{read,write,command,admin}', 'sensor', '{a}')`)
  const may = async (action: string, scopes: string[] | null) =>
    await call(await user('keeper', scopes), `tmidb.may($1, 'sensor', 'a')`, action)
  assert.equal(await may('admin', null), true)
  assert.equal(await may('admin', ['admin']), true)
  assert.equal(await may('admin', ['read', 'write']), false)
  assert.equal(await may('write', ['read', 'write']), true)
  assert.equal(await may('command', ['read', 'write']), false)
  assert.equal(await may('command', ['read', 'write', 'command']), true)
  const editor = async (scopes: string[] | null) => await call(await user('editor', scopes), `tmidb.may('command')`)
  assert.deepEqual([await editor(null), await editor(['read', 'write'])], [true, false])
})

test('a person writes as a speaker of their own, and not at all with a token that only reads', async () => {
  const [mine, again, reads] = [
    await claims(await user('editor')),
    await claims(await user('editor', ['write'])),
    await claims(await user('editor', ['read'])),
  ]
  assert.match(mine.speaker_id ?? '', /^\d+$/)
  assert.equal(again.speaker_id, mine.speaker_id)
  assert.equal(reads.speaker_id, undefined)
  assert.equal((await claims(await user('idle'))).speaker_id, undefined)
  const [row] = await db.query('select name from tmidb.speaker where speaker_id = $1', [mine.speaker_id])
  assert.equal(row?.name, 'user-editor')
})

test('everybody lists their own tokens, an administrator all, and nobody a hash', async () => {
  await Promise.all([user('viewer'), user('admin')])
  assert.deepEqual(await listed(first.A as string), ['listener:A'])
  assert.deepEqual(await listed(first.device as string), ['speaker:device'])
  assert.deepEqual(await listed(await user('viewer')), ['user:viewer'])
  assert.deepEqual(await listed(await user('editor', ['write'])), ['user:editor'])
  const all = await listed(await user('admin'))
  for (const who of ['listener:A', 'listener:B', 'speaker:device', 'user:viewer', 'user:admin']) assert.ok(all.includes(who), who)
  const { rows } = await readAs(pool, await claims(await user('admin')), { text: 'select * from api.token limit 1' })
  assert.ok(!Object.keys(rows[0] ?? {}).includes('hash'))
  await assert.rejects(readAs(pool, await claims(first.A as string), { text: 'select hash from tmidb.token' }), code('42501'))
})

test('who may make tokens: oneself for oneself, an administrator for all', async () => {
  const mine = await call(first.A as string, `api.create_token('second')`)
  assert.equal((await whose(mine))?.name, 'A')
  assert.equal((await whose(await call(first.device as string, 'api.create_token()')))?.name, 'device')
  assert.equal(
    (await whose(await call(await user('viewer'), `api.create_token(kind => 'user', name => 'viewer')`)))?.name,
    'viewer',
  )
  for (const other of [
    `kind => 'listener', name => 'B'`,
    `kind => 'listener', name => 'nobody'`,
    `kind => 'user', name => 'admin'`,
  ])
    for (const token of [first.A, first.device, await user('editor')])
      await assert.rejects(call(token as string, `api.create_token(${other})`), code('TM102'), other)
  const admin = await user('admin')
  assert.equal((await whose(await call(admin, `api.create_token(kind => 'listener', name => 'B')`)))?.name, 'B')
  await assert.rejects(call(admin, `api.create_token(kind => 'listener', name => 'nobody')`), code('TM107'))
})

test('no token makes, rotates or ends one that may do more than itself', async () => {
  const wide = await user('editor')
  const narrow = await made(
    `tmidb.create_token('user', 'editor', p_scopes => '{read}', p_from => '{10.0.0.0/8}', p_expires_at => now() + interval '1 day')`,
  )
  for (const wish of [
    `scopes => '{read,write}'`,
    `scopes => '{write}'`,
    `allow_from => '{0.0.0.0/0}'`,
    `allow_from => '{10.1.0.0/16,11.0.0.0/8}'`,
    `expires_at => now() + interval '2 days'`,
  ])
    await assert.rejects(call(narrow, `api.create_token(${wish})`), code('TM102'), wish)
  const [prefix] = await db.query<{ p: string }>('select prefix as p from tmidb.token where hash = sha256($1)', [
    Buffer.from(wide),
  ])
  await assert.rejects(call(narrow, 'api.rotate_token($1)', prefix?.p), code('TM102'))
  await assert.rejects(call(narrow, 'api.revoke_token($1)', prefix?.p), code('TM102'))

  const same = await call(narrow, 'api.create_token()')
  const row = await whose(same)
  assert.deepEqual([row?.claims.role, row?.allow_from], ['tmidb_viewer', ['10.0.0.0/8']])
  const smaller = await call(narrow, `api.create_token(allow_from => '{10.1.2.3}', expires_at => now() + interval '1 hour')`)
  assert.deepEqual((await whose(smaller))?.allow_from, ['10.1.2.3/32'])
  assert.equal(await call(narrow, 'api.revoke_token($1)', same), 1)
})

test('an administrator’s token that ends makes and rotates those of devices as it likes', async () => {
  const mine = await made(`tmidb.create_token('user', 'admin', p_expires_at => now() + interval '1 day')`)
  const device = await call(mine, `api.create_token(kind => 'speaker', name => 'device')`)
  const fresh = await call(mine, 'api.rotate_token($1)', device)
  assert.equal((await whose(fresh))?.name, 'device')
  const [row] = await db.query('select expires_at from tmidb.token where hash = sha256($1)', [Buffer.from(fresh)])
  assert.equal(row?.expires_at, null)
  await assert.rejects(
    call(mine, `api.create_token(kind => 'user', name => 'viewer', expires_at => now() + interval '2 days')`),
    code('TM102'),
  )
})

test('rotating gives the same again, and the old one stays good for the overlap, not longer than it would have', async () => {
  const old = await made(`tmidb.create_token('user', 'admin', 'backup', now() + interval '30 days', '{read}', '{192.0.2.0/24}')`)
  const fresh = await call(old, `api.rotate_token($1, interval '2 hours')`, old)
  const rows = await db.query(
    `select label, scopes, allow_from::text, hash = sha256($1) as is_new, round(extract(epoch from expires_at - now()) / 3600) as hours
     from tmidb.token where label = 'backup' order by token_id`,
    [Buffer.from(fresh)],
  )
  const like = { label: 'backup', scopes: ['read'], allow_from: '{192.0.2.0/24}' }
  assert.deepEqual(rows, [
    { ...like, is_new: false, hours: '2' },
    { ...like, is_new: true, hours: '720' },
  ])
  assert.equal((await whose(old))?.name, 'admin')
  const told = `select actor, replace(resource, 'token:', '') as token, detail->>'overlap' as overlap from tmidb.audit where kind = 'token.rotated'`
  assert.deepEqual((await db.query(told)).at(-1), { actor: 'admin', token: old.slice(0, 17), overlap: '02:00:00' })
  const last = await call(old, `api.rotate_token($1, '0')`, old)
  assert.equal(await whose(old), undefined)
  assert.equal((await whose(last))?.name, 'admin')
  await assert.rejects(call(fresh, 'api.rotate_token($1)', old), code('TM107'))
  await assert.rejects(call(fresh, `api.rotate_token($1, '-1 hour')`, fresh), code('TM108'))
})

test('a token is ended by its text, its prefix or its number, and only by whom it concerns', async () => {
  const tokens = await Promise.all([1, 2, 3].map(() => made(`tmidb.create_token('listener', 'B', 'x')`)))
  const ids = await db.query<{ id: string; prefix: string }>(
    'select token_id as id, prefix from tmidb.token where hash = any($1) order by array_position($1, hash)',
    [tokens.map((t) => createHash('sha256').update(t).digest())],
  )
  const names = [tokens[0], ids[1]?.prefix, ids[2]?.id] as string[]
  for (const name of names) assert.equal(await call(first.A as string, 'api.revoke_token($1)', name), 0)
  for (const name of names) assert.equal(await call(first.B as string, 'api.revoke_token($1)', name), 1)
  for (const token of tokens) assert.equal(await whose(token), undefined)
  const other = await made(`tmidb.create_token('listener', 'A', 'x')`)
  assert.equal(await call(await user('admin'), 'api.revoke_token($1)', other), 1)
})

test('there is an end to how many one may make for oneself, and a time that is too far away is never', async () => {
  await made(`tmidb.create_listener('hoarder')`)
  const token = await made(`tmidb.create_token('listener', 'hoarder', p_expires_at => 'infinity')`)
  const [row] = await db.query('select expires_at from tmidb.token where hash = sha256($1)', [Buffer.from(token)])
  assert.equal(row?.expires_at, null)
  await db.query(`select tmidb.create_token('listener', 'hoarder') from generate_series(3, 100)`)
  await assert.rejects(call(token, 'api.create_token()'), code('TM108'))
  await db.query(`select tmidb.revoke_token(max(token_id)::text) from tmidb.token`)
  assert.equal((await whose(await call(token, 'api.create_token()')))?.name, 'hoarder')
})

test('networks are understood as people write them', async () => {
  const from = async (...list: string[]) =>
    (await whose(await made(`tmidb.create_token('listener', 'A', p_from => $1)`, list)))?.allow_from
  assert.deepEqual(await from('10.0.0.7/8', '::1', '2001:db8::1/32'), ['10.0.0.0/8', '::1/128', '2001:db8::/32'])
  for (const bad of ['10.0.0', 'localhost', '10.0.0.0/33', '']) await assert.rejects(from(bad), code('TM108'), bad)
  await assert.rejects(from(), code('TM108'))
})

test('a person who is removed takes the tokens along; one that is over is refused', async () => {
  await made(`tmidb.create_account('leaver', '$argon2id$', 'viewer')`)
  const token = await user('leaver')
  await db.query(`delete from tmidb.account where login = 'leaver'`)
  assert.equal(await whose(token), undefined)
  await assert.rejects(made(`tmidb.create_token('listener', 'A', p_expires_at => now())`), code('TM108'))
})

test('10,000 tokens: each looks right, none with one character changed does, no two are the same, no two hashes either', async () => {
  const rows = await db.query<{ t: string }>(
    `select tmidb.token_text((array['speaker', 'listener', 'user', 'session'])[1 + i % 4]) as t from generate_series(1, 10000) i`,
  )
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let wrong = 0
  for (const [i, { t }] of rows.entries()) {
    if (!looksRight(t)) wrong++
    // Every place of the first hundred, one of the others.
    for (const at of i < 100 ? t.split('').keys() : [(i * 7919) % t.length]) {
      const other = digits[(digits.indexOf(t[at] as string) + 1 + (i % 61)) % 62] as string
      if (looksRight(t.slice(0, at) + other + t.slice(at + 1))) wrong++
    }
  }
  assert.equal(wrong, 0)
  assert.equal(new Set(rows.map((r) => r.t)).size, 10_000)
})

test('the text of a token stands nowhere in the database', async () => {
  const admin = await user('admin')
  const texts = [
    admin,
    first.A,
    await call(first.A as string, `api.create_token('kept')`),
    await user('fleet', ['read']),
  ] as string[]
  texts.push(await call(admin, 'api.rotate_token($1)', texts[2]))
  await call(admin, 'api.revoke_token($1)', texts[2])
  const tables = await db.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class where relkind in ('r', 'p') and relnamespace::regnamespace::text in ('tmidb', 'tmidb_parts', 'graphile_worker')`,
  )
  assert.ok(tables.length > 30)
  // A row as text holds every column; of each token, what stands behind the prefix that is kept on purpose.
  const secrets = texts.map((t) => `%${t.slice(-24)}%`)
  for (const { name } of tables) {
    const [{ n } = { n: 'none' }] = await db.query<{ n: string }>(
      `select count(*) as n from ${name} x where x::text like any($1)`,
      [secrets],
    )
    assert.equal(n, '0', name)
  }
  const [{ n } = { n: '' }] = await db.query<{ n: string }>(`select count(*) as n from tmidb.token x where x::text like $1`, [
    `%${admin.slice(0, 17)}%`,
  ])
  assert.equal(n, '1', 'the search would find it')
})
