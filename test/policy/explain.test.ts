// SPDX-License-Identifier: MIT
// Why somebody sees something or not: what is explained is what the views show, and viewing as somebody shows no more than they see.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Claims, openPool, type Pool, readAs } from '../../src/db/pool.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'
import { seeded } from '../lib/random.ts'

interface Explained {
  verdict: boolean
  grant_id: string | null
  because: string
  steps: string[]
  grants: { grant_id: number; grant: string; applies: boolean; why: string }[]
}

const targets = ['truck-1', 'truck-2', 'truck-3', 'door-1', 'door-2']
const hours = [1, 30, 200]
const fields = { sensor: ['temp', 'hum', 'gps.lat', 'gps.lon'], log: ['line', 'level'] }
let db: TestDatabase
let pool: Pool

before(async () => {
  db = await testDatabase()
  pool = openPool(db.url('tmidb_api'), { max: 2, application: 'test' })
  await db.query(`
    select tmidb.create_target('truck-1', null, '{"site": "busan"}'), tmidb.create_target('truck-2', null, '{"site": "seoul"}'),
      tmidb.create_target('truck-3', null, '{"site": "busan", "floor": 3}'), tmidb.create_target('door-1', null, '{"site": "busan", "floor": 1}'),
      tmidb.create_target('door-2', null, '{}');
    select tmidb.make_chunk(now() - h * interval '1 hour') from unnest(array[${hours}]) h;
    select tmidb.ingest('sensor', t, jsonb_build_object('temp', h, 'hum', 2 * h, 'gps', jsonb_build_object('lat', h, 'lon', h)), now() - h * interval '1 hour'),
      tmidb.ingest('log', t, '{"line": "x", "level": 3}', now() - h * interval '1 hour')
    from unnest(array['${targets.join("','")}']) t, unnest(array[${hours}]) h;
    select tmidb.publish_views();
    select tmidb.create_group('busan', '$.site == "busan"'), tmidb.create_group('high', '$.floor > 2'), tmidb.create_group('empty', '$.site == "moon"'),
      tmidb.create_listener('A'), tmidb.create_role('fleet'), tmidb.create_account('kim', null, 'fleet'), tmidb.create_account('vic', null, 'viewer'),
      tmidb.create_speaker('x'), tmidb.grant_access('listener:A', p_category => 'sensor', p_group => 'busan', p_fields => '{temp}', p_window => '24 hours'),
      tmidb.grant_access('role:fleet', '{read,write}', 'log', '{truck-1}')`)
})

after(async () => {
  await pool.end()
  await db[Symbol.asyncDispose]()
})

async function explain(...args: (string | null)[]): Promise<Explained> {
  const names = ['p_who', 'p_category', 'p_target', 'p_field', 'p_ts', 'p_action', 'p_address']
  const said = args.flatMap((value, i) => (value === null ? [] : [{ name: names[i], value }]))
  const list = said.map(({ name }, i) => `${name} => $${i + 1}`).join(', ')
  const rows = await db.query<Explained>(
    `select * from tmidb.explain_access(${list})`,
    said.map(({ value }) => value),
  )
  return rows[0] as Explained
}

test('a yes names the grant that decides, in words', async () => {
  const { verdict, because, grant_id, grants } = await explain('listener:A', 'sensor', 'truck-1', 'temp')
  assert.equal(verdict, true)
  assert.equal(because, `grant ${grant_id}: group busan, category sensor, fields temp, last 24 hours`)
  assert.deepEqual(grants, [{ grant_id: Number(grant_id), grant: because, applies: true, why: 'it applies' }])
})

const hoursAgo = (n: number) => new Date(Date.now() - n * 3_600_000).toISOString()
for (const [asked, why] of [
  [['listener:A', 'log'], /^there is no grant of listener:A for category log/],
  [['listener:A', 'vault'], /^there is no category vault/],
  [
    ['listener:A', 'sensor', 'truck-2'],
    /truck-2 is not in group busan: \$\.site == "busan" is not so for meta \{"site": "seoul"\}/,
  ],
  [['listener:A', 'sensor', 'gone'], /^there is no target gone/],
  [['listener:A', 'sensor', 'truck-1', 'hum'], /the field hum is not among temp/],
  [['listener:A', 'sensor', 'truck-1', 'temp', hoursAgo(30)], /the reading of \S+ \S+ is older than 24 hours/],
  [['listener:A', 'sensor', 'truck-1', 'temp', null, 'write'], /^a listener only reads/],
  [['speaker:x', 'sensor'], /^a speaker reads nothing/],
  [['user:vic', 'sensor', null, null, null, 'write'], /^the role viewer sees everything and changes nothing/],
  [['user:kim', 'log', 'truck-1', null, null, 'command'], /it allows to read and write, not to command/],
] as const) {
  test(`no: ${asked
    .filter(Boolean)
    .slice(0, 6)
    .join(' ')
    .replace(/ \d{4}-\S+/, ' 30 hours ago')}`, async () => {
    const { verdict, because, steps, grant_id } = await explain(...asked)
    assert.deepEqual([verdict, grant_id], [false, null])
    assert.match(steps.join('\n'), why)
    assert.equal(because, steps[0])
  })
}

