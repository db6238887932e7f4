// SPDX-License-Identifier: MIT
// Accounts as SQL keeps them: who is left, who comes in by psql, and how many passwords are looked at.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hashPassword, nobodysHash, verifyPassword } from '../../src/base/password.ts'
import { openPool, type Pool } from '../../src/db/pool.ts'
import { openSignIn } from '../../src/db/sign-in.ts'
import { withClient, withLogin } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool
const hash = await hashPassword('blue horses walk slowly')
/** PostgreSQL's roles belong to the whole server. */
const [kim, lee] = [`kim_${process.pid}`, `lee_${process.pid}`]

before(async () => {
  db = await testDatabase()
  pool = openPool(db.url('tmidb_api'), { max: 4, application: 'accounts-test' })
  await db.query(
    `select tmidb.ingest('sensor', 'truck-1', '{"temperature": 5}'), tmidb.ingest('sensor', 'truck-2', '{"temperature": 6}')`,
  )
  await db.query(
    `select tmidb.publish_views(), tmidb.create_role('fleet'), tmidb.grant_access('role:fleet', '{read}', 'sensor', '{truck-1}')`,
  )
  await db.query(`select tmidb.create_account('root', $1, 'admin'), tmidb.create_account('${kim}', $1, 'viewer')`, [hash])
})
after(async () => {
  await pool.end()
  await db.query(`drop role if exists ${kim}`)
  await db.query(`drop role if exists ${lee}`)
  await db[Symbol.asyncDispose]()
})

const refused = (sql: string, code: string, values: unknown[] = []) => assert.rejects(db.query(sql, values), { code }, sql)

test('TM102: the last administrator is not demoted, disabled or removed; the last but one is', async () => {
  for (const what of [`set_account_role('root', 'viewer')`, `disable_account('root')`, `remove_account('root')`])
    await refused(`select tmidb.${what}`, 'TM102')
  await db.query(`select tmidb.create_account('second', null, 'admin'), tmidb.disable_account('second')`)
  await refused(`select tmidb.disable_account('root')`, 'TM102')
  await db.query(`select tmidb.enable_account('second')`)
  await db.query(`select tmidb.set_account_role('second', 'viewer')`)
  await refused(`select tmidb.remove_account('root')`, 'TM102')
})

test('two administrators who shut each other out at the same moment: one of them stays', async () => {
  await db.query(`select tmidb.set_account_role('second', 'admin')`)
  const both = await Promise.allSettled(['root', 'second'].map((l) => db.query('select tmidb.disable_account($1)', [l])))
  assert.deepEqual(both.map((b) => b.status).sort(), ['fulfilled', 'rejected'])
  await db.query(`select tmidb.enable_account('root')`)
  await db.query(`select tmidb.enable_account('second')`)
  await db.query(`select tmidb.remove_account('second')`)
})

test('a login or email belongs to one person, in whatever letters; a password is never kept as it is', async () => {
  await db.query(`select tmidb.create_account(null, null, 'viewer', 'pat@example.com')`)
  await refused(`select tmidb.create_account('ROOT', null, 'viewer')`, 'TM106')
  await refused(`select tmidb.create_account('pat', null, 'viewer', 'PAT@example.com')`, 'TM106')
  await refused(`select tmidb.create_account('root@example.com', null, 'viewer', 'root2@example.com')`, 'TM108')
  await refused(`select tmidb.create_account('plain', 'blue horses walk slowly', 'viewer')`, 'TM108')
  await refused(`select tmidb.set_password_hash('root', 'blue horses walk slowly')`, 'TM108')
  for (const login of ['', ' x', 'a:b', 'a\nb', 'x'.repeat(101)])
    await refused('select tmidb.create_account($1, null, $2)', 'TM108', [login, 'viewer'])
  await refused(`select tmidb.create_account('x', null, 'nothing')`, 'TM107')
  await refused(`select tmidb.set_account('nobody', 'a@b')`, 'TM107')
  await db.query(`select tmidb.set_account('pat@example.com', null, 'Pat')`)
  assert.deepEqual(await db.query(`select display_name, email from tmidb.accounts('PAT@EXAMPLE.COM')`), [
    { display_name: 'Pat', email: 'pat@example.com' },
  ])
})

