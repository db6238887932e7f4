// SPDX-License-Identifier: MIT
// What a page of somebody else can make a signed-in browser send: nothing of it changes anything, opens a socket or is told.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { type AuthWorld, authWorld } from './auth-world.ts'

let world: AuthWorld
let cookie = ''
before(async () => {
  world = await authWorld(['root', 'admin'])
  cookie = (await world.browser('root')).cookie ?? ''
})
after(async () => await world[Symbol.asyncDispose]())

interface Sent {
  method?: string
  path?: string
  body?: string
  headers: Record<string, string | undefined>
}

/** With the headers that a browser sets and fetch does not let us. */
async function send({ method = 'POST', path = '/api/rpc/create_speaker', body = '{"name": "evil"}', headers }: Sent) {
  return await new Promise<{ status: number; code: string; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
    const all = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), cookie, ...headers }
    const set = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<string, string>
    const req = request({ port: world.port, host: '127.0.0.1', method, path, headers: set }, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('end', () => {
        const code = /"code":"(\w+)"/.exec(text)?.[1] ?? ''
        resolve({ status: res.statusCode ?? 0, code, headers: res.headers })
      })
    })
    req.on('error', reject)
    req.end(body)
  })
}

/** All that a forged request could have changed. */
const state = async () =>
  JSON.stringify(
    await world.db.query(`select (select count(*) from tmidb.speaker) as speakers, (select count(*) from tmidb.account) as accounts,
      (select count(*) from tmidb.session) as sessions, (select count(*) from tmidb.ts_obs) as readings,
      (select string_agg(password_hash, ',') from tmidb.account) as passwords`),
  )

const form = 'application/x-www-form-urlencoded'
const evil = 'https://evil.example'
const vectors: [what: string, sent: () => Sent, code: string][] = [
  ['a page of another host', () => ({ headers: { origin: evil } }), 'TM113'],
  ['a page without an origin of its own (sandboxed frame, file)', () => ({ headers: { origin: 'null' } }), 'TM113'],
  ['neither Origin nor Sec-Fetch-Site', () => ({ headers: {} }), 'TM113'],
  ['an empty Origin', () => ({ headers: { origin: '' } }), 'TM113'],
  ['another port of this host', () => ({ headers: { origin: `http://127.0.0.1:${world.port + 1}` } }), 'TM113'],
  ['a host that begins like ours', () => ({ headers: { origin: `${world.base}.evil.example` } }), 'TM113'],
  ['a host with ours as user', () => ({ headers: { origin: `http://127.0.0.1:${world.port}@evil.example` } }), 'TM113'],
  ['ours as a path', () => ({ headers: { origin: `${evil}/127.0.0.1:${world.port}` } }), 'TM113'],
  ['ours by another scheme', () => ({ headers: { origin: `ftp://127.0.0.1:${world.port}` } }), 'TM113'],
  [
    'a page of http, where we are reached by https',
    () => ({ headers: { origin: world.base, 'x-forwarded-proto': 'https' } }),
    'TM113',
  ],
  ['Sec-Fetch-Site: cross-site', () => ({ headers: { 'sec-fetch-site': 'cross-site' } }), 'TM113'],
  [
    'Sec-Fetch-Site: same-site, of a neighbour',
    () => ({ headers: { 'sec-fetch-site': 'same-site', origin: 'http://other.127.0.0.1' } }),
    'TM113',
  ],
  [
    'our Origin, but Sec-Fetch-Site says otherwise',
    () => ({ headers: { origin: world.base, 'sec-fetch-site': 'cross-site' } }),
    'TM113',
  ],
  ['a form post', () => ({ headers: { origin: evil, 'content-type': form }, body: 'name=evil' }), 'TM113'],
  ['a form post of our own page', () => ({ headers: { origin: world.base, 'content-type': form }, body: 'name=evil' }), 'TM219'],
  ['JSON as text/plain', () => ({ headers: { origin: world.base, 'content-type': 'text/plain' } }), 'TM219'],
  ['JSON as multipart', () => ({ headers: { origin: world.base, 'content-type': 'multipart/form-data; boundary=x' } }), 'TM219'],
  ['a body without a type', () => ({ headers: { origin: world.base, 'content-type': undefined } }), 'TM219'],
  [
    'a type that only begins like JSON',
    () => ({ headers: { origin: world.base, 'content-type': 'application/jsonx' } }),
    'TM219',
  ],
  ['CSV', () => ({ headers: { origin: world.base, 'content-type': 'text/csv' } }), 'TM219'],
  ['signing out', () => ({ path: '/api/auth/logout', body: '', headers: { origin: evil } }), 'TM113'],
  ['ending sessions', () => ({ method: 'DELETE', path: '/api/auth/sessions', body: '', headers: { origin: evil } }), 'TM113'],
  [
    'making a user',
    () => ({ path: '/api/auth/users', body: '{"login": "evil", "role": "admin"}', headers: { origin: evil } }),
    'TM113',
  ],
  ['a reading', () => ({ path: '/api/in/sensor/truck-1', body: '{"temperature": 666}', headers: { origin: evil } }), 'TM113'],
  ['GraphQL', () => ({ path: '/graphql', body: '{"query": "{ __typename }"}', headers: { origin: evil } }), 'TM113'],
  ['another method', () => ({ method: 'PROPFIND', headers: { origin: evil } }), 'TM113'],
  [
    'the cookie twice, with an empty Authorization',
    () => ({ headers: { origin: evil, authorization: '', cookie: `${cookie}; ${cookie}` } }),
    'TM113',
  ],
]