for (const [asked, why] of [
  [['user:vic', 'sensor'], /^the role viewer sees everything/],
  [
    ['role:fleet', 'log', 'truck-1', 'line'],
    /^grant \d+ of the role fleet: target truck-1, category log, all fields, to read and write/,
  ],
  [['user:kim', 'log', 'truck-1', null, null, 'write'], /^grant \d+ of the role fleet/],
  [['speaker:x', 'sensor', null, null, null, 'write'], /never granted anything, so it writes everywhere/],
] as const) {
  test(`yes: ${asked.filter(Boolean).join(' ')}`, async () => {
    const { verdict, because } = await explain(...asked)
    assert.equal(verdict, true)
    assert.match(because, why)
  })
}

test('a token that was revoked or expired opens nothing, whatever its owner may see', async () => {
  await db.query(`select tmidb.create_token('listener', 'A', 'over');
    update tmidb.token set expires_at = now() - interval '1 day' where label = 'over'`)
  const [old] = await db.query<{ prefix: string }>('select prefix from tmidb.token where expires_at < now()')
  assert.match((await explain(`token:${old?.prefix}`, 'sensor')).because, /^the token expired at/)
  const [made] = await db.query<{ token: string }>(`select tmidb.create_token('listener', 'A') as token`)
  assert.equal((await explain(`token:${made?.token}`, 'sensor')).verdict, true)
  await db.query('select tmidb.revoke_token($1)', [made?.token])
  assert.match((await explain(`token:${made?.token}`, 'sensor')).because, /^the token was revoked at/)
  await assert.rejects(explain('token:tmi_listener_nothing0'), { code: 'TM107' })
})

test('rules that are not what the grants come to are told, not explained', async () => {
  await db.query(
    `select tmidb.create_listener('B'), tmidb.grant_access('listener:B', p_category => 'log', p_fields => '{level}')`,
  )
  await db.query(`update tmidb.permission_class set rules = rules || '{"*/*": {"line": 1}}'
    where class_id = (select class_id from tmidb.listener where name = 'B')`)
  await assert.rejects(explain('listener:B', 'log', 'truck-1', 'line'), { code: 'TM500' })
})

test('over 2,000 random questions it says what the views show', async () => {
  const pick = seeded(7)
  const one = <T>(of: readonly T[]): T => of[Math.floor(pick() * of.length)] as T
  const maybe = (p: number, sql: () => string) => (pick() < p ? [sql()] : [])
  const people: { who: string; claims: Claims }[] = []
  for (let n = 0; n < 20; n++) {
    const isPerson = n % 4 === 0
    const who = isPerson ? `user:p${n}` : `listener:r${n}`
    await db.query(isPerson ? `select tmidb.create_account('p${n}', null, 'fleet')` : `select tmidb.create_listener('r${n}')`)
    for (let i = 0; i < 1 + pick() * 3; i++) {
      const category = one(['sensor', 'log'] as const)
      const rule = [
        ...maybe(0.8, () => `p_category => '${category}'`),
        ...(pick() < 0.5
          ? [`p_group => '${one(['busan', 'high', 'empty'])}'`]
          : maybe(0.7, () => `p_targets => '{${one(targets)}}'`)),
        ...maybe(0.5, () => `p_fields => '{${one([...fields[category], 'gps', 'none'])}}'`),
        ...maybe(0.5, () => `p_window => '${one([20, 100])} hours'`),
      ]
      await db.query(`select tmidb.grant_access('${who}'${rule.map((r) => `, ${r}`).join('')})`)
    }
    const [row] = await db.query<{ claims: Claims }>('select tmidb.viewed($1) as claims', [who])
    people.push({ who, claims: row?.claims as Claims })
  }
  const wrong: unknown[] = []
  const counts = { yes: 0, no: 0 }
  for (const { who, claims } of people) {
    const shown = new Set<string>()
    for (const [category, columns] of [
      ['sensor', 'temp, hum, gps_lat as "gps.lat", gps_lon as "gps.lon"'],
      ['log', 'line, level'],
    ]) {
      const text = `select target, round(extract(epoch from now() - ts) / 3600)::int as age, ${columns} from api.${category}_v1`
      for (const row of (await readAs<Record<string, unknown>>(pool, claims, { text })).rows)
        for (const [field, value] of [...Object.entries(row).slice(2), ['', 1]])
          if (value !== null) shown.add(`${category} ${row.target} ${row.age} ${field}`)
    }
    const asked = Array.from({ length: 100 }, () => {
      const category = one(['sensor', 'log'] as const)
      return { category, target: one(targets), age: one(hours), field: one([...fields[category], '']) }
    })
    const told = await db.query<{ verdict: boolean }>(
      `select (tmidb.explain_access($1, a.category, a.target, nullif(a.field, ''), now() - a.age * interval '1 hour')).verdict
       from rows from (jsonb_to_recordset($2) as (category text, target text, age int, field text)) with ordinality a(category, target, age, field, o)
       order by o`,
      [who, JSON.stringify(asked)],
    )
    asked.forEach((q, i) => {
      const is = shown.has(`${q.category} ${q.target} ${q.age} ${q.field}`)
      counts[is ? 'yes' : 'no']++
      if (told[i]?.verdict !== is) wrong.push([who, q, is])
    })
  }
  assert.deepEqual(wrong, [])
  assert.ok(counts.yes > 300 && counts.no > 300, JSON.stringify(counts))
})

