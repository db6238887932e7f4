// SPDX-License-Identifier: MIT
// Connectors of kind url from definition to reading: a real web server, a real database, the code that data-consumer runs.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sleep } from '../../src/base/retry.ts'
import { type Connectors, openConnectors } from '../../src/tasks/connectors.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'
import { type Source, source } from './source.ts'

let db: TestDatabase
let connectors: Connectors
let outside: Source
let n = 0

before(async () => {
  db = await testDatabase()
  connectors = openConnectors({ url: db.url('tmidb_drain'), allow: [], gapMs: 0 })
})
after(async () => {
  await connectors[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
beforeEach(async () => {
  outside = await source()
})
afterEach(() => outside[Symbol.asyncDispose]())

interface Run {
  status: string
  http_status: number | null
  bytes: number
  accepted: number
  stored: number
  rejected: number
  code: string | null
  message: string | null
  preview: Record<string, unknown>[] | null
}

/** Makes a connector on the path of the source and gives its name. */
async function connector(
  path: string,
  config: object = {},
  more: { speaker?: string; category?: string; schedule?: string } = {},
) {
  const name = `c${++n}`
  await db.query('select tmidb.create_connector($1, $2, $3, $4, $5, $6)', [
    name,
    'url',
    more.category ?? name,
    more.speaker ?? null,
    more.schedule ?? 'every 5 s',
    JSON.stringify({ url: outside.url + path, allow: ['localhost'], ...config }),
  ])
  return name
}

/** Runs it now, whatever its schedule says. */
async function run(name: string, isTry = false): Promise<Run> {
  const [{ id, run } = { id: '', run: '' }] = await db.query<{ id: string; run: string }>(
    'select tmidb.connector_named($1) as id, tmidb.run_connector_now($1, $2) as run',
    [name, isTry],
  )
  await connectors.run({ connector: id, run, try: isTry })
  const [row] = await db.query<Run>('select * from tmidb.connector_run where run_id = $1', [run])
  assert.ok(row, 'the run has a row')
  return row
}

const stored = (category: string) =>
  db.query<{ target: string; ts: string; data: string }>(
    `select t.key as target, to_json(o.ts)#>>'{}' as ts, o.payload::text as data from tmidb.ts_obs o
     join tmidb.target t using (target_id) join tmidb.category c using (category_id) where c.name = $1 order by o.ts, t.key, o.payload::text`,
    [category],
  )
const minutesAgo = (m: number) => new Date(Math.floor(Date.now() / 1000) * 1000 - m * 60_000).toISOString()

test('JSON becomes readings by SQL/JSON paths, its numbers exact to the last digit', async () => {
  outside.on(
    '/now',
    `{"stations": [
      {"id": "seoul", "at": "${minutesAgo(2)}", "t": 21.50, "big": 9007199254740993, "wide": 0.1234567890123456789, "off": null},
      {"id": "busan", "at": ${Math.floor(Date.now() / 1000) - 60}, "t": 1e2, "nested": {"deep": [1, 2]}}]}`,
  )
  const name = await connector('/now', {
    extract: {
      items: '$.stations[*]',
      target: '$.id',
      ts: '$.at',
      fields: {
        temp: '$.t',
        big: '$.big',
        wide: '$.wide',
        kelvin: '($.t + 273.15)',
        last: '$.nested.deep[last]',
        site: 'kr',
        off: '$.off',
      },
    },
  })
  const ran = await run(name)
  assert.deepEqual({ ...ran }, { ...ran, status: 'ok', http_status: 200, accepted: 2, stored: 2, rejected: 0, code: null })
  assert.deepEqual(
    (await stored(name)).map((r) => [r.target, r.data]),
    [
      ['seoul', '{"big": 9007199254740993, "site": "kr", "temp": 21.50, "wide": 0.1234567890123456789, "kelvin": 294.65}'],
      ['busan', '{"last": 2, "site": "kr", "temp": 100, "kelvin": 373.15}'],
    ],
  )
})

test('without fields an item is the reading as it is, under the name of the connector', async () => {
  outside.on('/one', '{"a": 1, "b": {"c": "x"}}')
  const name = await connector('/one')
  assert.equal((await run(name)).stored, 1)
  assert.deepEqual(
    (await stored(name)).map((r) => [r.target, r.data]),
    [[name, '{"a": 1, "b": {"c": "x"}}']],
  )
})

test('CSV becomes readings: columns by header, types by how values are written', async () => {
  outside.on('/csv', (_, res) =>
    res
      .writeHead(200, { 'content-type': 'text/csv; charset=euc-kr' })
      .end(
        Buffer.concat([
          Buffer.from('station;time;temp;code;ok;note\n'),
          Buffer.from([0xbc, 0xad, 0xbf, 0xef]),
          Buffer.from(`;${minutesAgo(3)};21.50;007;true;"a; b"\nbusan;${minutesAgo(3)};-;12345678901234567890;false;\n`),
        ]),
      ),
  )
  const name = await connector('/csv', {
    format: 'csv',
    csv: { delimiter: ';' },
    extract: {
      target: '$.station',
      ts: '$.time',
      fields: { temp: '$.temp', code: '$.code', ok: '$.ok', note: { path: '$.note', type: 'text' } },
    },
  })
  const ran = await run(name)
  assert.equal(ran.stored, 2, JSON.stringify(ran))
  assert.deepEqual(
    (await stored(name)).map((r) => [r.target, r.data]),
    [
      ['busan', '{"ok": false, "code": 12345678901234567890, "note": ""}'],
      ['서울', '{"ok": true, "code": "007", "note": "a; b", "temp": 21.50}'],
    ],
  )
})

test('HTML becomes readings by CSS selectors, numbers as people write them', async () => {
  outside.on('/page', (_, res) =>
    res.writeHead(200, { 'content-type': 'text/html' }).end(`<table><tr><th>x</th></tr>
      <tr><td class=n>pump <b>1</b></td><td data-v="7">1,234.5 kW</td><td>−3,5 °C</td></tr>
      <tr><td class=n>pump 2</td><td data-v="8">n/a</td><td>12,25</td></tr></table>`),
  )
  const name = await connector('/page', {
    format: 'html',
    html: {
      items: 'tr:has(td)',
      fields: {
        name: 'td.n',
        power: { css: 'td:nth-child(2)', type: 'number' },
        id: { css: 'td:nth-child(2)', attr: 'data-v' },
        temp: { css: 'td:nth-child(3)', type: 'number', decimal: ',' },
      },
    },
    extract: { target: '$.name' },
  })
  const ran = await run(name)
  assert.equal(ran.stored, 2, JSON.stringify(ran))
  assert.deepEqual(
    (await stored(name)).map((r) => r.data),
    ['{"id": "7", "name": "pump 1", "temp": -3.5, "power": 1234.5}', '{"id": "8", "name": "pump 2", "temp": 12.25}'],
  )
})

test('times without a zone are read in the zone that is said, and in a format', async () => {
  const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)
  outside.on('/zone', `[{"at": "${day}T09:00", "v": 1}, {"at": "${day} 09:00:01+00", "v": 2}]`)
  const name = await connector('/zone', { extract: { ts: { path: '$.at', zone: 'Asia/Seoul' }, fields: { v: '$.v' } } })
  await run(name)
  assert.deepEqual(
    (await stored(name)).map((r) => r.ts),
    [`${day}T00:00:00+00:00`, `${day}T09:00:01+00:00`],
  )
  const [y, m, d] = day.split('-')
  outside.on('/format', `{"at": "${d}.${m}.${y} 18:30", "v": 1}`)
  const other = await connector('/format', {
    extract: { ts: { path: '$.at', zone: 'Asia/Seoul', format: 'DD.MM.YYYY HH24:MI' }, fields: { v: '$.v' } },
  })
  await run(other)
  assert.deepEqual(
    (await stored(other)).map((r) => r.ts),
    [`${day}T09:30:00+00:00`],
  )
})

test('the same answer again changes nothing where readings have a time of their own', async () => {
  outside.on('/again', `[{"at": "${minutesAgo(1)}", "v": 1}]`)
  const name = await connector('/again', { extract: { ts: '$.at' } })
  assert.equal((await run(name)).stored, 1)
  const second = await run(name)
  assert.deepEqual([second.accepted, second.stored], [1, 0])
  assert.equal((await stored(name)).length, 1)
})

test('a server that knows ETag and Last-Modified is asked with them, and 304 is "unchanged"', async () => {
  const changed = 'Wed, 21 Oct 2026 07:28:00 GMT'
  outside.on('/etag', (request, res) => {
    if (request.headers['if-none-match'] === '"v1"' && request.headers['if-modified-since'] === changed) res.writeHead(304).end()
    else res.writeHead(200, { etag: '"v1"', 'last-modified': changed }).end('{"v": 1}')
  })
  const name = await connector('/etag')
  assert.equal((await run(name)).stored, 1)
  const second = await run(name)
  assert.deepEqual([second.status, second.http_status, second.stored], ['unchanged', 304, 0])
  // A new definition asks for the whole again.
  await db.query('select tmidb.set_connector($1, (select config from tmidb.ingest_connector where name = $1))', [name])
  assert.equal((await run(name)).http_status, 200)
})

test('on_change stores only what changed, target by target', async () => {
  const config = { on_change: true, extract: { items: '$[*]', target: '$.id', fields: { v: '$.v' } } }
  const name = await connector('/change', config)
  outside.on('/change', '[{"id": "a", "v": 1, "seen": 1}, {"id": "b", "v": 1}]')
  assert.equal((await run(name)).stored, 2)
  assert.equal((await run(name)).status, 'unchanged')
  outside.on('/change', '[{"id": "a", "v": 1, "seen": 2}, {"id": "b", "v": 2}]')
  assert.equal((await run(name)).stored, 1)
  outside.on('/change', '[{"id": "a", "v": 1, "seen": 3}, {"id": "b", "v": 2}]')
  assert.deepEqual([(await run(name)).status, (await stored(name)).length], ['unchanged', 3])
  outside.on('/change', '[{"id": "b", "v": 1}]')
  assert.equal((await run(name)).stored, 1, 'back to what was before is a change too')
})

test('bad items are kept with their reason and the good ones stored', async () => {
  outside.on(
    '/mixed',
    '[{"id": "ok", "v": 1}, {"v": 2}, {"id": "x", "at": "yesterday", "v": 3}, {"id": "y", "v": 1e400}, {"id": "z"}, {"id": "ok2", "v": 4}]',
  )
  const name = await connector('/mixed', { extract: { target: '$.id', ts: '$.at', fields: { v: '$.v' } } })
  const ran = await run(name)
  assert.deepEqual([ran.status, ran.accepted, ran.stored, ran.rejected, ran.code], ['ok', 2, 2, 4, 'TM213'])
  assert.deepEqual(
    await db.query('select reason, target from tmidb.raw_bucket where category = $1 order by reason, target', [name]),
    [
      { reason: 'TM202', target: 'z' },
      { reason: 'TM207', target: 'y' },
      { reason: 'TM211', target: 'x' },
      { reason: 'TM213', target: null },
    ],
  )
  const [ledger] = await db.query('select bool_and(received = stored + duplicate + quarantined) as even from tmidb.ledger')
  assert.equal(ledger?.even, true)
})

test("readings have the rights of the connector's speaker and count to its ledger", async () => {
  await db.query(`select tmidb.create_speaker('bound', 'truck-1'), tmidb.create_speaker('strict', null, false)`)
  outside.on('/bound', '[{"id": "truck-1", "v": 1}, {"id": "truck-2", "v": 1}]')
  const bound = await connector('/bound', { extract: { target: '$.id', fields: { v: '$.v' } } }, { speaker: 'bound' })
  const ran = await run(bound)
  assert.deepEqual([ran.stored, ran.rejected, ran.code], [1, 1, 'TM102'])
  const strict = await connector('/bound', { extract: { target: '$.id', fields: { v: '$.v' } } }, { speaker: 'strict' })
  assert.deepEqual([(await run(strict)).code, (await stored(strict)).length], ['TM103', 0])
  assert.deepEqual(
    await db.query(`select name, sum(received)::int as received, sum(stored)::int as stored, sum(quarantined)::int as quarantined
      from tmidb.ledger join tmidb.speaker using (speaker_id) where name in ('bound', 'strict') group by 1 order by 1`),
    [
      { name: 'bound', received: 2, stored: 1, quarantined: 1 },
      { name: 'strict', received: 2, stored: 0, quarantined: 2 },
    ],
  )
})

test('where nothing of an answer can be used, the connector is failing, and keeps the first thousand', async () => {
  outside.on('/useless', JSON.stringify(Array.from({ length: 3000 }, (_, v) => ({ v }))))
  const name = await connector('/useless', { extract: { target: '$.id' } })
  const ran = await run(name)
  assert.deepEqual([ran.status, ran.rejected, ran.code], ['error', 3000, 'TM213'])
  assert.equal((await db.query('select from tmidb.raw_bucket where category = $1', [name])).length, 1000)
  assert.deepEqual(
    await db.query('select failures, failing_since is not null as failing from tmidb.ingest_connector where name = $1', [name]),
    [{ failures: 1, failing: true }],
  )
})

test('a try shows what would be stored and changes nothing', async () => {
  outside.on('/try', '[{"id": "a", "v": 1}, {"v": 2}]')
  const name = await connector('/try', { on_change: true, extract: { target: '$.id', fields: { v: '$.v' } } })
  const before = await db.query('select next_run_at, state from tmidb.ingest_connector where name = $1', [name])
  const ran = await run(name, true)
  assert.deepEqual([ran.status, ran.accepted, ran.rejected, ran.stored], ['ok', 1, 1, 0])
  assert.deepEqual(
    ran.preview?.map(({ ts: _, ...rest }) => rest),
    [
      { target: 'a', data: { v: 1 } },
      { code: 'TM213', item: { v: 2 }, target: null, message: 'It is not said which target this is of: "target" finds nothing.' },
    ],
  )
  assert.deepEqual(await db.query('select next_run_at, state from tmidb.ingest_connector where name = $1', [name]), before)
  assert.equal((await run(name)).stored, 1, 'nothing was remembered as seen')
})

test('POST sends its body and headers, and nobody can read them back', async () => {
  outside.on('/post', (request, res) =>
    res.end(JSON.stringify({ method: request.method, key: request.headers['x-api-key'], body: request.body })),
  )
  const name = await connector('/post', { method: 'POST', body: '{"q": 1}', headers: { 'X-Api-Key': 'geheim' } })
  await run(name)
  assert.deepEqual(
    (await stored(name)).map((r) => JSON.parse(r.data)),
    [{ method: 'POST', key: 'geheim', body: '{"q": 1}' }],
  )
  const [shown] = await db.query('select * from tmidb.connectors($1)', [name])
  assert.doesNotMatch(JSON.stringify(shown), /geheim/)
  // What is shown can be sent back, and keeps the secret; another host does not get it.
  const config = shown?.config as { url: string; headers: Record<string, string> }
  assert.deepEqual(config.headers, { 'X-Api-Key': '***' })
  await db.query('select tmidb.set_connector($1, $2)', [name, JSON.stringify({ ...config, body: 'again' })])
  await run(name)
  assert.equal(outside.seen.at(-1)?.headers['x-api-key'], 'geheim')
  await assert.rejects(
    db.query('select tmidb.set_connector($1, $2)', [name, JSON.stringify({ ...config, url: 'http://elsewhere.example/' })]),
    { code: 'TM108' },
  )
})

test('failures wait twice as long each time, say since when, and end with the first success', async () => {
  outside.on('/fails', (_, res) => res.writeHead(503).end())
  const name = await connector('/fails')
  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    const ran = await run(name)
    assert.deepEqual([ran.status, ran.code, ran.http_status], ['error', 'TM222', 503])
    const [row] = await db.query<{ wait: number }>(
      'select extract(epoch from next_run_at - now())::float8 as wait from tmidb.ingest_connector where name = $1 and failing_since is not null',
      [name],
    )
    waits.push(Math.round(row?.wait ?? 0))
    await db.query('update tmidb.ingest_connector set next_run_at = now() where name = $1', [name])
  }
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600])
  outside.on('/fails', '{"v": 1}')
  assert.equal((await run(name)).stored, 1)
  assert.deepEqual(await db.query('select failures, failing_since from tmidb.ingest_connector where name = $1', [name]), [
    { failures: 0, failing_since: null },
  ])
})