test('who is removed takes sessions, grants and tries with them; the audit keeps the name', async () => {
  await db.query(`select tmidb.create_account('gone', $1, 'fleet')`, [hash])
  await db.query(`select tmidb.grant_access('user:gone', '{read}', 'sensor', '{truck-2}')`)
  await db.query(`select tmidb.begin_session(account_id, password_hash, true, '{}') from tmidb.account where login = 'gone'`)
  await db.query(`select tmidb.remove_account('gone')`)
  const [left] = await db.query(`select (select count(*)::int from tmidb.session) as sessions,
    (select count(*)::int from tmidb.access_grant where account_id is not null) as grants,
    (select count(*)::int from tmidb.audit where resource = 'user:gone' and kind in ('session.ended', 'account.disabled', 'account.removed')) as audit`)
  assert.deepEqual(left, { sessions: 0, grants: 0, audit: 3 })
})

test('administrators read of accounts and sessions all but the secrets', async () => {
  for (const [column, allowed] of [
    ['account.login', true],
    ['account.email', true],
    ['account.password_hash', false],
    ['session.seen_at', true],
    ['session.hash', false],
    ['session.refresh_hash', false],
    ['spent_refresh.hash', false],
    ['sign_in_try.key', false],
  ] as const) {
    const [table, name] = column.split('.')
    const [row] = await db.query(`select has_column_privilege('tmidb_admin', 'tmidb.${table}', '${name}', 'select') as may`)
    assert.deepEqual([column, row?.may], [column, allowed])
  }
})

const as = (login: string, secret: string) => withLogin(db.superUrl, login, secret)
const seen = `select count(*)::int as n, max(tmidb.identity()->>'role') as role from api.sensor_v1`

test('a person’s PostgreSQL login sees what the person sees, and follows the role', async () => {
  await db.query(`select tmidb.create_login('user', $1, 'psql-password')`, [kim])
  await withClient(as(kim, 'psql-password'), async (client) => {
    const look = async () => (await client.query<{ n: number; role: string }>(seen)).rows[0]
    assert.deepEqual(await look(), { n: 2, role: 'tmidb_viewer' })
    await db.query(`select tmidb.set_account_role($1, 'fleet')`, [kim])
    assert.deepEqual(await look(), { n: 1, role: 'tmidb_member' })
    await assert.rejects(client.query(`select tmidb.create_role('x')`), { code: '42501' })
    await db.query(`select tmidb.set_account_role($1, 'admin')`, [kim])
    assert.deepEqual(await look(), { n: 2, role: 'tmidb_admin' })
    await client.query(`select tmidb.set_account('root', 'root@example.com')`)
    await db.query(`select tmidb.set_account_role($1, 'viewer')`, [kim])
    await assert.rejects(client.query(`select tmidb.create_role('x')`), { code: '42501' })
  })
  for (const taken of ['admin', 'tmidb_owner', 'pg_x']) {
    await db.query(`select tmidb.create_account('${taken}', null, 'viewer')`)
    await refused(`select tmidb.create_login('user', '${taken}', 'psql-password')`, 'TM106')
  }
})

test('who is disabled has no rights in the connection that is open, and gets no other; enabled again they have', async () => {
  await withClient(as(kim, 'psql-password'), async (client) => {
    assert.equal((await client.query(seen)).rows[0].n, 2)
    await db.query('select tmidb.disable_account($1)', [kim])
    await assert.rejects(client.query(seen), { code: '42501' })
    await assert.rejects(client.query('select tmidb.identity()'), { code: '42501' })
    await assert.rejects(withClient(as(kim, 'psql-password'), (c) => c.query('select 1')))
    await db.query('select tmidb.enable_account($1)', [kim])
    assert.equal((await client.query(seen)).rows[0].n, 2)
  })
})

test('who is removed loses the PostgreSQL login with all rights; what they own stays without them', async () => {
  await db.query(`select tmidb.create_account($1, null, 'admin')`, [lee])
  await db.query(`select tmidb.create_login('user', $1, 'psql-password')`, [lee])
  await withClient(as(lee, 'psql-password'), async (client) => {
    await client.query('create temp table mine (a int)')
    await db.query('select tmidb.remove_account($1)', [kim])
    await db.query('select tmidb.remove_account($1)', [lee])
    await assert.rejects(client.query(seen), { code: '42501' })
    await assert.rejects(client.query(`select tmidb.create_role('x')`), { code: '42501' })
  })
  for (const login of [kim, lee]) await assert.rejects(withClient(as(login, 'psql-password'), (c) => c.query('select 1')))
  assert.deepEqual(await db.query('select rolname, rolcanlogin from pg_roles where rolname = $1', [kim]), [])
})

