// SPDX-License-Identifier: MIT
// Connectors in a running tmiDB, as its administrator works with them: tmictl connector.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Instance, instanceEnv, removeData, run, startInstance } from '../lib/instance.ts'
import { type Source, source } from '../tasks/source.ts'
import { openDoors, until } from './doors.ts'

let instance: Instance
let outside: Source
let env: Record<string, string>
let query: ReturnType<typeof adminQuery>
before(async () => {
  outside = await source()
  env = { ...(await instanceEnv()), TMIDB_FETCH_ALLOW: 'localhost,127.0.0.1' }
  instance = await startInstance({ env, keepData: true })
  query = adminQuery(instance.connection.postgres)
})
after(async () => {
  await instance?.[Symbol.asyncDispose]()
  removeData(env)
  await outside[Symbol.asyncDispose]()
})

const tmictl = (...args: string[]) => run(['connector', ...args], env)

test('a connector is added, tried, runs by its schedule, is seen by listeners, and is removed', async () => {
  let n = 0
  outside.on('/weather', (_, res) => res.end(`{"main": {"temp": "${++n}.50"}, "big": 9007199254740993}`))
  const added = await tmictl(
    ...[
      'add',
      'weather',
      '--category',
      'weather',
      '--every',
      '5s',
      '--url',
      `${outside.url}/weather`,
      '--target',
      'seoul',
      '--disabled',
    ],
    ...['--field', 'temp:number=$.main.temp', '--field', 'big=$.big', '--header', 'authorization: Bearer geheim'],
  )
  assert.equal(added.code, 0, added.stderr)
  const tried = await tmictl('try', 'weather', '--json')
  assert.equal(tried.code, 0, tried.stderr)
  assert.deepEqual(
    (JSON.parse(tried.stdout) as { preview: { target: string; data: object }[] }).preview.map((r) => [r.target, r.data]),
    [['seoul', { temp: 1.5, big: Number('9007199254740993') }]],
  )
  assert.match((await tmictl('try', 'weather')).stdout, /"target": ?"seoul"[\s\S]*ok \(try\) 200 {2}1 would be stored/)
  assert.equal(outside.seen.at(-1)?.headers.authorization, 'Bearer geheim')
  assert.match((await tmictl('list')).stdout, /^weather +disabled/)

  const doors = openDoors(instance.connection)
  const socket = doors.socket('/ws/first-listener', instance.connection.listener.token)
  await socket.first('ready')
  assert.equal((await tmictl('enable', 'weather')).code, 0)
  const events = await until('three readings by schedule', () => (socket.events().length >= 3 ? socket.events() : null), 30_000)
  await doors.close()
  assert.deepEqual([...new Set(events.map((e) => e.target))], ['seoul'])
  const at = outside.seen.slice(-3).map((s) => s.at)
  assert.ok((at[1] as number) - (at[0] as number) > 3500, 'five seconds apart')

  const ran = await tmictl('run', 'weather')
  assert.match(ran.stdout, /^ok 200 {2}1 stored/)
  const shown = await tmictl('show', 'weather', '--json')
  assert.doesNotMatch(shown.stdout, /geheim/)
  assert.match((await tmictl('runs', 'weather', '--last', '2')).stdout, /^\S+ {2}ok 200 {2}1 stored, 0 known, 0 rejected/)
  assert.equal((await tmictl('disable', 'weather')).code, 0)
  assert.equal((await tmictl('remove', 'weather')).code, 0)
  assert.deepEqual((await tmictl('list', '--json')).stdout.trim(), '{"connectors":[]}')
  const [kept] = await query<{ n: number }>(`select count(*)::int as n from api.weather_v1`)
  assert.ok((kept?.n ?? 0) >= 4, 'its readings stay')
})

test('mistakes are said in words', async () => {
  const cases: [string[], number, RegExp][] = [
    [[], 2, /Say what to do/],
    [['lits'], 2, /Did you mean "list"/],
    [['show'], 2, /Say the name/],
    [['show', 'nothing'], 3, /There is no connector named "nothing"/],
    [['add', 'x'], 2, /--category/],
    [['add', 'x', '--category', 'y'], 2, /--url <address> or --postgres/],
    [['add', 'x', '--category', 'y', '--url', 'ftp://a/'], 1, /http or https/],
    [['add', 'x', '--category', 'y', '--url', 'http://u:p@a/'], 1, /without login/],
    [['add', 'x', '--category', 'Y', '--url', 'http://a/'], 1, /category name/],
    [['add', 'x', '--category', 'y', '--url', 'http://a/', '--every', '1s'], 1, /At least every 5 s/],
    [['add', 'x', '--category', 'y', '--url', 'http://a/', '--cron', '61 * * * *'], 1, /cron line/],
    [['add', 'x', '--category', 'y', '--url', 'http://a/', '--field', 'v=$.[['], 1, /extract\.fields\.v cannot be used/],
    [
      ['add', 'x', '--category', 'y', '--url', 'http://a/', '--watermark', 'id'],
      2,
      /--url does not belong to a postgres connector/,
    ],
    [
      ['add', 'x', '--category', 'y', '--config', '{"url": "http://a/", "fields": {}}'],
      1,
      /fields is not known to a url connector/,
    ],
    [['add', 'x', '--category', 'y', '--config', '/nowhere.json'], 1, /cannot be read/],
    [['add', 'x', '--category', 'y', '--url', 'http://a/', '--speaker', 'nobody'], 3, /no speaker named 'nobody'/],
  ]
  for (const [args, code, said] of cases) {
    const ended = await tmictl(...args)
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`)
    assert.match(ended.stderr, said)
  }
})

test('a killed data-consumer loses no run and doubles no row', async () => {
  await query('create schema plant create table measurement (id int primary key, v int)')
  await query('insert into plant.measurement select i, i from generate_series(1, 2000) i')
  const url = new URL(instance.connection.postgres)
  const added = await tmictl(
    ...['add', 'plant', '--category', 'plant', '--every', '5s', '--postgres', url.href, '--watermark', 'id'],
    ...['--config', '{"table": "plant.measurement", "batch": 50}'],
  )
  assert.equal(added.code, 0, added.stderr)
  for (let i = 0; i < 3; i++) {
    await sleep(700)
    const unit = (await instance.units()).find((u) => u.name === 'data-consumer')
    if (unit?.pid) process.kill(unit.pid, 'SIGKILL')
    await until(
      'data-consumer is back',
      async () => (await instance.units()).find((u) => u.name === 'data-consumer')?.state === 'ready',
      30_000,
    )
  }
  const count = async () =>
    (
      await query<{ n: number; d: number }>(
        `select count(*)::int as n, count(distinct o.payload->>'id')::int as d from tmidb.ts_obs o join tmidb.category c using (category_id) where c.name = 'plant'`,
      )
    )[0]
  await until('all rows are there', async () => (await count())?.d === 2000, 60_000)
  assert.deepEqual(await count(), { n: 2000, d: 2000 })
  const shown = await tmictl('show', 'plant')
  assert.match(shown.stdout, /read up to 2000/)
  assert.ok(!shown.stdout.includes(decodeURIComponent(url.password)))
})