test('Retry-After is honoured', async () => {
  outside.on('/later', (_, res) => res.writeHead(429, { 'retry-after': '1800' }).end())
  const name = await connector('/later')
  assert.equal((await run(name)).http_status, 429)
  const [row] = await db.query<{ wait: number }>(
    'select extract(epoch from next_run_at - now())::float8 as wait from tmidb.ingest_connector where name = $1',
    [name],
  )
  assert.ok(Math.abs((row?.wait ?? 0) - 1800) < 10)
})

test('what is not JSON, a path that breaks and a path that finds nothing are said, not stored', async () => {
  outside.on('/html', '<html>')
  assert.equal((await run(await connector('/html'))).code, 'TM201')
  outside.on('/nul', '{"a": "\\u0000"}')
  assert.equal((await run(await connector('/nul'))).code, 'TM201')
  outside.on('/deep', '['.repeat(2_000_000))
  assert.equal((await run(await connector('/deep'))).code, 'TM201')
  outside.on('/zero', '[{"a": 1}, {"a": 0}]')
  const zero = await run(await connector('/zero', { extract: { fields: { v: '(1 / $.a)' } } }))
  assert.deepEqual([zero.stored, zero.rejected, zero.code], [1, 1, 'TM218'])
  const none = await run(await connector('/zero', { extract: { items: '$.nothing[*]' } }))
  assert.deepEqual([none.status, none.accepted], ['ok', 0])
})

