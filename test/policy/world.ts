// SPDX-License-Identifier: MIT
// What the proofs ask about: ten targets in three categories, one of them in two major versions, and a listener for each kind of grant.
// Every reading has a time of its own, so that an order by time is one order.
import { hashPassword } from '../../src/base/password.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'
import { seeded } from '../lib/random.ts'
import {
  type Grant,
  given,
  givenToKim,
  givenToRole,
  groupConditions,
  groups,
  type Listener,
  listeners,
  type Reading,
} from './oracle.ts'

export const targets = Array.from({ length: 10 }, (_, i) => `t-${i}`)
export const accountRoles = ['viewer', 'editor', 'admin'] as const

export interface World extends AsyncDisposable {
  db: TestDatabase
  /** What is stored, as the superuser reads it from the table, oldest first. */
  readings: Reading[]
  ids: Record<Listener, string>
  /** The person of a role of one's own. */
  memberId: string
  speakerId: string
  /** Names of those who have tokens. */
  names: Record<Listener | 'speaker', string>
  /** What each authorizes itself with. */
  tokens: Record<Listener | 'speaker' | 'member' | (typeof accountRoles)[number], string>
  /** Logins of psql, of listeners and the speaker; roles belong to the whole server, so they are named after this process. */
  logins: { ann: string; ben: string; speaker: string }
}

/** Minutes ago at which nothing happens by chance: where a time window ends, and around `crossing`. */
const edges = [
  [12 * 60 - 10, 12 * 60 + 3],
  [24 * 60 - 10, 24 * 60 + 3],
  [30 * 60 - 30, 30 * 60 + 30],
] as const
const crossings: Record<string, [way: 'pos' | 'plain', ago: number][]> = {
  't-1': [['plain', 30 * 60 + 8]],
  't-2': [
    ['plain', 41 * 60],
    ['pos', 30 * 60 - 6],
  ],
  't-3': [
    ['plain', 40 * 60],
    ['pos', 30 * 60 + 6],
  ],
}
/** A moment, in minutes ago, at which places of fleets in both ways stand before and behind. */
export const crossing = 30 * 60

const named = (who: string) => `${who}_${process.pid}`
export const loginPassword = 'a long password'

