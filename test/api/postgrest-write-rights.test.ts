// SPDX-License-Identifier: MIT
// Who may write what by REST, each denial beside one who may; readings through the views of their categories; and what is left when a
// write does not come to its end.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { openPool, readAs, writeAs } from '../../src/db/pool.ts'
import { day } from './rest-world.ts'
import { type Writer, type WriteWorld, writeWorld } from './write-world.ts'

let world: WriteWorld
before(async () => {
  world = await writeWorld()
  await world.rest.db.query(`insert into app.depot (name) values ('north')`)
})
after(async () => await world[Symbol.asyncDispose]())

const codeOf = ({ status, error }: { status: number; error: { code: string } | null }) => [status, error?.code]
const insert = async (who: Writer, name: string) => codeOf(await world.as(who).from('depot').insert({ name }))

test('an editor inserts, a viewer may not: 403 42501', async () => {
  assert.deepEqual(await insert('viewer', 'by viewer'), [403, '42501'])
  assert.deepEqual(await insert('editor', 'by editor'), [201, undefined])
  assert.deepEqual(await insert('admin', 'by admin'), [201, undefined])
})

test('who is not granted the table: 403 42501, or 404 for a listener; without a token: 401 TM100', async () => {
  assert.deepEqual(await insert('all', 'by listener'), [404, 'PGRST205'])
  assert.deepEqual(await insert('speaker', 'by speaker'), [403, '42501'])
  const res = await fetch(`${world.rest.base}/api/depot`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })
  assert.deepEqual([res.status, ((await res.json()) as { code: string }).code], [401, 'TM100'])
  assert.equal(
    await world.one(`select count(*)::int from app.depot where name like 'by %' and name not in ('by editor', 'by admin')`),
    0,
  )
})

test('a viewer may neither update nor delete; an editor may', async () => {
  for (const [who, status] of [
    ['viewer', 403],
    ['editor', 204],
  ] as const) {
    assert.equal((await world.as(who).from('depot').update({ slots: 3 }).eq('name', 'north')).status, status, who)
    assert.equal((await world.as(who).from('depot').delete().eq('name', 'nobody')).status, status, who)
  }
})

test('a member changes names of targets it was granted admin on, and writes readings it was granted to write; else 403 TM102', async () => {
  const { db, base } = world.rest
  await db.query(`select tmidb.create_role('crew'), tmidb.create_account('kim', 'x', 'crew')`)
  await db.query(`select tmidb.grant_access('role:crew'), tmidb.grant_access('role:crew', '{admin}', p_targets => '{truck-1}'),
    tmidb.grant_access('role:crew', '{write}', 'sensor', '{truck-1}')`)
  const token = await world.one<string>(`select tmidb.create_token('user', 'kim')`)
  const send = async (method: string, path: string, body: object) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(`${base}/api/${path}`, { method, headers, body: JSON.stringify(body) })
    return [response.status, response.status < 300 ? undefined : ((await response.json()) as { code: string }).code]
  }
  assert.deepEqual(await send('PATCH', 'target?key=eq.truck-1', { name: 'Kim’s' }), [204, undefined])
  assert.equal(await world.one(`select name from tmidb.target where key = 'truck-1'`), 'Kim’s')
  assert.deepEqual(await send('PATCH', 'target?key=eq.truck-2', { name: 'mine too' }), [403, 'TM102'])
  assert.deepEqual(await send('POST', 'target', { key: 'new' }), [403, '42501'])
  assert.deepEqual(await send('POST', 'v1/sensor', { target: 'truck-1', humidity: 41 }), [201, undefined])
  assert.deepEqual(await send('POST', 'v1/sensor', { target: 'truck-2', humidity: 41 }), [403, 'TM102'])
})

test('row security: a listener writes its own rows, and no others', async () => {
  const notes = (who: Writer) => world.as(who).from('note')
  assert.deepEqual((await notes('all').insert({ words: 'mine' }).select('owner,words')).data, [{ owner: 'all', words: 'mine' }])
  assert.deepEqual(codeOf(await notes('all').insert({ owner: 'few', words: 'not mine' })), [403, '42501'])
  assert.deepEqual((await notes('few').update({ words: 'changed' }).eq('owner', 'all').select()).data, [])
  assert.deepEqual((await notes('few').delete().eq('owner', 'all').select()).data, [])
  assert.deepEqual((await notes('all').update({ words: 'changed' }).eq('owner', 'all').select('words')).data, [
    { words: 'changed' },
  ])
  assert.deepEqual(codeOf(await notes('all').update({ owner: 'few' }).eq('owner', 'all')), [403, '42501'])
  assert.deepEqual((await notes('editor').delete().not('id', 'is', null).select('owner')).data, [{ owner: 'all' }])
})

test('a column that PostgreSQL alone writes: 400 428C9', async () => {
  assert.deepEqual(codeOf(await world.as('editor').from('note').insert({ id: 1, words: 'x' })), [400, '428C9'])
})

