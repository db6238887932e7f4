// SPDX-License-Identifier: MIT
// Grants by target, group, category, field and age, as they come out of the API's views.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Claims, openPool, type Pool, readAs } from '../../src/db/pool.ts'
import { withClient, withLogin } from '../../src/db/superuser.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let pool: Pool

before(async () => {
  db = await testDatabase()
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
  await db.query(`
    select tmidb.create_target('truck-1', 'First', '{"site": "busan", "kind": "truck", "floor": 1}'),
           tmidb.create_target('truck-2', null, '{"site": "seoul", "kind": "truck", "floor": 2}'),
           tmidb.create_target('door-1', null, '{"site": "busan", "kind": "door", "floor": 3}');
    select tmidb.make_chunk(now() - interval '30 hours');
    select tmidb.ingest('sensor', t, jsonb_build_object('temp', h, 'hum', 2 * h), now() - h * interval '1 hour')
    from unnest(array['truck-1', 'truck-2', 'door-1']) t, unnest(array[1, 30]) h;
    select tmidb.publish_views()`)
})

after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

let count = 0
/** A new listener that was granted this. */
async function listener(...grants: string[]): Promise<Claims & { name: string }> {
  const name = `l${++count}`
  await db.query(`select tmidb.create_listener('${name}')`)
  for (const g of grants) await db.query(`select tmidb.grant_access('listener:${name}', ${g})`)
  const [row] = await db.query<{ listener_id: string }>('select listener_id from tmidb.listener where name = $1', [name])
  return { role: 'tmidb_listener', listener_id: row?.listener_id as string, name }
}

async function seen(
  who: Claims,
  sql = `select target || ' ' || coalesce(temp::text, '-') || ' ' || coalesce(hum::text, '-') as line from api.sensor_v1`,
) {
  const { rows } = await readAs<{ line: string }>(pool, who, { text: sql })
  return rows.map((r) => r.line).sort()
}
const targets = 'select key as line from api.target'

test('a group is asked of meta: who is in it is seen, in each of the three ways to say it', async () => {
  await db.query(`select tmidb.create_group('busan', '$.site == "busan"'), tmidb.create_group('trucks', '{"kind": "truck"}'),
    tmidb.create_group('busan doors', 'meta->>''site'' = ''busan'' and meta->>''kind'' = ''door'''), tmidb.create_group('high', '$.floor > 1 && $key starts with "truck"')`)
  const lines = async (group: string) => await seen(await listener(`p_group => '${group}'`), targets)
  assert.deepEqual(await lines('busan'), ['door-1', 'truck-1'])
  assert.deepEqual(await lines('trucks'), ['truck-1', 'truck-2'])
  assert.deepEqual(await lines('busan doors'), ['door-1'])
  assert.deepEqual(await lines('high'), ['truck-2'])
})

test('a condition in SQL’s words is true of what ->> gives as this text: texts, numbers and booleans', async () => {
  const holds = async (condition: string, meta: object) =>
    (
      await db.query<{ yes: boolean }>(`select jsonb_path_match($2, tmidb.group_path($1), '{}', true) as yes`, [condition, meta])
    )[0]?.yes
  for (const [value, same, other] of [
    ['5', [5, '5'], [6, '05', true, null]],
    ['-1.5', [-1.5, '-1.5'], [1.5]],
    ['true', [true, 'true'], [false, 'True', 1]],
    ['05', ['05'], [5]],
    ['1e3', ['1e3'], [1000]],
    ['1.50', ['1.50'], [1.5]],
    ['null', ['null'], [null]],
    ['a', ['a'], ['b', 5]],
  ] as const) {
    for (const v of same) assert.equal(await holds(`meta->>'v' = '${value}'`, { v }), true, `${value} is ${JSON.stringify(v)}`)
    for (const v of other)
      assert.notEqual(await holds(`meta->>'v' = '${value}'`, { v }), true, `${value} is not ${JSON.stringify(v)}`)
  }
  assert.equal(await holds(`meta->>'n' = '5' and meta->>'b' = 'true'`, { n: 5, b: true }), true)
  assert.notEqual(await holds(`meta->>'n' = '5' and meta->>'b' = 'true'`, { n: 5, b: false }), true)
})

for (const condition of ['$.site', '$', 'site = busan', '{"a": [1]}', '{"a"', '', '$missing == 1', "meta->>'a' = 'b' or 1 = 1"]) {
  test(`what is no condition is refused with TM108: ${condition}`, async () => {
    await assert.rejects(db.query('select tmidb.create_group($1, $2)', ['bad', condition]), { code: 'TM108' })
  })
}

