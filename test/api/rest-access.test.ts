// SPDX-License-Identifier: MIT
// Who may read what over REST: rows and fields that are not a listener's own cannot be seen, and cannot be asked about.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { until } from '../walk/doors.ts'
import { type RestWorld, restWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await restWorld()
})
after(async () => await world[Symbol.asyncDispose]())

const few = () => world.as('few').from('sensor')

test('without a token: 401 TM100, with WWW-Authenticate', async () => {
  const res = await world.get('/api/v1/sensor')
  assert.equal(res.status, 401)
  assert.match(res.headers.get('www-authenticate') ?? '', /Bearer/)
  assert.equal(((await res.json()) as { code: string }).code, 'TM100')
})

test('without a token a wrong schema is 401 too: names of schemas are not told', async () => {
  const res = await world.get('/api/v1/sensor', undefined, { 'accept-profile': 'tmidb' })
  assert.deepEqual([res.status, ((await res.json()) as { code: string }).code], [401, 'TM100'])
  assert.equal((await world.get('/api/v1/sensor', 'few', { 'accept-profile': 'tmidb' })).status, 406)
})

test('with a wrong token: 401 TM101', async () => {
  const res = await world.get('/api/v1/sensor', undefined, { authorization: 'Bearer tmi_listener_nonsense' })
  assert.deepEqual([res.status, ((await res.json()) as { code: string }).code], [401, 'TM101'])
})

test('a speaker may not read: 403 42501', async () => {
  const { status, error } = await world.as('speaker').from('sensor').select()
  assert.deepEqual([status, error?.code], [403, '42501'])
})

test('a listener sees its own rows only, whatever it asks', async () => {
  for (const query of [
    '',
    '?target=eq.truck-2',
    '?target=in.(truck-1,truck-2,house)',
    '?or=(target.eq.truck-2,target.eq.house)',
    '?target=not.eq.truck-1',
    '?order=target.desc',
    '?ts=gt.2000-01-01',
  ]) {
    const rows = (await (await world.get(`/api/v1/sensor${query}`, 'few')).json()) as { target: string }[]
    assert.deepEqual(
      rows.filter((r) => r.target !== 'truck-1'),
      [],
      query,
    )
  }
  assert.equal((await few().select('*', { count: 'exact' })).count, 4)
  assert.equal((await world.as('all').from('sensor').select('*', { count: 'exact' })).count, 7)
})

test('neither the counted nor the estimated number tells of hidden rows', async () => {
  for (const count of ['exact', 'planned', 'estimated'] as const) {
    assert.equal((await few().select('*', { count }).limit(1)).count, 4)
    assert.equal((await few().select('*', { count, head: true }).eq('target', 'house')).count, 0)
  }
})

test('a listener without a subscription sees no target', async () => {
  assert.deepEqual((await world.as('none').from('../target').select()).data, [])
})

test('a category that a listener may not see is answered as one that is not there, whatever is asked of it', async () => {
  for (const query of ['', '?select=nope', '?order=ts', '?code=eq.x', '?limit=x', '?select=*,target(*)']) {
    const [hidden, none] = await Promise.all([
      world.get(`/api/v1/secret${query}`, 'few'),
      world.get(`/api/v1/sesame${query}`, 'few'),
    ])
    assert.deepEqual([hidden.status, none.status], [404, 404], query)
    assert.equal((await hidden.text()).replaceAll('secret', 'sesame'), await none.text())
  }
  const odd: Record<string, string>[] = [
    { accept: 'image/png' },
    { prefer: 'handling=strict, x=y' },
    { range: '9-2' },
    { range: '5-', prefer: 'count=exact' },
  ]
  for (const headers of odd) {
    const status = async (name: string) => (await world.get(`/api/v1/${name}`, 'few', headers)).status
    assert.equal(await status('secret'), await status('sesame'), JSON.stringify(headers))
  }
  assert.equal((await world.as('none').from('sensor').select()).error?.code, 'PGRST205')
  assert.equal((await world.as('all').from('secret').select()).data?.length, 1)
})

test('a body that is too large does not tell a hidden category from one that is not there', async () => {
  const send = async (name: string) => {
    const res = await fetch(`${world.base}/api/v1/${name}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.tokens.few}`, 'content-type': 'application/json' },
      body: JSON.stringify({ code: 'x'.repeat(1_000_001) }),
    })
    return [res.status, (await res.text()).replaceAll(name, '~')]
  }
  const none = await send('sesame')
  assert.equal(none[0], 404)
  assert.deepEqual(await send('secret'), none)
})

test('a hidden field is null, by every way to it', async () => {
  const { data } = await few().select('temperature,humidity,h:humidity::text,j:humidity->a').eq('temperature', 20.5).single()
  assert.deepEqual(data, { temperature: 20.5, humidity: null, h: null, j: null })
})

test('a filter on a hidden field finds nothing', async () => {
  assert.equal((await world.as('all').from('sensor').select().eq('humidity', 40)).data?.length, 1)
  assert.equal((await few().select().eq('humidity', 40)).data?.length, 0)
  assert.equal((await few().select().gt('humidity', 0)).data?.length, 0)
  assert.equal((await few().select().not('humidity', 'is', null)).data?.length, 0)
  assert.equal((await few().select('*', { count: 'exact', head: true }).or('humidity.gt.0,meta->>n.eq.5')).count, 0)
})

test('ordering by a hidden field leaves the order of the key', async () => {
  const up = await few().select('ts').order('humidity', { ascending: true })
  const down = await few().select('ts').order('humidity', { ascending: false })
  assert.deepEqual(
    up.data?.map((r) => r.ts),
    down.data?.map((r) => r.ts).reverse(),
  )
  const byKey = await few().select('ts').order('ts', { ascending: true })
  assert.deepEqual(up.data, byKey.data)
})