test('who is no administrator asks about itself only, and learns nothing of what it does not see', async () => {
  const [who] = await db.query<{ claims: Claims }>(`select tmidb.viewed('listener:A') as claims`)
  const ask = async (args: string) =>
    (
      await readAs<Explained & { grant: string }>(pool, who?.claims as Claims, {
        text: `select * from api.explain_access(${args})`,
      })
    ).rows[0]
  const yes = await ask(`category => 'sensor', target => 'truck-1', field => 'temp'`)
  assert.match(yes?.because ?? '', /^grant \d+: group busan/)
  const [hidden, absent] = await Promise.all(['truck-2', 'nothing'].map((t) => ask(`category => 'sensor', target => '${t}'`)))
  assert.deepEqual(hidden, absent)
  assert.deepEqual(await ask(`category => 'log'`), await ask(`category => 'nothing'`))
  assert.equal(hidden?.because, 'none of your grants allows it')
  await assert.rejects(ask(`who => 'user:kim'`), { code: 'TM102' })
  const [admin] = (
    await readAs<Explained>(
      pool,
      { role: 'tmidb_admin', name: 'admin' },
      { text: `select * from api.explain_access('user:kim', 'sensor')` },
    )
  ).rows
  assert.match(admin?.because ?? '', /no grant of user:kim/)
})

/** As somebody who logged in to PostgreSQL. */
async function psql<T extends object>(login: 'admin' | null, ...statements: string[]): Promise<T[]> {
  const one = openPool(login === null ? db.superUrl : db.url(login), { max: 1, application: 'test' })
  try {
    let rows: T[] = []
    for (const text of statements) ({ rows } = (await one.query(text)) as { rows: T[] })
    return rows
  } finally {
    await one.end()
  }
}

test('an administrator in psql views as a listener, and writes nothing meanwhile', async () => {
  const see = 'select distinct target, temp, hum from api.sensor_v1 order by 1'
  const seen = [{ target: 'door-1' }, { target: 'truck-1' }, { target: 'truck-3' }].map((t) => ({ ...t, temp: 1, hum: null }))
  assert.deepEqual(await psql('admin', `set tmidb.view_as = 'listener:A'`, see), seen)
  assert.deepEqual(await psql('admin', `select tmidb.view_as('listener:A')`, see), seen)
  const write = `insert into api.sensor_v1 (target, temp) values ('truck-1', 5)`
  await assert.rejects(psql('admin', `set tmidb.view_as = 'listener:A'`, write))
  await assert.rejects(psql('admin', `select tmidb.view_as('listener:A')`, `select tmidb.create_target('new')`), {
    code: '25006',
  })
  assert.equal((await psql('admin', `select tmidb.view_as('listener:A')`, 'select tmidb.view_as(null)', see)).length > 3, true)
  await assert.rejects(psql('admin', `select tmidb.view_as('listener:nobody')`), { code: 'TM107' })
  const kept = await db.query(`select actor, resource from tmidb.audit where kind = 'access.viewed_as'`)
  assert.deepEqual(kept[0], { actor: 'admin', resource: 'listener:A' })
})

test('the setting is nothing to who is no administrator', async () => {
  await db.query(`create role see_a in role tmidb_listener; update tmidb.listener set role_name = 'see_a' where name = 'A'`)
  await db.query(`select tmidb.create_listener('all'), tmidb.grant_access('listener:all')`)
  const [as, see] = ['set session authorization see_a', 'select count(*)::int as n from api.sensor_v1']
  assert.deepEqual(await psql(null, as, `set tmidb.view_as = 'listener:all'`, see), [{ n: 3 }])
  await assert.rejects(psql(null, as, `select tmidb.view_as('listener:all')`), { code: '42501' })
})