/** As if each of these were a request of its own; none is hashed. */
async function guesses(count: number, login: string, address: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `select count(*)::int as n from generate_series(1, $1) i, lateral tmidb.take_sign_in(${login}, ${address}) t
     where t.retry_after_s is null`,
    [count],
  )
  return row?.n ?? 0
}

test('10,000 guesses: 10 a name are looked at, from one address or from 100; 50 an address, whatever the names', async () => {
  await db.query('delete from tmidb.sign_in_try')
  assert.equal(await guesses(1000, `'root'`, `'192.0.2.' || i / 10001`), 10)
  await db.query('delete from tmidb.sign_in_try')
  assert.equal(await guesses(10_000, `'root'`, `'192.0.2.' || i % 100`), 10)
  await db.query('delete from tmidb.sign_in_try')
  assert.equal(await guesses(1000, `'invented' || i`, `'192.0.2.1'`), 50)
  await db.query('delete from tmidb.sign_in_try')
  assert.equal(await guesses(1000, `'invented' || i`, `'2001:db8::' || to_hex(i)`), 50)
  // What was refused for the address is not counted for the name.
  assert.equal(await guesses(1, `'invented999'`, `'192.0.2.77'`), 1)
  await db.query(`update tmidb.sign_in_try set until = now() - interval '1 s'`)
  for (let i = 0; i < 10; i++) await guesses(1, `'root'`, `nullif(i, i)::text`)
  assert.equal((await db.query<{ n: number }>('select count(*)::int as n from tmidb.sign_in_try'))[0]?.n, 2)
})

test('parallel tries of one name are counted one by one', async () => {
  await db.query('delete from tmidb.sign_in_try')
  const tries = await Promise.all(
    Array.from({ length: 30 }, () =>
      pool.query(`select retry_after_s is null as taken from tmidb.take_sign_in('root', '192.0.2.5')`),
    ),
  )
  assert.equal(tries.filter(({ rows }) => rows[0].taken).length, 10)
})

test('for a name that is there and for one that is not as many hashes of the same work are made', async () => {
  await db.query('delete from tmidb.sign_in_try')
  await db.query(`select tmidb.create_account('shut', $1, 'viewer'), tmidb.disable_account('shut')`, [hash])
  const work: Record<string, string[]> = {}
  for (const name of ['root', 'nobody', 'shut', 'pat@example.com']) {
    const made: string[] = []
    const signIn = openSignIn(pool, async (password, against) => {
      made.push(against.split('$').slice(0, 4).join('$'))
      return await verifyPassword(password, against)
    })
    await assert.rejects(signIn(name, 'wrong', '192.0.2.9'), { code: 'TM109' })
    work[name] = made
  }
  assert.deepEqual(Object.values(work), Array(4).fill(['$argon2id$v=19$m=19456,t=2,p=1']))
  assert.equal(await verifyPassword('', nobodysHash), false)
})

test('what opened a door does not count, however often; a password that was replaced while it was looked at opens nothing', async () => {
  await db.query('delete from tmidb.sign_in_try')
  const quick = openSignIn(pool, async () => true)
  for (let i = 0; i < 25; i++) await quick('root', 'right', '192.0.2.10')
  const slow = openSignIn(pool, async () => {
    await db.query(`select tmidb.set_password_hash('root', $1, false)`, [nobodysHash])
    return true
  })
  await assert.rejects(slow('root', 'right', '192.0.2.10'), { code: 'TM109' })
})