for (const [what, sent, code] of vectors) {
  test(`${code}: ${what}`, async () => {
    const before = await state()
    const got = await send(sent())
    assert.deepEqual([got.code, got.status], [code, code === 'TM219' ? 415 : 403])
    assert.equal(await state(), before)
  })
}

test('our own page changes things: by Origin, or by Sec-Fetch-Site where no Origin is sent', async () => {
  const names = ['a', 'b', 'c']
  const ways = [
    { origin: world.base },
    { 'sec-fetch-site': 'same-origin' },
    { origin: world.base, 'sec-fetch-site': 'same-origin' },
  ]
  for (const [i, headers] of ways.entries()) {
    const { status } = await send({ headers, body: JSON.stringify({ name: names[i] }) })
    assert.equal(status, 200)
  }
  // Behind a proxy that ends TLS.
  const proxied = { origin: `https://127.0.0.1:${world.port}`, 'x-forwarded-proto': 'https' }
  assert.equal((await send({ headers: proxied, body: '{"name": "d"}' })).status, 200)
})

test('whoever shows a token beside the cookie is no page’s victim: the token counts', async () => {
  const [row] = await world.db.query<{ t: string }>(`select tmidb.create_listener('reader') as t`)
  const { status } = await send({ headers: { origin: evil, authorization: `Bearer ${row?.t}` } })
  assert.equal(status, 404)
  const read = await send({
    method: 'GET',
    path: '/api/v1/target',
    body: '',
    headers: { authorization: `Bearer ${row?.t}`, origin: evil },
  })
  assert.equal(read.status, 200)
})

test('no answer lets a foreign page read with the cookie', async () => {
  for (const [method, path] of [
    ['GET', '/api/auth/me'],
    ['GET', '/api/v1/sensor'],
    ['OPTIONS', '/api/auth/login'],
  ] as const) {
    const { headers } = await send({ method, path, body: '', headers: { origin: evil, 'access-control-request-method': 'POST' } })
    assert.deepEqual(
      Object.keys(headers).filter((h) => h.startsWith('access-control-')),
      [],
      `${method} ${path}`,
    )
  }
})

for (const [what, headers] of [
  ['a foreign page', () => ({ cookie, origin: evil })],
  ['no origin', () => ({ cookie })],
  ['a null origin', () => ({ cookie, origin: 'null' })],
  ['ours by https pretended to be http', () => ({ cookie, origin: world.base, 'x-forwarded-proto': 'https' })],
  ['another port', () => ({ cookie, origin: `http://127.0.0.1:${world.port + 1}` })],
] as [string, () => Record<string, string>][]) {
  test(`no socket by cookie: ${what}`, async () => {
    assert.equal(await world.socket(headers()).closed, 403)
  })
}

test('a socket by cookie opens for our own page', async () => {
  const socket = world.socket({ cookie, origin: world.base })
  assert.ok(await socket.opened)
  socket.end()
})
