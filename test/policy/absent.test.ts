// SPDX-License-Identifier: MIT
// What is hidden from somebody is answered like what is not there: the same status and the same words, at every address that takes a name.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ServedWorld, servedWorld } from './served.ts'

let served: ServedWorld
before(async () => {
  served = await servedWorld()
})
after(() => served[Symbol.asyncDispose]())

/** cat knows t-4 to t-7, and of secret only t-5. */
const token = () => served.world.tokens.cat
const nowhere = '00000000-0000-4000-8000-000000000000'

interface Reply {
  status: number
  body: string
}
async function reply(path: string, init: RequestInit = {}, who = token()): Promise<Reply> {
  const res = await fetch(`${served.http}${path}`, {
    ...init,
    headers: { authorization: who, prefer: 'count=exact', ...init.headers },
  })
  // What the headers say of it too.
  return { status: res.status, body: `${res.headers.get('content-range')} ${await res.text()}` }
}
const graphql = (query: string, who = token()) =>
  reply('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) }, who)

/** The two answers, once the names that were asked for, and numbers of requests, are out of them. */
function alike(hidden: Reply, absent: Reply, names: [string, string]): void {
  const plain = ({ status, body }: Reply) => ({
    status,
    body: names
      .reduce((text, name) => text.replaceAll(name, '…'), body)
      .replaceAll(/"(requestId|request_id|instance)":\s*"[^"]*"/g, '"request":"…"')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, '…'),
  })
  assert.deepEqual(plain(hidden), plain(absent))
}

const day = () => new Date(Date.now() - 3 * 86_400_000).toISOString()
const now = () => new Date().toISOString()

/** Addresses with the key of a target in them. */
const byTarget: Record<string, (key: string) => string> = {
  'its readings': (k) => `/api/v1/sensor?target=eq.${k}`,
  'its readings, counted': (k) => `/api/v1/sensor?target=in.(${k})&limit=1`,
  'one of them': (k) => `/api/v1/sensor?target=eq.${k}&limit=1`,
  'as text': (k) => `/api/v1/sensor?target=like.${k}*`,
  'the target': (k) => `/api/target?key=eq.${k}`,
  'with its readings': (k) => `/api/target?key=eq.${k}&select=key,sensor(ts)`,
  'the newest': (k) => `/api/rpc/latest?target=${k}`,
  'a series': (k) => `/api/rpc/series?category=sensor&target=${k}&field=temperature&from_ts=${day()}&to_ts=${now()}&bucket=PT1H`,
  'a series, filled': (k) =>
    `/api/rpc/series?category=sensor&target=${k}&field=temperature&from_ts=${day()}&to_ts=${now()}&bucket=PT6H&fill=null`,
  'several series': (k) =>
    `/api/rpc/series_by_target?category=sensor&field=temperature&targets={${k}}&from_ts=${day()}&to_ts=${now()}&bucket=PT1H`,
  'its last place': (k) => `/api/rpc/geo_last?targets={${k}}`,
  'its way': (k) => `/api/rpc/geo_track?target=${k}&from=${day()}`,
  'its way as GeoJSON': (k) => `/api/rpc/geo_track_geojson?target=${k}&from=${day()}`,
  'who is near it': (k) => `/api/rpc/geo_near_target?target=${k}&radius_m=1000000&max_age=P3D`,
}
for (const [title, path] of Object.entries(byTarget)) {
  test(`a hidden target is like none: ${title}`, async () => {
    const hidden = await reply(path('t-0'))
    alike(hidden, await reply(path('nope')), ['t-0', 'nope'])
    // An administrator gets something else for it: the address does ask for the target.
    if (!path('x').includes('fill'))
      assert.notDeepEqual((await reply(path('t-0'), {}, served.world.tokens.admin)).body, hidden.body)
  })
}

/** dan sees nothing at all, so secret is hidden from him as a whole. */
const byCategory: Record<string, (name: string) => [path: string, headers?: Record<string, string>]> = {
  'its readings': (c) => [`/api/v1/${c}`],
  'a field of it': (c) => [`/api/v1/${c}?select=code`],
  'a filter that cannot be read': (c) => [`/api/v1/${c}?code=eq.x`],
  'a form that there is not': (c) => [`/api/v1/${c}`, { accept: 'image/png' }],
  'another major': (c) => [`/api/v9/${c}`],
  embedded: (c) => [`/api/target?select=key,${c}(ts)`],
  'the newest': (c) => [`/api/rpc/latest?category=${c}`],
  'a series': (c) => [`/api/rpc/series?category=${c}&target=t-0&field=code&from_ts=${day()}&to_ts=${now()}&bucket=PT1H`],
  places: (c) => [`/api/rpc/geo_last?category=${c}`],
  'its history': (c) => [`/api/rpc/schema_changes?category=eq.${c}`],
}
for (const [title, ask] of Object.entries(byCategory)) {
  test(`a hidden category is like none: ${title}`, async () => {
    const at = async (name: string, who: string) => {
      const [path, headers = {}] = ask(name)
      return await reply(path, { headers }, who)
    }
    alike(await at('secret', served.world.tokens.dan), await at('sesame', served.world.tokens.dan), ['secret', 'sesame'])
  })
}

test('the address of another listener is like one of nobody', async () => {
  for (const rest of ['', '/sensor', '/secret?limit=1'])
    alike(await reply(`/api/${served.world.names.ann}${rest}`), await reply(`/api/nobody${rest}`), [
      served.world.names.ann,
      'nobody',
    ])
})

test('a field that is hidden is like one without a value', async () => {
  const hidden = await reply('/api/v1/sensor?target=eq.t-4&humidity=not.is.null')
  assert.deepEqual(hidden, { status: 200, body: '*/0 []' })
  const shown = await reply('/api/v1/sensor?target=eq.t-4&humidity=not.is.null', {}, served.world.tokens.admin)
  assert.notEqual(shown.body, hidden.body)
})

test('by GraphQL: a hidden target by its identity or key, and a hidden reading by its own, are null like ones that are not there', async () => {
  const of = served.world.readings.find((r) => r.target === 't-0' && r.category === 'sensor')
  assert.ok(of)
  for (const [title, query] of Object.entries({
    target: (id: string, key: string) => `{ target(targetId: "${id}") { key } targetByKey(key: "${key}") { name } }`,
    readings: (_: string, key: string) => `{ sensorV1(target: "${key}") { totalCount nodes { ts } } }`,
    condition: (id: string) => `{ sensorV1(filter: {targetId: {equalTo: "${id}"}}) { totalCount } }`,
    places: (_: string, key: string) => `{ geoTrackGeojson(target: "${key}") }`,
  })) {
    alike(await graphql(query(of.targetId, 't-0')), await graphql(query(nowhere, 'nope')), ['t-0', 'nope'])
    assert.notDeepEqual(
      await graphql(query(of.targetId, 't-0'), served.world.tokens.admin),
      await graphql(query(of.targetId, 't-0')),
      title,
    )
  }
})

test('by GraphQL: a hidden category and a hidden field are as unknown as ones that are not there', async () => {
  const unknown = async (query: string, who: string, names: [string, string]) => {
    const [hidden, absent] = [
      await graphql(query.replace('NAME', names[0]), who),
      await graphql(query.replace('NAME', names[1]), who),
    ]
    assert.ok(hidden.body.includes('errors'), hidden.body)
    alike(hidden, absent, names)
  }
  await unknown('{ NAME { totalCount } }', served.world.tokens.dan, ['secretV1', 'sesameV1'])
  await unknown('{ sensorV1 { nodes { NAME } } }', served.world.tokens.cat, ['humidity', 'nothing'])
  assert.ok(!(await graphql('{ secretV1 { totalCount } }', served.world.tokens.admin)).body.includes('errors'))
})