test('two passwords are hashed at a time; a crowd is told to come again', async () => {
  const all = await Promise.allSettled(
    Array.from({ length: 60 }, () => verifyPassword('x', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAA')),
  )
  const codes = all.map((r) => (r.status === 'fulfilled' ? 'looked at' : (r.reason as { code: string }).code))
  assert.deepEqual([codes.filter((c) => c === 'looked at').length, codes.filter((c) => c === 'TM403').length], [34, 26])
  assert.equal(await verifyPassword('blue horses walk slowly', hash), true)
})

test('whoever is shut out or demoted keeps no connection of psql that had taken a role before', async () => {
  const edi = `edi_${process.pid}`
  await db.query(`select tmidb.create_account('${edi}', null, 'admin'), tmidb.create_login('user', '${edi}', 'psql-password')`)
  try {
    for (const taken of [`set_account_role('${edi}', 'viewer')`, `remove_account('${edi}')`]) {
      await withClient(as(edi, 'psql-password'), async (client) => {
        await client.query(taken.startsWith('remove') ? 'set role tmidb_viewer' : 'set role tmidb_admin')
        await db.query(`select tmidb.${taken}`)
        // What the api process asks when it hears that access changed.
        await pool.query('select tmidb.end_logins()')
        await assert.rejects(client.query('select tmidb.create_role($1)', ['mine']), (e: { code?: string; message: string }) =>
          /^57P01|terminat|not queryable|ECONNRESET/.test(`${e.code} ${e.message}`),
        )
      }).catch((e: unknown) => {
        // The connection is gone before it can be said goodbye to.
        if (e instanceof assert.AssertionError) throw e
      })
    }
    assert.deepEqual(await db.query('select from tmidb.login_to_end'), [])
  } finally {
    await db.query(`drop role if exists ${edi}`)
  }
})

test('who is removed or loses the login keeps no connection of psql; readings stay', async () => {
  const [ear, mouth] = [`ear_${process.pid}`, `mouth_${process.pid}`]
  const [tokensOf] = await db.query(`select tmidb.create_listener('${ear}') as ear, tmidb.create_speaker('${mouth}') as mouth`)
  const tokens = Object.values(tokensOf as object)
  await db.query(`select tmidb.create_speaker('pump'), tmidb.grant_access('listener:${ear}', p_category => 'sensor')`)
  const ends = async (kind: string, name: string, how: string) => {
    await db.query('select tmidb.create_login($1, $2, $3)', [kind, name, 'psql-password'])
    await withClient(as(name, 'psql-password'), async (client) => {
      client.on('error', () => undefined)
      await client.query(
        kind === 'speaker' ? `select tmidb.ingest('sensor', 'heard', '{"temperature": 1}')` : 'select from api.sensor_v1',
      )
      await db.query(`select tmidb.${how}`)
      assert.equal((await pool.query('select tmidb.end_logins() as n')).rows[0]?.n, 1)
      await assert.rejects(client.query('select 1'))
    })
    assert.deepEqual(await db.query('select from pg_roles where rolname = $1', [name]), [])
  }
  try {
    await ends('listener', ear, `drop_login('listener', '${ear}')`)
    await refused(`select tmidb.drop_login('listener', '${ear}')`, 'TM107')
    await ends('speaker', mouth, `drop_login('speaker', '${mouth}')`)
    await ends('listener', ear, `remove_listener('${ear}')`)
    await ends('speaker', mouth, `remove_speaker('${mouth}')`)
  } finally {
    for (const name of [ear, mouth]) await db.query(`drop role if exists ${name}`)
  }
  const heard = await db.query(`select from tmidb.ts_obs o join tmidb.target t using (target_id) where t.key = 'heard'`)
  assert.equal(heard.length, 2)
  assert.deepEqual(await db.query('select * from tmidb.ledger_check()'), [])
  for (const token of tokens)
    assert.deepEqual(await db.query(`select from tmidb.authenticate(sha256(convert_to($1, 'UTF8')))`, [token]), [])
  for (const what of [`remove_listener('${ear}')`, `remove_speaker('${mouth}')`]) await refused(`select tmidb.${what}`, 'TM107')
})

test('TM106: a speaker as which a connector writes stays', async () => {
  await db.query(
    `select tmidb.create_connector('sky', 'url', 'sky', 'pump', 'every 60 s', '{"url": "https://example.org/x"}', false)`,
  )
  await refused(`select tmidb.remove_speaker('pump')`, 'TM106')
  await db.query(`select tmidb.remove_connector('sky'), tmidb.remove_speaker('pump')`)
})

test('a function that an administrator makes is nobody else’s until it is granted', async () => {
  const ann = `ann_${process.pid}`
  await db.query(`select tmidb.create_account('${ann}', null, 'admin'), tmidb.create_login('user', '${ann}', 'psql-password')`)
  try {
    const acl = async () => (await db.query(`select proacl::text as acl from pg_proc where proname = 'mine'`))[0]?.acl
    await withClient(as(ann, 'psql-password'), async (client) => {
      const make = (n: number) =>
        client.query(`create or replace function app.mine() returns int language sql security definer as 'select ${n}'`)
      await make(1)
      assert.equal(await acl(), `{${ann}=X/${ann}}`)
      await client.query('grant execute on function app.mine() to public')
      await make(2)
      assert.match(await acl(), /[{,]=X/)
      await client.query('drop function app.mine()')
    })
  } finally {
    await db.query(`select tmidb.remove_account('${ann}'); drop role if exists ${ann}`)
  }
})