test('a target that comes later, changes or leaves is seen from its first reading on and no longer than it belongs', async () => {
  await db.query(`select tmidb.create_group('late', '$.line == 7 || $key starts with "late-"')`)
  const who = await listener(`p_category => 'sensor', p_group => 'late', p_fields => '{temp}'`)
  const [before] = await db.query('select class_id from tmidb.listener where name = $1', [who.name])
  assert.deepEqual(await seen(who), [])
  await db.query(`select tmidb.ingest('sensor', 'late-1', '{"temp": 5, "hum": 6}')`)
  assert.deepEqual(await seen(who), ['late-1 5 -'])
  await db.query(`select tmidb.ingest('sensor', 'other', '{"temp": 8, "hum": 6}')`)
  assert.deepEqual(await seen(who), ['late-1 5 -'])
  await db.query(`select tmidb.create_target('other', null, '{"line": 7}')`)
  assert.deepEqual(await seen(who), ['late-1 5 -', 'other 8 -'])
  await db.query(`update tmidb.target set meta = '{}' where key = 'other'`)
  assert.deepEqual(await seen(who), ['late-1 5 -'])
  await db.query(`select tmidb.set_group('late', '$key == "other"')`)
  assert.deepEqual(await seen(who), ['other 8 -'])
  assert.deepEqual(await db.query('select class_id from tmidb.listener where name = $1', [who.name]), [before])
  await db.query(`select tmidb.remove_group('late')`)
  assert.deepEqual(await seen(who), [])
})

test('a time window shows young readings only, beside what is shown for ever', async () => {
  const young = await listener(`p_category => 'sensor', p_targets => '{truck-1}', p_window => '24 hours'`)
  assert.deepEqual(await seen(young), ['truck-1 1 2'])
  const mixed = await listener(
    `p_category => 'sensor', p_targets => '{truck-1}', p_fields => '{temp}'`,
    `p_category => 'sensor', p_targets => '{truck-1,truck-2}', p_window => '24 hours'`,
    `p_category => 'sensor', p_targets => '{door-1}', p_window => '40 hours', p_fields => '{hum}'`,
  )
  assert.deepEqual(await seen(mixed), ['door-1 - 2', 'door-1 - 60', 'truck-1 1 2', 'truck-1 30 -', 'truck-2 1 2'])
  assert.deepEqual(
    await seen(
      await listener(`p_window => '2 minutes'`),
      "select count(*)::text as line from api.sensor_v1 where ts < now() - interval '1 hour'",
    ),
    ['0'],
  )
})

test('windows whose readings are all too old show neither rows nor counts', async () => {
  const who = await listener(`p_category => 'sensor', p_targets => '{truck-2}', p_window => '10 minutes'`)
  assert.deepEqual(await seen(who), [])
  assert.deepEqual(await seen(who, 'select count(*)::text as line from api.sensor_v1'), ['0'])
})

test('a grant without fields shows that there was a reading, and none of it', async () => {
  assert.deepEqual(await seen(await listener(`p_category => 'sensor', p_targets => '{truck-2}', p_fields => '{}'`)), [
    'truck-2 - -',
    'truck-2 - -',
  ])
})

test('people of a role see what it and they themselves were granted; roles that see everything take no grants', async () => {
  await db.query(`select tmidb.create_role('fleet'), tmidb.create_account('kim', null, 'fleet'), tmidb.create_account('lee', null, 'fleet'),
    tmidb.grant_access('role:fleet', '{read,write}', 'sensor', '{truck-1}', p_window => '1 day'),
    tmidb.grant_access('user:lee', '{read}', 'sensor', '{truck-2}', p_fields => '{hum}')`)
  const person = async (login: string): Promise<Claims> => {
    const [row] = await db.query<{ account_id: string }>('select account_id from tmidb.account where login = $1', [login])
    return { role: 'tmidb_member', account_id: row?.account_id as string, name: login }
  }
  assert.deepEqual(await seen(await person('kim')), ['truck-1 1 2'])
  assert.deepEqual(await seen(await person('lee')), ['truck-1 1 2', 'truck-2 - 2', 'truck-2 - 60'])
  const [grant] = await db.query<{ grant_id: string }>(`select grant_id from tmidb.access_grant where role_id is not null`)
  await db.query('select tmidb.revoke_access($1)', [grant?.grant_id])
  assert.deepEqual(await seen(await person('kim')), [])
  assert.deepEqual(
    await seen({ ...(await person('lee')), role: 'tmidb_speaker' }).catch((e: { code: string }) => e.code),
    '42501',
  )
  await assert.rejects(db.query(`select tmidb.grant_access('role:viewer', p_category => 'sensor')`), { code: 'TM108' })
})

test('equal grants share a class, whatever the order in which they were said', async () => {
  const a = await listener(`p_category => 'sensor', p_fields => '{temp,hum}'`, `p_category => 'log'`)
  const b = await listener(`p_category => 'log'`, `p_category => 'sensor', p_fields => '{hum,temp}'`)
  const classes = await db.query('select distinct class_id from tmidb.listener where name = any($1)', [[a.name, b.name]])
  assert.equal(classes.length, 1)
})