test('a lease of a process that died is void for the next, and a run that lost its lease stores nothing', async () => {
  const gate = Promise.withResolvers<void>()
  outside.on('/lease', async (_, res) => {
    await gate.promise
    res.end('{"v": 1}')
  })
  const name = await connector('/lease')
  const [{ id } = { id: '' }] = await db.query<{ id: string }>('select tmidb.connector_named($1) as id', [name])
  const first = connectors.run({ connector: id })
  while (outside.seen.length === 0) await sleep(10)
  await connectors.run({ connector: id })
  assert.equal(outside.seen.length, 1, 'the same process does not run it twice at once')
  await using next = openConnectors({ url: db.url('tmidb_drain'), allow: [], gapMs: 0 })
  const second = next.run({ connector: id })
  while (outside.seen.length === 1) await sleep(10)
  gate.resolve()
  await Promise.all([first, second])
  assert.equal((await db.query('select from tmidb.connector_run where connector_id = $1', [id])).length, 1)
  assert.equal((await stored(name)).length, 1)
})

test('a host is asked one request at a time, at least a second apart', async () => {
  await using polite = openConnectors({ url: db.url('tmidb_drain'), allow: [] })
  let open = 0
  let most = 0
  outside.on('/polite', async (_, res) => {
    most = Math.max(most, ++open)
    await sleep(50)
    open--
    res.end('{"v": 1}')
  })
  const names = [await connector('/polite'), await connector('/polite'), await connector('/polite')]
  const ids = await db.query<{ id: string }>('select tmidb.connector_named(n) as id from unnest($1::text[]) n', [names])
  await Promise.all(ids.map(({ id }) => polite.run({ connector: id })))
  const at = outside.seen.map((s) => s.at)
  assert.equal(at.length, 3)
  assert.equal(most, 1)
  assert.ok(
    at.slice(1).every((t, i) => t - (at[i] as number) >= 990),
    at.join(),
  )
})