export async function proofWorld(): Promise<World> {
  const db = await testDatabase()
  const random = seeded(7)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const start = Math.floor(Date.now() / 60_000) * 60_000
  let n = 0
  const batches = new Map<string, object[]>()
  const add = (category: string, target: string, data: Record<string, unknown>, ago?: number) => {
    const list = batches.get(category) ?? []
    batches.set(category, list)
    // From a few minutes to two days ago, each at a microsecond of its own; none that grows out of a time window meanwhile.
    let minutes = ago ?? 0
    while (ago === undefined && (minutes === 0 || edges.some(([low, high]) => minutes > low && minutes < high)))
      minutes = 10 + Math.floor(random() * 2880)
    const ts = new Date(start - minutes * 60_000).toISOString().replace('.000Z', `.${String(++n).padStart(6, '0')}Z`)
    list.push({ target, ts, data })
  }
  for (const target of targets) {
    for (let i = 0; i < 12; i++)
      add('sensor', target, {
        temperature: Math.round(random() * 80) / 2,
        humidity: Math.floor(random() * 100),
        ...(random() < 0.8 ? { status: pick(['ok', 'hot', 'cold']) } : {}),
        ...(random() < 0.7
          ? { gps: { lat: 35 + Math.floor(random() * 100) / 50, lon: 128 + Math.floor(random() * 100) / 50 } }
          : {}),
      })
    for (let i = 0; i < 5; i++) add('log', target, { level: pick(['info', 'warn']), message: `line ${n}` })
    // Two ways to say where it is: each makes a trace of its own.
    const ways = target in crossings ? (crossings[target] ?? []) : ([['pos'], ['plain'], ['pos']] as const)
    for (const [way, ago] of ways) {
      const [lat, lon] = [36 + random(), 129 + random()].map((x) => Math.round(x * 1000) / 1000)
      add('fleet', target, way === 'plain' ? { lat, lon } : { pos: { lat, lon } }, ago)
    }
    for (let i = 0; i < 3; i++) add('secret', target, { code: Math.floor(random() * 1000), lat: 36, lon: 129 + i / 10 })
  }
  for (const [category, list] of batches) await db.query('select tmidb.ingest($1, $2::jsonb)', [category, JSON.stringify(list)])
  await db.query('select tmidb.publish_views()')
  batches.clear()
  for (const target of ['t-0', 't-1', 't-7']) add('sensor', target, { temperature: 'warm', status: 'odd' })
  for (const [category, list] of batches) await db.query('select tmidb.ingest($1, $2::jsonb)', [category, JSON.stringify(list)])
  await db.query('select tmidb.publish_views()')
  await db.query('select tmidb.roll_up(1000) from generate_series(1, 4)')

  // What a user's own migration adds.
  await db.query(`set session authorization admin; create table app.note (id int primary key, body text); insert into app.note values (1, 'a note');
    create function app.hello() returns text language sql stable return 'hello'`)

  for (const target of targets)
    await db.query('select tmidb.create_target($1, null, $2)', [
      target,
      { site: groups['in busan']?.(target) ? 'busan' : 'seoul' },
    ])
  const grant = (to: string, g: Grant, actions = '{read}') =>
    db.query("select tmidb.grant_access($1, $2, $3, $4, $5, $6, $7::float * interval '1 hour')", [
      to,
      actions,
      g.category,
      g.targets,
      g.group,
      g.fields,
      g.hours,
    ])
  for (const [name, condition] of Object.entries(groupConditions))
    await db.query('select tmidb.create_group($1, $2)', [name, condition])

  const tokens = {} as World['tokens']
  const made = async (sql: string, values: unknown[]): Promise<string> =>
    (await db.query<{ t: string }>(`select ${sql} as t`, values))[0]?.t ?? ''
  for (const name of listeners) {
    tokens[name] = `Bearer ${await made('tmidb.create_listener($1)', [named(name)])}`
    for (const g of given[name] as Grant[]) await grant(`listener:${named(name)}`, g)
  }
  tokens.speaker = `Bearer ${await made('tmidb.create_speaker($1)', [named('speaker')])}`
  const hash = await hashPassword('secret')
  for (const role of accountRoles) {
    await db.query('select tmidb.create_account($1, $2, $1)', [role, hash])
    tokens[role] = `Basic ${Buffer.from(`${role}:secret`).toString('base64')}`
  }
  await db.query(`select tmidb.create_role('fleet')`)
  for (const g of givenToRole) await grant('role:fleet', g)
  const memberId = await made(`tmidb.create_account('kim', $1, 'fleet')::text`, [hash])
  for (const g of givenToKim) await grant('user:kim', g, '{read,write}')
  // A key of its own, which nobody uses here.
  await made(`tmidb.create_token('user', 'kim', 'phone')`, [])
  tokens.member = `Basic ${Buffer.from('kim:secret').toString('base64')}`
  const logins = { ann: named('ann'), ben: named('ben'), speaker: named('speaker') }
  for (const [who, login] of Object.entries(logins))
    await db.query('select tmidb.create_login($1, $2, $3)', [who === 'speaker' ? 'speaker' : 'listener', login, loginPassword])

  const ids = {} as World['ids']
  for (const { name, id } of await db.query<{ name: string; id: string }>(
    'select name, listener_id::text as id from tmidb.listener',
  ))
    ids[name.replace(/_\d+$/, '') as Listener] = id
  const [speaker] = await db.query<{ id: string }>('select speaker_id::text as id from tmidb.speaker')
  return {
    db,
    readings: await stored(db),
    ids,
    memberId,
    names: Object.fromEntries([...listeners, 'speaker'].map((who) => [who, named(who)])) as World['names'],
    speakerId: speaker?.id ?? '',
    tokens,
    logins,
    async [Symbol.asyncDispose]() {
      for (const login of Object.values(logins)) await db.query(`drop role "${login}"`)
      await db[Symbol.asyncDispose]()
    },
  }
}

async function stored(db: TestDatabase): Promise<Reading[]> {
  return await db.query<Reading & Record<string, unknown>>(`
    select o.position::text as id, c.name as category, v.major || '.' || v.minor as version, t.key as target, t.target_id::text as "targetId",
      to_char(o.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ts, o.payload as data
    from tmidb.ts_obs o join tmidb.category c using (category_id) join tmidb.target t using (target_id) join tmidb.schema_version v using (version_id)
    order by o.ts`)
}