test('csv hides the same fields', async () => {
  const { data } = await few().select('temperature,humidity').eq('temperature', 20.5).csv()
  assert.equal(data, 'temperature,humidity\n20.5,')
})

test('a listener opens its own address and no other', async () => {
  assert.equal((await world.get('/api/few', 'few')).status, 200)
  for (const path of ['/api/all', '/api/all/sensor', '/api/nobody', '/api/nobody/sensor']) {
    const res = await world.get(path, 'few')
    assert.deepEqual([res.status, ((await res.json()) as { code: string }).code], [404, 'PGRST205'], path)
  }
  const denied = () =>
    world.db.query(
      `select distinct actor, role, resource, host(address) as address from tmidb.audit where kind = 'access.denied' order by 3`,
    )
  await until('both in the audit', async () => (await denied()).length === 2)
  const who = { actor: 'few', role: 'tmidb_listener', address: '127.0.0.1' }
  assert.deepEqual(await denied(), [
    { ...who, resource: 'listener:all' },
    { ...who, resource: 'listener:nobody' },
  ])
  for (const path of ['/api/all/openapi.json', '/api/nobody/openapi.json'])
    assert.equal((await world.get(path, 'few')).status, 403)
  assert.equal((await world.get('/api/few', 'speaker')).status, 404)
  assert.equal((await world.get('/api/few')).status, 401)
})

test('/api/{listener}/{category} is the newest major', async () => {
  const rows = (await (await world.get('/api/few/sensor?order=ts.desc&limit=1', 'few')).json()) as { temperature: unknown }[]
  assert.deepEqual(
    rows.map((r) => r.temperature),
    ['warm'],
  )
})

test("an administrator sees at a listener's address what the listener sees", async () => {
  const rows = (await (await world.get('/api/few/sensor?select=target,humidity', 'admin')).json()) as {
    target: string
    humidity: unknown
  }[]
  assert.equal(rows.length, 4)
  assert.ok(rows.every((r) => r.target === 'truck-1' && r.humidity === null))
  assert.equal((await world.get('/api/nobody', 'admin')).status, 404)
  assert.equal(((await (await world.get('/api/v1/sensor', 'admin')).json()) as unknown[]).length, 7)
})

test('/api/{listener} lists categories, versions and the newest reading of each target', async () => {
  const index = (await (await world.get('/api/few', 'few')).json()) as Record<string, unknown>
  assert.equal(index.listener, 'few')
  assert.deepEqual(index.categories, [
    {
      category: 'sensor',
      href: '/api/few/sensor',
      versions: [
        { version: 2, href: '/api/v2/sensor', deprecated: false },
        { version: 1, href: '/api/v1/sensor', deprecated: true },
      ],
    },
  ])
  const latest = index.latest as { category: string; target: string; data: unknown }[]
  assert.deepEqual(
    latest.map((l) => [l.category, l.target, l.data]),
    [['sensor', 'truck-1', { status: 'odd', temperature: 'warm' }]],
  )
  const all = (await (await world.get('/api/all', 'all')).json()) as { latest: { target: string }[] }
  assert.deepEqual(all.latest.map((l) => l.target).sort(), ['house', 'truck-1', 'truck-2', 'vault'])
  const none = (await (await world.get('/api/none', 'none')).json()) as object
  assert.deepEqual(none, { listener: 'none', categories: [], latest: [] })
})

test('everybody keeps their own tokens: made, listed, rotated and ended over REST; other networks get 403 TM111', async () => {
  const rpc = async (name: string, args: object, token = world.tokens.few) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const res = await fetch(`${world.base}/api/rpc/${name}`, { method: 'POST', headers, body: JSON.stringify(args) })
    return { status: res.status, body: (await res.json()) as never }
  }
  const reads = async (token: string) => {
    const res = await world.get('/api/v1/sensor?limit=1', undefined, { authorization: `Bearer ${token}` })
    return [res.status, ((await res.json()) as { code?: string }).code]
  }
  const made = await rpc('create_token', { label: 'mine', scopes: ['read'], allow_from: ['127.0.0.0/8'] })
  assert.equal(made.status, 200)
  assert.deepEqual(await reads(made.body), [200, undefined])
  const elsewhere = await rpc('create_token', { label: 'far', allow_from: ['192.0.2.0/24'] })
  assert.deepEqual(await reads(elsewhere.body), [403, 'TM111'])
  assert.deepEqual((await rpc('create_token', { scopes: ['write'] })).status, 400)
  assert.deepEqual((await rpc('create_token', { kind: 'listener', name: 'all' })).status, 403)

  const list = (await (
    await world.get('/api/token?select=label,owner,kind,scopes,allow_from&order=token_id', 'few')
  ).json()) as object[]
  const like = { owner: 'few', kind: 'listener' }
  assert.deepEqual(list, [
    { ...like, label: null, scopes: null, allow_from: null },
    { ...like, label: 'mine', scopes: ['read'], allow_from: ['127.0.0.0/8'] },
    { ...like, label: 'far', scopes: null, allow_from: ['192.0.2.0/24'] },
  ])
  const fresh = await rpc('rotate_token', { token: made.body, overlap: '0' }, made.body)
  assert.deepEqual(await reads(fresh.body), [200, undefined])
  assert.equal((await rpc('revoke_token', { token: fresh.body })).body, 1)
  for (let n = 0; n < 250 && ((await reads(made.body))[0] === 200 || (await reads(fresh.body))[0] === 200); n++) await sleep(20)
  assert.deepEqual(await reads(made.body), [401, 'TM101'])
  assert.deepEqual(await reads(fresh.body), [401, 'TM101'])
})