test('a source that does not answer holds nobody else up', async () => {
  await using silent = await source()
  silent.on('/', () => {})
  const names = await Promise.all(
    Array.from({ length: 20 }, () =>
      connector('/', { url: `${silent.url.replace('localhost', '127.0.0.1')}/`, allow: ['127.0.0.1'], timeout_s: 2 }),
    ),
  )
  const ids = await db.query<{ id: string }>('select tmidb.connector_named(n) as id from unnest($1::text[]) n', [names])
  for (const { id } of ids) connectors.start({ connector: id })
  while (silent.seen.length === 0) await sleep(10)
  outside.on('/quick', '{"v": 1}')
  assert.equal((await run(await connector('/quick'))).stored, 1)
  assert.equal(
    (
      await db.query(
        'select from tmidb.connector_run r join tmidb.ingest_connector c using (connector_id) where c.name = any($1)',
        [names],
      )
    ).length,
    0,
  )
})

test('gzip is unpacked, and a bomb is cut off', async () => {
  outside.on('/gzip', (_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"v": 1}')))
  assert.equal((await run(await connector('/gzip'))).stored, 1)
  const bomb = gzipSync(Buffer.alloc(200_000_000, ' '))
  outside.on('/bomb', (_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
  const ran = await run(await connector('/bomb'))
  assert.deepEqual([ran.code, ran.message], ['TM222', 'It is larger than 5000000 bytes.'])
})

test('HTML and CSV made to hang or to fill memory end with an error, and the process goes on', async () => {
  outside.on('/nest', (_, res) => res.end('<div>'.repeat(900_000)))
  const nest = await run(await connector('/nest', { format: 'html', html: { items: 'div div div', fields: { v: '' } } }))
  assert.equal(nest.status, 'error', JSON.stringify(nest).slice(0, 300))
  outside.on('/quote', (_, res) => res.end(`a,b\n"${'x'.repeat(1_000_000)}`))
  assert.equal((await run(await connector('/quote', { format: 'csv' }))).code, 'TM222')
})
