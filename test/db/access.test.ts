// SPDX-License-Identifier: MIT
// What a process knows of tokens: from where they may come, how often they were used, and until when an answer holds.
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { TmiError } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/retry.ts'
import { type Access, openAccess } from '../../src/db/access.ts'
import { allowList } from '../../src/db/allow-list.ts'
import { withClient } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let access: Access
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.create_listener('A'), tmidb.create_account('kim', '$argon2id$', 'editor')`)
  access = await openAccess(db.url('tmidb_api'))
})
after(async () => {
  await access[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

async function made(args: string): Promise<string> {
  const [row] = await db.query<{ token: string }>(`select tmidb.create_token(${args}) as token`)
  return row?.token as string
}
const code = (is: string) => (e: unknown) => e instanceof TmiError && e.code === is
async function until<T>(what: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let n = 0; ; n++) {
    const value = await what()
    if (good(value)) return value
    if (n > 250) throw new Error(`It did not come to that within 5 s: ${JSON.stringify(value)}`)
    await sleep(20)
  }
}

test('a network holds its addresses and no other, IPv4 and IPv6', () => {
  const allows = allowList(['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32'])
  for (const address of ['10.255.0.1', '192.0.2.7', '2001:db8::1', '2001:DB8:ffff::1']) assert.ok(allows(address), address)
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::1', 'host', '', undefined])
    assert.ok(!allows(address), address)
  assert.ok(allowList(['fe80::/10'])('fe80::1%eth0'))
})

test('a token that is bound to networks opens from there only, TM111 else, also where the address is not known', async () => {
  const authorization = `Bearer ${await made(`'listener', 'A', p_from => '{10.0.0.0/8}'`)}`
  assert.equal((await access.identify({ authorization, address: '10.1.2.3' })).name, 'A')
  await assert.rejects(access.identify({ authorization, address: '192.0.2.1' }), code('TM111'))
  await assert.rejects(access.identify({ authorization, address: '::1' }), code('TM111'))
  await assert.rejects(access.identify({ authorization }), code('TM111'))
  assert.equal((await access.identify({ authorization, address: '10.1.2.3' })).name, 'A')
})

test('who comes from the wrong address is written down, and not once for each try', async () => {
  const authorization = `Bearer ${await made(`'user', 'kim', p_from => '{10.0.0.0/8}'`)}`
  const caller = { authorization, address: '192.0.2.9', agent: 'curl', requestId: 'r1' }
  for (let n = 0; n < 50; n++) await assert.rejects(access.identify(caller), code('TM111'))
  const written = () =>
    db.query(
      `select count(*) as n, actor, detail->>'code' as code, host(address) as address, agent, request_id from tmidb.audit
       where kind = 'token.refused' and actor = 'kim' group by 2, 3, 4, 5, 6`,
    )
  const rows = await until(written, (found) => found[0]?.n === '20')
  assert.deepEqual(rows, [{ n: '20', actor: 'kim', code: 'TM111', address: '192.0.2.9', agent: 'curl', request_id: 'r1' }])
})

test('uses are counted once a caller, whatever it asks again, and are told together', async () => {
  const token = await made(`'user', 'kim', 'counted'`)
  const requests = Array.from({ length: 40 }, () => ({ authorization: `Bearer ${token}` }))
  const socket = { authorization: `Basic ${Buffer.from(`kim:${token}`).toString('base64')}` }
  for (const caller of [...requests, socket, socket, socket]) await access.identify(caller)
  const [row] = await until(
    () =>
      db.query(`select use_count, used_at > now() - interval '1 minute' as recently from tmidb.token where label = 'counted'`),
    ([r]) => r?.use_count !== '0',
  )
  assert.deepEqual(row, { use_count: '41', recently: true })
})

test('what was counted and not told yet is told when a process ends', async () => {
  const token = await made(`'listener', 'A', 'last words'`)
  const other = await openAccess(db.url('tmidb_edge'))
  for (let n = 0; n < 7; n++) await other.identify(token)
  await other[Symbol.asyncDispose]()
  const rows = await db.query(`select use_count from tmidb.token where label = 'last words'`)
  assert.deepEqual(rows, [{ use_count: '7' }])
})

test('many that ask at once with the same token are one question', async () => {
  const token = await made(`'listener', 'A', 'crowd'`)
  const calls = () =>
    db.query<{ n: string }>(`select coalesce(sum(calls), 0) as n from pg_stat_user_functions where funcname = 'authenticate'`)
  await db.query(`alter database ${db.name} set track_functions = 'all'`)
  const other = await openAccess(db.url('tmidb_edge'))
  await Promise.all(Array.from({ length: 500 }, () => other.identify(token)))
  await other[Symbol.asyncDispose]()
  const [{ n } = { n: '' }] = await until(calls, ([r]) => r?.n !== '0')
  assert.equal(n, '1')
})

test('what ends a token ends it here too: revoked, rotated without overlap, its time over', async () => {
  const tokens = {
    revoked: await made(`'user', 'kim', 'r'`),
    rotated: await made(`'user', 'kim', 'o'`),
    over: await made(`'user', 'kim', 't', now() + interval '700 ms'`),
  }
  const told = Promise.withResolvers<void>()
  const off = access.onChange(told.resolve)
  for (const token of Object.values(tokens)) assert.equal((await access.identify(token)).name, 'kim')
  await db.query('select tmidb.revoke_token($1)', [tokens.revoked])
  await db.query(`select tmidb.rotate_token($1, '0')`, [tokens.rotated])
  await told.promise
  off()
  for (const token of Object.values(tokens)) {
    await until(
      () => access.identify(token).then(() => false, code('TM101')),
      (over) => over,
    )
  }
})

test('the role of a person’s token follows the account', async () => {
  await db.query(`select tmidb.create_account('lee', '$argon2id$', 'editor')`)
  const token = await made(`'user', 'lee'`)
  const identity = await access.identify(token)
  assert.deepEqual(
    [identity.kind, identity.claims.role, identity.mayCreate, identity.mayIntrospect],
    ['account', 'tmidb_editor', true, true],
  )
  await db.query(`update tmidb.account set role_id = tmidb.role_named('viewer') where login = 'lee'`)
  await db.query(`select tmidb.classify(null, account_id) from tmidb.account where login = 'lee'`)
  await until(
    () => access.identify(token),
    (now) => now.claims.role === 'tmidb_viewer' && now.claims.speaker_id === undefined && !now.mayCreate,
  )
})

test('changes that come one upon the other are looked at together, the last one too', async () => {
  let heard = 0
  const off = access.onChange(() => heard++)
  const tokens = await Promise.all(Array.from({ length: 40 }, () => made(`'listener', 'A'`)))
  for (const token of tokens) await access.identify(token)
  await withClient(db.superUrl, async (client) => {
    for (const token of tokens) await client.query('select tmidb.revoke_token($1)', [token])
  })
  await until(
    () =>
      access.identify(tokens.at(-1)).then(
        () => false,
        () => true,
      ),
    (over) => over,
  )
  off()
  assert.ok(heard > 0 && heard < tokens.length, `${heard} times`)
  for (const token of tokens) await assert.rejects(access.identify(token), code('TM101'))
})

test('while PostgreSQL is away devices go on, but nobody whose token ended, and nobody else', async () => {
  const there = new URL(db.url('tmidb_api'))
  const lines = new Set<Socket>()
  const proxy = createServer((line) => {
    const on = connect(Number(there.port), there.hostname)
    for (const end of [line, on]) lines.add(end.on('error', () => {}))
    line.pipe(on).pipe(line)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const url = new URL(there)
  url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  await using away = await openAccess(url.href)
  await db.query(`select tmidb.create_speaker('s')`)
  const [good, ended, person] = [await made(`'speaker', 's'`), await made(`'speaker', 's'`), await made(`'user', 'kim'`)]
  const shown = (token: string) => away.identify(`Bearer ${token}`)
  for (const token of [good, ended, person]) await shown(token)
  await new Promise<void>((resolve) => {
    const off = away.onChange(() => {
      off()
      resolve()
    })
    void db.query('select tmidb.revoke_token($1)', [ended])
  })
  proxy.close()
  for (const line of lines) line.destroy()
  assert.equal((await shown(good)).name, 's')
  await assert.rejects(shown(ended), code('TM401'))
  await assert.rejects(shown(person), code('TM401'))
})