test('a speaker, an editor and an administrator write readings by the view; a listener and a viewer may not', async () => {
  const post = async (who: Writer, temperature: number) =>
    (await world.send('POST', '/api/v1/sensor', who, JSON.stringify({ target: 'truck-9', ts: `${day}T05:00:00Z`, temperature })))
      .status
  assert.deepEqual([await post('speaker', 1), await post('editor', 2), await post('admin', 3)], [201, 201, 201])
  assert.deepEqual([await post('all', 4), await post('viewer', 5)], [403, 403])
  const rows = await world.rest.as('admin').from('sensor').select('temperature').eq('target', 'truck-9').order('temperature')
  assert.deepEqual(
    rows.data?.map((r) => r.temperature),
    [1, 2, 3],
  )
})

test('readings: many at once, and what was written comes back to who may read it', async () => {
  const rows = [
    { target: 'truck-8', ts: `${day}T05:00:00Z`, temperature: 1.5, status: 'a' },
    { target: 'truck-8', ts: `${day}T06:00:00Z`, temperature: 2.5, status: 'b' },
  ]
  const { status, data } = await world.rest.as('admin').from('sensor').insert(rows).select('target,ts,temperature')
  assert.equal(status, 201)
  assert.deepEqual(
    data,
    rows.map(({ target, ts, temperature }) => ({ target, ts: ts.replace('Z', '.000000Z'), temperature })),
  )
  const again = await world.rest.as('admin').from('sensor').upsert(rows, { ignoreDuplicates: true }).select('*')
  assert.equal(again.status, 201)
  assert.match(again.data?.[0]?.target_id, /^[0-9a-f-]{36}$/)
  assert.equal((await world.rest.as('admin').from('sensor').select().eq('target', 'truck-8')).data?.length, 2)
  const now = await world.rest.as('admin').from('sensor').insert({ target: 'truck-8', status: 'now' }).select('ts').single()
  assert.ok(Date.parse(now.data?.ts) > Date.now() - 60_000)
})

test('readings are neither changed nor deleted: 405', async () => {
  for (const method of ['PATCH', 'PUT', 'DELETE']) {
    const res = await world.send(
      method,
      '/api/v1/sensor?target=eq.truck-1',
      'admin',
      method === 'DELETE' ? undefined : '{"temperature": 0}',
    )
    assert.deepEqual([res.status, res.headers.get('allow')], [405, 'GET, HEAD, POST, OPTIONS'], method)
  }
})

test('a category that a listener may not read is not there for its writes either: 404', async () => {
  for (const category of ['secret', 'nowhere']) {
    const res = await world.send('POST', `/api/v1/${category}`, 'few', '{"target": "x"}')
    const { code, message } = (await res.json()) as { code: string; message: string }
    assert.deepEqual(
      [res.status, code, message],
      [404, 'PGRST205', `Could not find the table 'api.${category}_v1' in the schema cache`],
    )
  }
  assert.equal((await world.send('POST', '/api/v1/sensor', 'few', '{"target": "x"}')).status, 403)
})

test('a statement that takes too long writes nothing, and its connection works on', async () => {
  await using pool = disposable(openPool(world.rest.db.url('tmidb_api'), { max: 1, application: 'write-test' }))
  const claims = { role: 'tmidb_editor' as const }
  const slow = { text: 'insert into app.slow (id, wait) values ($1, $2)', values: [1, 5] as unknown[] }
  await assert.rejects(writeAs(pool.pool, { ...claims, timeout_ms: 50 }, slow), { code: '57014' })
  await writeAs(pool.pool, claims, { ...slow, values: [2, 0] })
  const { rows } = await readAs<{ id: number }>(pool.pool, claims, { text: 'select id from app.slow where id < 10' })
  assert.deepEqual(rows, [{ id: 2 }])
  assert.equal((await pool.pool.query('select current_user as u')).rows[0].u, 'tmidb_api')
})

test('who goes away midway leaves no open transaction, and a row or none', async () => {
  const authorization = `Basic ${btoa('editor:secret')}`
  const open = (body: string, length: number) => {
    const req = request(`${world.rest.base}/api/slow`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', 'content-length': length },
    })
    req.on('error', () => {})
    req.write(body)
    return req
  }
  const half = open('{"id": 20,', 100)
  const whole = '{"id": 21, "wait": 0.3}'
  const asked = open(whole, whole.length)
  await until(async () => (await running()) === 1)
  half.destroy()
  asked.destroy()
  await until(async () => (await running()) === 0)
  assert.equal(
    await world.one(
      `select count(*)::int from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()`,
    ),
    0,
  )
  assert.deepEqual(await world.one('select array_agg(id) from app.slow where id in (20, 21)'), [21])
  assert.deepEqual(await insert('editor', 'after all'), [201, undefined])
})

async function running(): Promise<number> {
  return await world.one<number>(
    `select count(*)::int from pg_stat_activity where state = 'active' and query like '%insert into%slow%' and pid <> pg_backend_pid() and datname = current_database()`,
  )
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20)
}

function disposable(pool: ReturnType<typeof openPool>) {
  return { pool, [Symbol.asyncDispose]: async () => await pool.end() }
}