test('targets that are made while groups and grants change are in the rules afterwards, each where it belongs', async () => {
  await db.query(`select tmidb.create_group('crowd', '$key starts with "c"')`)
  const makers = [1, 2, 3].map(async (n) => {
    for (let i = 0; i < 12; i++) await db.query(`select tmidb.ingest('sensor', $1, '{"temp": 1}')`, [`c${n}-${i}`])
  })
  const changers = [4, 5].map(async (n) => {
    for (let i = 0; i < 7; i++) {
      await db.query(`select tmidb.create_listener('crowd-${n}-${i}')`)
      await db.query(`select tmidb.subscribe('crowd-${n}-${i}', 'sensor', p_group => 'crowd', p_fields => array['f${n}-${i}'])`)
      if (n === 4) await db.query(`select tmidb.set_group('crowd', '$key starts with "c${1 + (i % 3)}"')`)
    }
  })
  await Promise.all([...makers, ...changers])
  const wrong = await db.query(`select class_id from tmidb.permission_class where rules <> tmidb.compile_rules(grants)`)
  assert.deepEqual(wrong, [])
  const [sizes] = await db.query(`select count(*)::int as n from tmidb.permission_class, jsonb_object_keys(rules) k
    where grants @> '[{"f": ["f5-6"]}]' and k like 't/%'`)
  assert.deepEqual(sizes, { n: 12 })
})

test('what a login can lock hinders nobody: advisory locks are not ours, and our own are the owner’s', async () => {
  const who = `holder_${process.pid}`
  await db.query(
    `select tmidb.create_listener('${who}'), tmidb.create_account('boss', null, 'admin'), tmidb.create_account('boss2', null, 'admin')`,
  )
  await db.query(`select tmidb.create_login('listener', '${who}', 'a long password')`)
  try {
    await withClient(withLogin(db.superUrl, who, 'a long password'), async (login) => {
      const names = ['tmidb.target_group', 'tmidb.keep_an_administrator']
      await login.query('select pg_advisory_lock(hashtextextended(name, 0)) from unnest($1::text[]) name', [names])
      await withClient(db.url('admin'), async (admin) => {
        for (const sql of ['lock table tmidb.target_group in row share mode', 'select from tmidb.access_role for key share']) {
          for (const somebody of [login, admin]) {
            await assert.rejects(somebody.query(`begin; ${sql}`), { code: '42501' }, sql)
            await somebody.query('rollback')
          }
        }
        await admin.query('begin; select from tmidb.target_group; select from tmidb.access_role')
        await db.query(`set local lock_timeout = '5s';
          select tmidb.ingest('sensor', 'unhindered', '{"temp": 1}');
          select tmidb.grant_access('listener:${who}', p_targets => '{unhindered}');
          select tmidb.create_group('free', '$key == "unhindered"'), tmidb.remove_group('free');
          select tmidb.disable_account('boss')`)
      })
    })
  } finally {
    await db.query(`drop role ${who}`)
  }
})

for (const [what, sql] of [
  ['a listener that writes', `tmidb.grant_access('listener:l1', '{write}', 'sensor')`],
  ['an action that there is not', `tmidb.grant_access('user:admin', '{fly}')`],
  ['no action', `tmidb.grant_access('user:kim', '{}')`],
  ['targets and a group', `tmidb.grant_access('listener:l1', p_targets => '{a}', p_group => 'busan')`],
  ['a window of no time', `tmidb.grant_access('listener:l1', p_window => '0 s')`],
  ['a person who sees everything as it is', `tmidb.grant_access('user:looker', '{write}', 'sensor')`],
  ['admin of a category', `tmidb.grant_access('role:fleet', '{admin}', 'sensor')`],
  ['a field without a name', `tmidb.grant_access('listener:l1', p_fields => array['temp', null])`],
  ['a target without a name', `tmidb.grant_access('listener:l1', p_targets => array['truck-1', null])`],
  ['a holder of no kind', `tmidb.grant_access('kim')`],
] as const) {
  test(`TM108: ${what}`, async () => {
    await db.query(
      `insert into tmidb.account (login, role_id) select 'looker', role_id from tmidb.access_role where name = 'viewer' on conflict do nothing`,
    )
    await assert.rejects(db.query(`select ${sql}`), (e: { code: string }) => e.code === 'TM108' || e.code === 'TM107')
  })
}

test('TM105: a target whose key is empty, too long or none', async () => {
  for (const key of ['', 'x'.repeat(257)]) {
    await assert.rejects(db.query(`select tmidb.grant_access('listener:l1', p_targets => array[$1::text])`, [key]), {
      code: 'TM105',
    })
    await assert.rejects(db.query('select tmidb.create_target($1)', [key]), { code: 'TM105' })
  }
  await assert.rejects(db.query('select tmidb.create_target(null)'), { code: 'TM105' })
})
