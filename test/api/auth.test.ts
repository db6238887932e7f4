// SPDX-License-Identifier: MIT
// Signing in and out, and what ends when.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AuthWorld, authWorld, password } from './auth-world.ts'

let world: AuthWorld
before(async () => {
  world = await authWorld(
    ['root', 'admin'],
    ['kim', 'viewer', 'Kim@example.com'],
    ['lee', 'editor'],
    ['gone', 'viewer'],
    ['off', 'viewer'],
    ['new', 'viewer'],
    ['both', 'viewer', 'both@example.com'],
  )
  await world.db.query(
    `select tmidb.create_role('fleet'), tmidb.grant_access('role:fleet', '{read,write}', 'sensor', '{truck-1}')`,
  )
})
after(async () => await world[Symbol.asyncDispose]())

const login = (name: string, secret = password) => world.say('POST', '/api/auth/login', { login: name, password: secret })
const me = (headers: Record<string, string>) => world.say('GET', '/api/auth/me', undefined, headers)
const codeOf = async (answer: Promise<{ status: number; body: { code?: string } }>) => {
  const { status, body } = await answer
  return body.code ? `${status} ${body.code}` : String(status)
}
/** The clock goes on for the sessions that are open. */
const later = (time: string) =>
  world.db.query(
    `update tmidb.session set created_at = created_at - $1::interval, seen_at = seen_at - $1::interval, ends_at = ends_at - $1::interval,
       expires_at = expires_at - $1::interval`,
    [time],
  )
/** Whoever kept an answer asks again. */
const forget = () => world.db.query(`select pg_notify(tmidb.channel('access'), 'test')`)
/** Soon: what was changed is told to every process. */
async function within(answer: () => Promise<string>, wanted: string): Promise<void> {
  const end = Date.now() + 5000
  for (;;) {
    const got = await answer()
    if (got === wanted) return
    assert.ok(Date.now() < end, `${got} instead of ${wanted}`)
  }
}

