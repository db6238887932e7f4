// SPDX-License-Identifier: MIT
// tmidb.may answers as the doors do, and the action admin lets a member change names and attributes of its targets and of no others.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Claims, openPool, type Pool, readAs, writeAs } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool
const who: Record<string, Claims> = { nobody: { role: 'tmidb_anonymous' } }

before(async () => {
  db = await testDatabase()
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
  await db.query(`
    select tmidb.create_target('b1', null, '{"site": "busan"}'), tmidb.create_target('b2', null, '{"site": "busan"}'), tmidb.create_target('s1'),
      tmidb.create_group('busan', '$.site == "busan"'), tmidb.create_role('crew'), tmidb.create_role('all');
    select tmidb.ingest('sensor', t, '{"a": 1}') from unnest(array['b1', 'b2', 's1']) t;
    select tmidb.create_listener('listener'), tmidb.create_speaker('free'), tmidb.create_speaker('own', 'b1'), tmidb.create_speaker('some'),
      tmidb.create_account('member', null, 'crew'), tmidb.create_account('chief', null, 'all'), tmidb.create_account('viewer', null, 'viewer'),
      tmidb.create_account('editor', null, 'editor'), tmidb.create_account('boss', null, 'admin');
    select tmidb.grant_access('listener:listener', p_category => 'sensor', p_targets => '{b1}', p_window => '1 hour'),
      tmidb.grant_access('speaker:some', '{write,command}', 'sensor', p_group => 'busan'),
      tmidb.grant_access('role:crew', p_category => 'sensor'),
      tmidb.grant_access('role:crew', '{write}', 'sensor', '{s1}'), tmidb.grant_access('role:crew', '{admin}', p_group => 'busan'),
      tmidb.grant_access('role:all', '{read,write,command,admin}')`)
  for (const r of await db.query<{ role: Claims['role']; name: string; id: string; kind: 'listener' | 'speaker' | 'account' }>(
    `select 'tmidb_listener' as role, name, listener_id::text as id, 'listener' as kind from tmidb.listener
     union all select 'tmidb_speaker', name, speaker_id::text, 'speaker' from tmidb.speaker where name <> 'sql'
     union all select r.request_role, a.login, a.account_id::text, 'account' from tmidb.account a join tmidb.access_role r using (role_id)`,
  ))
    who[r.name] = { role: r.role, name: r.name, [`${r.kind}_id`]: r.id }
})
after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

const asks: [action: string, category: string | null, target: string | null, those: string][] = [
  ['read', 'sensor', 'b1', 'boss chief editor listener member viewer'],
  ['read', 'sensor', 's1', 'boss chief editor member viewer'],
  ['read', 'sensor', null, 'boss chief editor member viewer'],
  ['read', null, null, 'boss chief editor viewer'],
  ['write', 'sensor', 'b1', 'boss chief editor free own some'],
  ['write', 'sensor', 's1', 'boss chief editor free member'],
  ['write', 'other', 'b1', 'boss chief editor free own'],
  ['write', 'sensor', null, 'boss chief editor free'],
  ['write', null, null, 'boss chief editor free'],
  ['command', 'sensor', 'b1', 'boss chief editor some'],
  ['admin', null, 'b1', 'boss chief editor member'],
  ['admin', null, 's1', 'boss chief editor'],
  ['admin', null, null, 'boss chief editor'],
]
for (const [action, category, target, those] of asks) {
  test(`may ${action} ${target ?? 'any target'} in ${category ?? 'any category'}: ${those}`, async () => {
    const yes: string[] = []
    for (const [name, claims] of Object.entries(who)) {
      const { rows } = await readAs<{ may: boolean }>(pool, claims, {
        text: 'select tmidb.may($1, $2, $3)',
        values: [action, category, target],
      })
      if (rows[0]?.may === true) yes.push(name)
      else assert.equal(rows[0]?.may, false)
    }
    assert.equal(yes.sort().join(' '), those)
  })
}

test('TM108: an action that there is not', async () => {
  await assert.rejects(readAs(pool, who.boss as Claims, { text: `select tmidb.may('fly')` }), { code: 'TM108' })
})

test('a member with the action admin changes name and meta of its targets; of others, and without it, TM102', async () => {
  const rename = (name: string, key: string) =>
    writeAs<{ name: string; meta: object }>(pool, who[name] as Claims, {
      text: `update api.target set name = $1, meta = meta || '{"x": 1}' where key = $2 returning name, meta`,
      values: [`by ${name}`, key],
    }).then(
      (r) => r.rows,
      (e: { code: string }) => e.code,
    )
  assert.deepEqual(await rename('member', 'b1'), [{ name: 'by member', meta: { site: 'busan', x: 1 } }])
  assert.equal(await rename('member', 's1'), 'TM102')
  assert.deepEqual(await rename('editor', 's1'), [{ name: 'by editor', meta: { x: 1 } }])
  assert.equal(await rename('listener', 'b1'), '42501')
  assert.equal(await rename('viewer', 'b1'), '42501')
  await assert.rejects(writeAs(pool, who.member as Claims, { text: `update api.target set key = 'z' where key = 'b1'` }), {
    code: '42501',
  })
  await assert.rejects(writeAs(pool, who.member as Claims, { text: `insert into api.target (key) values ('z')` }), {
    code: '42501',
  })
})

test('who may change a target may not move it into a group, or out of one, that somebody was granted something of', async () => {
  const say = (meta: object) =>
    writeAs(pool, who.member as Claims, { text: `update api.target set meta = $1 where key = 'b2'`, values: [meta] })
  const [{ meta: before } = {}] = await db.query<{ meta: object }>(`select meta from tmidb.target where key = 'b2'`)
  await assert.rejects(say({ ...before, site: 'seoul' }), { code: 'TM102' })
  for (const none of [null, 5]) {
    const set = { text: `update api.target set meta = $1::jsonb where key = 'b2'`, values: [none] }
    await assert.rejects(writeAs(pool, who.member as Claims, set), { code: 'TM105' })
  }
  await say({ ...before, colour: 'red' })
  const [{ meta } = {}] = await db.query<{ meta: object }>(`select meta from tmidb.target where key = 'b2'`)
  assert.deepEqual(meta, { ...before, colour: 'red' })
})