test('login and password, or email and password in any case, give a cookie that scripts and other hosts never see', async () => {
  for (const name of ['kim', 'KIM', 'kim@EXAMPLE.com']) {
    const { status, body, headers } = await login(name)
    assert.deepEqual([status, body.name, body.request_role], [200, 'kim', 'tmidb_viewer'])
    assert.match(
      headers.getSetCookie().join(),
      /^__Host-tmidb=tmi_session_[0-9A-Za-z]{38}; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    assert.equal(headers.get('cache-control'), 'no-store')
  }
})

test('who signed in, out, or failed to is in the audit, with the address and the request', async () => {
  const since = (await world.db.query<{ seq: string }>('select coalesce(max(audit_id), 0)::text as seq from tmidb.audit'))[0]?.seq
  await world.db.query('delete from tmidb.sign_in_try')
  const request = { 'x-request-id': 'asked-1' }
  const sign = (secret: string) => world.say('POST', '/api/auth/login', { login: 'kim', password: secret }, request)
  const cookie = (await sign(password)).headers.getSetCookie()[0]?.split(';')[0] ?? ''
  await world.say('POST', '/api/auth/logout', undefined, { ...request, cookie, origin: world.base })
  for (let i = 0; i < 11; i++) await sign('my other password')
  const rows = await world.db.query<Record<string, unknown>>(
    `select distinct kind, actor, resource, host(address) as address, request_id from tmidb.audit where audit_id > $1 order by kind`,
    [since],
  )
  const from = { address: '127.0.0.1', request_id: 'asked-1' }
  assert.deepEqual(rows, [
    { kind: 'login.failed', actor: 'nobody', resource: 'user:kim', ...from },
    { kind: 'login.throttled', actor: 'nobody', resource: 'user:kim', ...from },
    { kind: 'session.begun', actor: 'kim', resource: 'user:kim', ...from },
    { kind: 'session.ended', actor: 'kim', resource: 'user:kim', ...from },
  ])
  await world.db.query('delete from tmidb.sign_in_try')
})

test('the session reads what its person may, and is told who it is', async () => {
  const kim = await world.browser('kim')
  const { body } = await me(kim)
  assert.deepEqual(
    { ...body, session_id: '' },
    {
      kind: 'user',
      name: 'kim',
      email: 'Kim@example.com',
      role: 'viewer',
      request_role: 'tmidb_viewer',
      session_id: '',
      may: ['read'],
    },
  )
  const rows = await world.say('GET', '/api/v1/sensor', undefined, kim)
  assert.deepEqual([rows.status, rows.body.length], [200, 1])
  assert.equal(await codeOf(me({})), '401 TM100')
})

test('a wrong password, an unknown user and a disabled one are answered in the same words', async () => {
  await world.db.query(`select tmidb.disable_account('off')`)
  const answers = [await login('kim', 'not this one'), await login('nobody'), await login('off'), await login('no body\u0001')]
  assert.deepEqual(
    answers.map((a) => a.status),
    [401, 401, 401, 401],
  )
  const same = answers.map(({ body, headers }) => {
    const { requestId: _, ...rest } = body
    return JSON.stringify([rest, [...headers.keys()].sort()])
  })
  assert.equal(new Set(same).size, 1)
  assert.equal(answers[0]?.body.code, 'TM109')
})

test('what is no request of ours is refused: 400, 404, 405, 413, 415', async () => {
  const post = (body: string, type = 'application/json', path = 'login') =>
    codeOf(world.say('POST', `/api/auth/${path}`, body, { 'content-type': type }))
  assert.equal(await post('{"login": "kim"'), '400 TM201')
  assert.equal(await post('[]'), '400 TM303')
  assert.equal(await post('{"login": "kim"}'), '400 TM303')
  assert.equal(await post('{"login": "kim", "password": 5}'), '400 TM303')
  assert.equal(await post('{"login": "kim", "password": "x", "role": "admin"}'), '400 TM303')
  assert.equal(await post('login=kim&password=x', 'application/x-www-form-urlencoded'), '415 TM219')
  assert.equal(await post(`{"login": "${'x'.repeat(20_000)}", "password": ""}`), '413 TM212')
  assert.equal(await post('{}', 'application/json', 'nothing'), '404 TM301')
  const wrong = await world.say('GET', '/api/auth/login')
  assert.deepEqual([wrong.status, wrong.body.code, wrong.headers.get('allow')], [405, 'TM302', 'POST, OPTIONS'])
  const asked = await world.say('OPTIONS', '/api/auth/sessions')
  assert.deepEqual([asked.status, asked.headers.get('allow')?.split(', ').sort()], [200, ['DELETE', 'GET', 'HEAD', 'OPTIONS']])
})

test('each login is a session of its own: what was shown before is not taken over, and ends', async () => {
  const before = await world.browser('kim')
  const { headers } = await world.say('POST', '/api/auth/login', { login: 'kim', password }, before)
  const cookie = headers.getSetCookie()[0]?.split(';')[0] ?? ''
  assert.notEqual(cookie, before.cookie)
  await within(() => codeOf(me(before)), '401 TM110')
  assert.equal(await codeOf(me({ cookie })), '200')
  // A secret of somebody else's choice opens nothing, before and after.
  const chosen = { cookie: `__Host-tmidb=tmi_session_${'A'.repeat(38)}`, origin: world.base }
  assert.equal((await world.say('POST', '/api/auth/login', { login: 'kim', password }, chosen)).status, 200)
  assert.equal(await codeOf(me(chosen)), '401 TM110')
})

test('signed out is signed out: the secret opens nothing any more, the sockets close, the cookie goes', async () => {
  const kim = await world.browser('kim')
  const other = await world.browser('kim')
  const socket = world.socket(kim)
  assert.ok(await socket.opened)
  const out = await world.say('POST', '/api/auth/logout', undefined, kim)
  assert.deepEqual([out.status, out.headers.getSetCookie()[0]?.startsWith('__Host-tmidb=; Max-Age=0')], [204, true])
  await within(() => codeOf(me(kim)), '401 TM110')
  await socket.closed
  assert.equal(await codeOf(me(other)), '200')
  assert.equal(await codeOf(world.say('POST', '/api/auth/logout', undefined, kim)), '204')
  assert.equal(await codeOf(world.say('POST', '/api/auth/logout')), '401 TM100')
})

test('sessions are used side by side, listed and ended: one’s own only', async () => {
  await world.db.query('delete from tmidb.session')
  const [one, two] = [await world.browser('lee'), await world.program('lee')]
  const kim = await world.browser('kim')
  const both = await Promise.all(Array.from({ length: 10 }, (_, i) => me(i % 2 ? one : two.bearer)))
  assert.ok(both.every((a) => a.status === 200))
  const { body } = await world.say('GET', '/api/auth/sessions', undefined, one)
  assert.deepEqual(
    body.sessions
      .map((s: Record<string, unknown>) => [s.is_current, s.is_program, s.address])
      .sort((a: unknown[]) => (a[0] ? -1 : 1)),
    [
      [true, false, '127.0.0.1'],
      [false, true, '127.0.0.1'],
    ],
  )
  const remove = (id: string, who: Record<string, string>) =>
    codeOf(world.say('DELETE', `/api/auth/sessions/${id}`, undefined, who))
  assert.equal(await remove(two.session_id, kim), '404 TM107')
  assert.equal(await remove('x', one), '404 TM107')
  assert.equal(await codeOf(me(two.bearer)), '200')
  assert.equal(await remove(two.session_id, one), '204')
  await within(() => codeOf(me(two.bearer)), '401 TM110')
  const three = await world.browser('lee')
  assert.deepEqual((await world.say('DELETE', '/api/auth/sessions', undefined, three)).body, { ended: 1 })
  await within(() => codeOf(me(one)), '401 TM110')
  assert.deepEqual([await codeOf(me(three)), await codeOf(me(kim))], ['200', '200'])
})

test('a session ends 7 days after it began, however busy', async () => {
  const kim = await world.browser('kim')
  const socket = world.socket(kim)
  assert.ok(await socket.opened)
  for (let day = 0; day < 6; day++) {
    await later('23 hours')
    await forget()
    assert.equal(await codeOf(me(kim)), '200')
    await world.db.query(`update tmidb.session set seen_at = now() - interval '2 minutes'`)
  }
  await later('2 days')
  await forget()
  await within(() => codeOf(me(kim)), '401 TM110')
  await socket.closed
})

test('a session that nobody used for 24 hours is over; a used one begins these anew, and a minute’s use is written once', async () => {
  await world.db.query('delete from tmidb.session')
  const kim = await world.browser('kim')
  const seen = async () => (await world.db.query<{ at: string }>('select max(seen_at)::text as at from tmidb.session'))[0]?.at
  const first = await seen()
  await forget()
  await me(kim)
  assert.equal(await seen(), first)
  for (let day = 0; day < 2; day++) {
    await later('23 hours')
    await forget()
    const isSeen = async () => {
      assert.equal(await codeOf(me(kim)), '200')
      return String((await world.db.query(`select from tmidb.session where seen_at > now() - interval '1 hour'`)).length)
    }
    await within(isSeen, '1')
  }
  await later('25 hours')
  await forget()
  await within(() => codeOf(me(kim)), '401 TM110')
})

test('a program’s secret holds for 15 minutes; its refresh secret gets the next one, and only once', async () => {
  const first = await world.program('kim')
  const refresh = (token: string) => world.say('POST', '/api/auth/refresh', { refresh_token: token })
  assert.equal(await codeOf(me(first.bearer)), '200')
  await world.db.query(`update tmidb.session set expires_at = now() where session_id = $1`, [first.session_id])
  await forget()
  await within(() => codeOf(me(first.bearer)), '401 TM110')
  const second = await refresh(first.refresh_token)
  assert.deepEqual([second.status, second.body.token_type, second.body.expires_in], [200, 'Bearer', 900])
  assert.ok(second.body.refresh_expires_in > 600_000)
  const next = { authorization: `Bearer ${second.body.access_token}` }
  assert.equal(await codeOf(me(next)), '200')
  // A stolen one is shown again: the whole session is over, for the thief and for the robbed.
  assert.equal(await codeOf(refresh(first.refresh_token)), '401 TM110')
  await within(() => codeOf(me(next)), '401 TM110')
  assert.equal(await codeOf(refresh(second.body.refresh_token)), '401 TM110')
  assert.deepEqual(await world.db.query(`select actor from tmidb.audit where kind = 'refresh.reused'`), [{ actor: 'kim' }])
})

test('of ten refreshes with one secret at once one is answered, and the session ends', async () => {
  const { refresh_token } = await world.program('kim')
  const answers = await Promise.all(Array.from({ length: 10 }, () => world.say('POST', '/api/auth/refresh', { refresh_token })))
  assert.equal(answers.filter((a) => a.status === 200).length, 1)
  const won = answers.find((a) => a.status === 200)?.body
  await within(() => codeOf(me({ authorization: `Bearer ${won.access_token}` })), '401 TM110')
})

test('secrets of one kind do not open what is for another', async () => {
  const { refresh_token, bearer } = await world.program('kim')
  assert.equal(await codeOf(me({ authorization: `Bearer ${refresh_token}` })), '401 TM101')
  assert.equal(await codeOf(me({ cookie: `__Host-tmidb=${refresh_token}` })), '401 TM100')
  const access = bearer.authorization?.slice(7)
  assert.equal(await codeOf(world.say('POST', '/api/auth/refresh', { refresh_token: access })), '401 TM110')
})

test('whoever changes the password knows the old one, chooses a good one, and all other sessions end', async () => {
  await world.db.query(
    `select tmidb.create_account('pat', (select password_hash from tmidb.account where login = 'kim'), 'viewer', 'patricia@example.com')`,
  )
  const [here, there] = [await world.browser('pat'), await world.program('pat')]
  const change = (old: string, chosen: string) =>
    world.say('POST', '/api/auth/password', { password: old, new_password: chosen }, here)
  assert.equal(await codeOf(change('wrong one', 'a new one of mine')), '401 TM109')
  for (const bad of ['short', 'Password1', 'qwertyuiop', 'PAT', 'PATRICIA@example.com', 'ä'.repeat(129), password])
    assert.equal(await codeOf(change(password, bad)), '400 TM112', bad)
  assert.equal(await codeOf(me(there.bearer)), '200')
  const good = 'ü'.repeat(64)
  const { status, headers } = await change(password, good)
  assert.equal(status, 200)
  await within(() => codeOf(me(there.bearer)), '401 TM110')
  await within(() => codeOf(me(here)), '401 TM110')
  assert.equal(await codeOf(me({ cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '' })), '200')
  assert.equal(await codeOf(login('pat')), '401 TM109')
  assert.equal(await codeOf(login('pat', good)), '200')
  // As a keyboard composes it.
  assert.equal(await codeOf(login('pat', 'u\u0308'.repeat(64))), '200')
})

test('a password that an administrator made up only serves to choose another', async () => {
  const root = await world.browser('root')
  assert.equal(await codeOf(world.say('POST', '/api/auth/users/new/password', {}, await world.browser('kim'))), '403 TM102')
  const { body } = await world.say('POST', '/api/auth/users/new/password', {}, root)
  assert.match(body.password, /^[\w-]{24}$/)
  assert.equal(await codeOf(login('new')), '401 TM109')
  assert.equal(await codeOf(login('new', body.password)), '403 TM102')
  const basic = { authorization: `Basic ${btoa(`new:${body.password}`)}` }
  assert.equal(await codeOf(world.say('GET', '/api/v1/sensor', undefined, basic)), '403 TM102')
  const chosen = await world.say('POST', '/api/auth/password', {
    login: 'new',
    password: body.password,
    new_password: 'what I like to say',
  })
  assert.equal(chosen.status, 200)
  assert.equal(await codeOf(login('new', 'what I like to say')), '200')
})

test('administrators make users; others do not', async () => {
  const root = await world.browser('root')
  const make = (who: Record<string, string>, given: object) => world.say('POST', '/api/auth/users', given, who)
  assert.equal(await codeOf(make(await world.browser('lee'), { login: 'x', role: 'admin' })), '403 TM102')
  const { status, body } = await make(root, { login: 'sam', role: 'fleet', email: 'sam@example.com' })
  assert.deepEqual([status, body.login, body.role], [201, 'sam', 'fleet'])
  assert.equal(await codeOf(make(root, { login: 'SAM', role: 'viewer' })), '409 TM106')
  assert.equal(await codeOf(make(root, { login: 'sam2', role: 'viewer', email: 'SAM@example.com' })), '409 TM106')
  assert.equal(await codeOf(make(root, { login: 'sam@example.com', role: 'viewer' })), '409 TM106')
  assert.equal(await codeOf(make(root, { login: 'sam3', role: 'nothing' })), '404 TM107')
  assert.equal(await codeOf(make(root, { login: 'a:b', role: 'viewer' })), '400 TM108')
  assert.equal(await codeOf(make(root, { login: 'sam4', role: 'viewer', password: '12345678' })), '400 TM112')
  const { body: all } = await world.say('GET', '/api/auth/users', undefined, root)
  assert.deepEqual(
    all.users
      .filter((u: { login: string }) => u.login === 'sam')
      .map((u: Record<string, unknown>) => [u.role, u.must_change_password]),
    [['fleet', true]],
  )
  assert.ok(!JSON.stringify(all).includes('argon2'))
})

test('TM208, TM209: text that no column can keep is refused, wherever it stands', async () => {
  const root = await world.browser('root')
  for (const [bad, code] of [
    ['api\u0000', '400 TM208'],
    ['api\ud800', '400 TM209'],
  ] as const) {
    const good = { login: 'api', role: 'viewer', email: 'api@example.com', display_name: 'Api', password: 'a long and good one' }
    for (const key of Object.keys(good))
      assert.equal(await codeOf(world.say('POST', '/api/auth/users', { ...good, [key]: bad }, root)), code, key)
    assert.equal(await codeOf(world.say('POST', '/api/auth/login', { login: bad, password: 'x' })), code)
  }
  assert.equal(await codeOf(world.say('POST', '/api/auth/users/%00/password', {}, root)), '400 TM208')
})

test('who views as somebody else is told which header is in the way', async () => {
  const view = { ...(await world.browser('root')), 'tmidb-view-as': 'user:lee' }
  for (const [method, body] of [
    ['GET', undefined],
    ['POST', { login: 'viewed', role: 'viewer' }],
  ] as const) {
    const { status, body: said } = await world.say(method, '/api/auth/users', body, view)
    assert.deepEqual([status, said.code, /Tmidb-View-As/.test(said.hint)], [403, 'TM102', true])
  }
})

test('another role holds at once for what is open', async () => {
  const lee = await world.browser('lee')
  assert.equal((await me(lee)).body.request_role, 'tmidb_editor')
  await world.db.query(`select tmidb.set_account_role('lee', 'fleet')`)
  await within(async () => String((await me(lee)).body.request_role), 'tmidb_member')
  const { body } = await me(lee)
  assert.deepEqual([body.role, body.may, body.grants.length], ['fleet', ['read', 'write'], 1])
  await world.db.query(`select tmidb.set_account_role('lee', 'editor')`)
})

for (const [what, end] of [
  ['disabled', `select tmidb.disable_account('gone')`],
  ['removed', `select tmidb.remove_account('gone')`],
] as const) {
  test(`whoever is ${what} is shut out of every door at once`, async () => {
    await world.db.query(`select tmidb.enable_account('gone')`)
    const [browser, program] = [await world.browser('gone'), await world.program('gone')]
    const basic = { authorization: `Basic ${btoa(`gone:${password}`)}` }
    const rows = (who: Record<string, string>) => codeOf(world.say('GET', '/api/v1/sensor', undefined, who))
    const sockets = [world.socket(browser), world.socket(program.bearer), world.socket(basic)]
    for (const s of sockets) assert.ok(await s.opened)
    assert.deepEqual([await rows(browser), await rows(program.bearer), await rows(basic)], ['200', '200', '200'])
    await world.db.query(end)
    await Promise.all(sockets.map((s) => s.closed))
    assert.deepEqual(
      [await rows(browser), await rows(program.bearer), await rows(basic)],
      ['401 TM110', '401 TM110', '401 TM109'],
    )
    assert.equal(await codeOf(login('gone')), '401 TM109')
    assert.equal(await codeOf(world.say('POST', '/api/auth/refresh', { refresh_token: program.refresh_token })), '401 TM110')
  })
}

test('ten wrong passwords, and the right one waits too: in the same words for who is there and who is not; what is open goes on', async () => {
  const kim = await world.browser('kim')
  await world.db.query('delete from tmidb.sign_in_try')
  const answers: Record<string, unknown[]> = {}
  for (const name of ['kim', 'nobody']) {
    const statuses = []
    for (let i = 0; i < 12; i++) statuses.push((await login(name, `guess number ${i}`)).status)
    assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429])
    const { status, body, headers } = await login(name)
    const wait = Number(headers.get('retry-after'))
    assert.ok(wait > 800 && wait <= 900, String(wait))
    answers[name] = [status, body.code, body.detail, [...headers.keys()].sort()]
  }
  assert.deepEqual(answers.kim?.slice(0, 2), [429, 'TM403'])
  assert.deepEqual(answers.kim, answers.nobody)
  const basic = { authorization: `Basic ${btoa(`kim:${password}`)}` }
  assert.equal((await world.say('GET', '/api/v1/sensor', undefined, basic)).status, 429)
  assert.equal(await codeOf(me(kim)), '200')
  await world.db.query(`update tmidb.sign_in_try set tries = array(select t - interval '15 minutes' from unnest(tries) t)`)
  assert.equal(await codeOf(login('kim')), '200')
})

test('an address has so many logins a minute, whoever it names', async () => {
  await world.db.query(`delete from tmidb.sign_in_try; select tmidb.set_rate_limit('address', 'login', 5)`)
  const refused = async () => (await login(`somebody ${Math.random()}`)).status === 429
  for (let n = 0; !(await refused()); n++) assert.ok(n < 100)
  await world.db.query(`select tmidb.set_rate_limit('address', 'login', 0)`)
  for (let n = 0; await refused(); n++) assert.ok(n < 100)
})

test('by login and by email at once there are no more tries, and nothing tells that they are one person', async () => {
  await world.db.query('delete from tmidb.sign_in_try')
  const statuses = []
  for (let i = 0; i < 10; i++) statuses.push((await login('both', `guess ${i}`)).status)
  statuses.push((await login('both@example.com')).status)
  assert.deepEqual(statuses, Array(11).fill(401))
})
