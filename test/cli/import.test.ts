// SPDX-License-Identifier: MIT
// tmictl import as a user runs it, into a running instance: every line once, whatever breaks meanwhile.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sleep } from '../../src/base/retry.ts'
import { adminQuery } from '../lib/admin.ts'
import { type Ended, type Instance, run, startInstance } from '../lib/instance.ts'

const tmictl = join(import.meta.dirname, '..', '..', 'bin', 'tmictl.cjs')
const dir = mkdtempSync(join(tmpdir(), 'tmidb-import-'))
let instance: Instance
let query: ReturnType<typeof adminQuery>
before(async () => {
  instance = await startInstance()
  query = adminQuery(instance.connection.postgres)
})
after(async () => {
  await instance?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

interface Summary {
  lines: number
  accepted: number
  rejected: number
  quarantined: number
  reasons: Record<string, number>
  again?: boolean
}

function file(name: string, content: string | Buffer): string {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

async function load(path: string, ...options: string[]): Promise<Ended & { summary: Summary }> {
  const ended = await run(['import', path, '--json', ...options], instance.env)
  return { ...ended, summary: (ended.stdout ? JSON.parse(ended.stdout) : {}) as Summary }
}

const stored = (category: string) =>
  query<{ target: string; ts: string; text: string }>(
    `select t.key as target, to_char(o.ts at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as ts, coalesce(o.payload, tmidb.unpack(o.version_id, o.compact))::text as text
     from tmidb.ts_obs o join tmidb.target t using (target_id) join tmidb.category c using (category_id) where c.name = $1 order by o.ts, 3`,
    [category],
  )

test('a CSV with BOM, CRLF, quotes, semicolons, decimal commas and local times', async () => {
  const path = file(
    'german.csv',
    '\ufeffZeit;Gerät;Temp;Zähler;PLZ;an;Notiz;leer\r\n' +
      '02.07.2026 03:04:05;t1;21,50;12345678901234567890;01234;true;"sagt ""ja"";\r\nund geht";\r\n' +
      '02.07.2026 03:04:06;t2;-1.234,5;1;10115;false;5" Rohr;\r\n' +
      '02.07.2026 03:04:07;t1;n/a;2;10117;TRUE;;\r\n',
  )
  const { code, summary, stderr } = await load(
    path,
    ...['--category', 'german', '--target-column', 'Gerät', '--ts-column', 'Zeit', '--ts-format', '%d.%m.%Y %H:%M:%S'],
    ...['--time-zone', 'Europe/Berlin', '--decimal', ',', '--null', 'n/a', '--rename', 'Temp=temperature'],
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual({ ...summary, seconds: 0, perSecond: 0 }, {
    done: true, again: false, lines: 3, accepted: 3, rejected: 0, quarantined: 0, reasons: {}, seconds: 0, perSecond: 0, rejectedFile: null,
  }) // biome-ignore format: a list
  assert.deepEqual(await stored('german'), [
    {
      target: 't1',
      ts: '2026-07-02 01:04:05.000000',
      text: '{"an": true, "PLZ": "01234", "Notiz": "sagt \\"ja\\";\\r\\nund geht", "Zähler": 12345678901234567890, "temperature": 21.50}',
    },
    {
      target: 't2',
      ts: '2026-07-02 01:04:06.000000',
      text: '{"an": false, "PLZ": "10115", "Notiz": "5\\" Rohr", "Zähler": 1, "temperature": -1234.5}',
    },
    { target: 't1', ts: '2026-07-02 01:04:07.000000', text: '{"an": true, "PLZ": "10117", "Zähler": 2}' },
  ])
})

test('NDJSON, packed, and a JSON array say the same; their numbers stay exact', async () => {
  const readings = [
    '{"target":"a","ts":"2026-01-01T00:00:00Z","n":0.10000000000000000001}',
    '{"target":"b","ts":1767225601,"data":{"n":1.0,"target":"inner"}}',
    '{"target":"a","ts":1767225602000,"mid":"m","n":[1,{"x":2.50}]}',
  ]
  const wanted = [
    { target: 'a', ts: '2026-01-01 00:00:00.000000', text: '{"n": 0.10000000000000000001}' },
    { target: 'b', ts: '2026-01-01 00:00:01.000000', text: '{"n": 1.0, "target": "inner"}' },
    { target: 'a', ts: '2026-01-01 00:00:02.000000', text: '{"n": [1, {"x": 2.50}]}' },
  ]
  const packed = await load(file('r.ndjson.gz', gzipSync(readings.join('\r\n'))), '--category', 'packed')
  assert.equal(packed.code, 0, packed.stderr)
  assert.deepEqual(await stored('packed'), wanted)
  const array = await load(file('r.json', `[\n${readings.join(',\n').replace('"a","ts"', '"a",\n"ts"')}]`), '--category', 'array')
  assert.equal(array.code, 0, array.stderr)
  assert.deepEqual(await stored('array'), wanted)
})

test('what is rejected stands in a file with its bytes and the reason, and the exit code is 7', async () => {
  const lines = [
    'ts,target,v',
    '2026-01-01T00:00:00Z,t,1',
    'never,t,2',
    '2026-01-01T00:00:01Z,,3',
    '2026-01-01T00:00:02Z,t,4,5',
    '2026-01-01T00:00:03Z,t,6',
    `2126-01-01T00:00:00Z,t,7`,
  ]
  const path = file('bad.csv', `${lines.join('\n')}\n2026-01-01T00:00:04Z,\x01,8\n`)
  const { code, summary } = await load(path, '--category', 'bad')
  assert.equal(code, 7)
  assert.deepEqual(
    {
      lines: summary.lines,
      accepted: summary.accepted,
      rejected: summary.rejected,
      quarantined: summary.quarantined,
      reasons: summary.reasons,
    },
    { lines: 7, accepted: 3, rejected: 4, quarantined: 1, reasons: { TM211: 1, TM213: 1, TM201: 1, TM105: 1 } },
  )
  const rejected = readFileSync(join(dir, 'bad.rejected.csv'), 'utf8').split('\n')
  assert.deepEqual(rejected, [
    'ts,target,v,tmi_error',
    'never,t,2,"TM211 The time ""never"" cannot be read. (line 3)"',
    '2026-01-01T00:00:01Z,,3,"TM213 It is not said which target this is of. (line 4)"',
    '2026-01-01T00:00:02Z,t,4,5,"TM201 There are 4 columns, not 3. (line 5)"',
    rejected[4],
    '',
  ])
  assert.match(rejected[4] ?? '', /^2026-01-01T00:00:04Z,.,8,"TM105 .*\(line 8\)"$/)
  const ndjson = await load(
    file(
      'bad.ndjson',
      Buffer.concat([
        Buffer.from('{"target":"t","v":1}\n{"target":\n'),
        Buffer.from([0x7b, 0xff, 0x7d]),
        Buffer.from('\n{"target":"t","v":2,"v":3}'),
      ]),
    ),
    '--category',
    'bad',
  )
  assert.equal(ndjson.code, 7)
  const entries = readFileSync(join(dir, 'bad.rejected.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l) as Record<string, unknown>)
  assert.deepEqual(entries.map((e) => [e.line, e.code, e.raw ?? e.raw_base64]), [
    [2, 'TM201', '{"target":'],
    [3, 'TM209', Buffer.from([0x7b, 0xff, 0x7d]).toString('base64')],
    [4, 'TM210', '{"target":"t","v":2,"v":3}'],
  ]) // biome-ignore format: a list
})

test("lines without a time get the file's, one microsecond apart, so that a second import changes nothing", async () => {
  const path = file('untimed.csv', `target,v\n${'t,1\n'.repeat(2500)}`)
  assert.equal((await load(path, '--category', 'untimed')).code, 0)
  const again = await load(path, '--category', 'untimed')
  assert.equal(again.summary.again, true)
  assert.equal((await load(path, '--category', 'untimed', '--restart')).code, 0)
  const rows = await stored('untimed')
  assert.equal(rows.length, 2500)
  assert.equal(new Set(rows.map((r) => r.ts)).size, 2500)
})

test('a file that grew goes on behind its former end; another file of the name is refused', async () => {
  const path = file('grown.csv', 'ts,target,v\n2026-01-01T00:00:00Z,t,1\n')
  assert.equal((await load(path, '--category', 'grown')).summary.lines, 1)
  appendFileSync(path, '2026-01-01T00:00:01Z,t,2\n')
  assert.equal((await load(path, '--category', 'grown')).summary.lines, 2)
  assert.equal((await stored('grown')).length, 2)
  assert.equal((await load(path, '--category', 'other')).code, 2)
  writeFileSync(path, 'ts,target,w\n2026-01-01T00:00:00Z,t,1\n2026-01-01T00:00:00Z,t,1\n2026-01-01T00:00:00Z,t,1\n')
  assert.equal((await load(path, '--category', 'grown')).code, 2)
})

test('a dry run gives the verdict of the gate and stores nothing', async () => {
  const path = file(
    'dry.ndjson',
    '{"target":"t","ts":1767225600,"v":1}\n{"target":"t","v":1,"v":2}\n{"target":"t","ts":-9e12,"v":1}\nx\n',
  )
  const { code, stdout } = await run(['import', path, '--category', 'dry', '--dry-run', '--json'], instance.env)
  assert.equal(code, 7)
  const summary = JSON.parse(stdout) as Summary & { errors: { line: number; code: string }[] }
  assert.deepEqual([summary.lines, summary.accepted, summary.rejected, summary.quarantined], [4, 2, 2, 1])
  assert.deepEqual(summary.errors.map((e) => [e.line, e.code]).sort(), [[2, 'TM210'], [4, 'TM201']]) // biome-ignore format: a list
  assert.deepEqual(await query(`select from tmidb.category where name = 'dry'`), [])
  assert.equal(existsSync(`${path}.tmi-import.json`), false)
})

test('wrong usage is told before anything is sent', async () => {
  const path = file('usage.csv', 'when,device,v\n2026-01-01 00:00:00,t,1\n')
  const said: [string[], RegExp][] = [
    [[], /--category/],
    [['--category', 'X'], /category is/],
    [['--category', 'u'], /which target.*when, device, v/],
    [['--category', 'u', '--target', 't', '--ts-column', 'time'], /no column "time".*when, device, v/],
    [['--category', 'u', '--target', 't', '--ts-column', 'when'], /say no zone: say --time-zone/],
    [['--category', 'u', '--target', 't', '--ts-column', 'when', '--time-zone', 'Mars/Base'], /not a time zone/],
    [['--category', 'u', '--target', 't', '--types', 'v:float'], /"float" is no type/],
    [['--category', 'u', '--target', 't', '--batch', '0'], /--batch is a number/],
    [['--category', 'u', '--target', 't', '--encoding', 'ebcdic'], /encoding/],
  ]
  for (const [options, words] of said) {
    const { code, stderr } = await load(path, ...options)
    assert.equal(code, 2, stderr)
    assert.match((JSON.parse(stderr) as { error: { message: string } }).error.message, words)
  }
  assert.equal((await load(path, '--category', 'u', '--target', 't', '--token', 'wrong')).code, 4)
  assert.equal((await load(path, '--category', 'u', '--target', 't', '--restart', '--url', instance.connection.http)).code, 0)
})

test('a token that may make nothing new has only the lines of known targets taken', async () => {
  const [row] = await query<{ token: string }>(`select tmidb.create_speaker('guest') as token`)
  const lines = Array.from(
    { length: 40 },
    (_, i) => `{"target":"${i % 10 === 3 ? `new-${i}` : 'known'}","ts":${1767225600 + i},"v":${i}}`,
  )
  await query(`select tmidb.create_target('known'), tmidb.ingest('guests', 'known', '{"v": 1000}')`)
  // Set as its owner, for administrators have no right on tables.
  const secrets = JSON.parse(readFileSync(join(instance.dataDir, 'secrets.json'), 'utf8')) as { postgres: string }
  const owner = new URL(instance.connection.postgres)
  owner.username = 'postgres'
  owner.password = secrets.postgres
  await adminQuery(owner.href)(`update tmidb.speaker set may_create = false where name = 'guest'`)
  const { code, summary, stderr } = await load(
    file('guest.ndjson', lines.join('\n')),
    '--category',
    'guests',
    '--token',
    row?.token ?? '',
  )
  assert.equal(code, 7, stderr)
  assert.deepEqual([summary.accepted, summary.rejected, summary.reasons], [36, 4, { TM103: 4 }])
})

const many = 60_000
const bad = (i: number) => i % 1000 === 500

/** Lines of which every thousandth is bad; each stands for its own number. */
function bigFile(name: string): string {
  const lines = Array.from(
    { length: many },
    (_, i) =>
      `2026-02-${String(1 + (i % 28)).padStart(2, '0')}T00:00:00.${String(i).padStart(6, '0')}Z,t${i % 20},${bad(i) ? 'x' : i}`,
  )
  return file(name, `ts,target,n\n${lines.join('\n')}\n`)
}

async function onceEach(category: string, path: string, summary: Summary): Promise<void> {
  const good = many - many / 1000
  assert.deepEqual([summary.lines, summary.accepted, summary.rejected], [many, good, many / 1000])
  const [row] = await query<{ rows: number; numbers: number }>(
    `select count(*)::int as rows, count(distinct coalesce(payload, tmidb.unpack(version_id, compact))->>'n')::int as numbers from tmidb.ts_obs join tmidb.category using (category_id) where name = $1`,
    [category],
  )
  assert.deepEqual(row, { rows: good, numbers: good })
  const rejected = readFileSync(path.replace(/\.csv$/, '.rejected.csv'), 'utf8')
    .trim()
    .split('\n')
  assert.equal(rejected.length, 1 + many / 1000)
  assert.equal(new Set(rejected).size, rejected.length)
}

function begin(
  path: string,
  ...options: string[]
): { child: ChildProcess; ended: Promise<{ code: number | null; stdout: string; stderr: string }> } {
  const child = spawn(process.execPath, [tmictl, 'import', path, '--json', ...options], {
    env: { ...process.env, ...instance.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (b: Buffer) => (stdout += b.toString()))
  child.stderr?.on('data', (b: Buffer) => (stderr += b.toString()))
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr }))) }
}

/** When the state says that so many lines are done. */
async function past(path: string, lines: number): Promise<void> {
  for (let i = 0; i < 2000; i++, await sleep(10)) if (linesOf(path) >= lines) return
  throw new Error(`the import never came to line ${lines}`)
}

/** How far the state file says the import is. */
function linesOf(path: string): number {
  try {
    const state = JSON.parse(readFileSync(`${path}.tmi-import.json`, 'utf8')) as { counts: { lines: number } }
    return state.counts.lines
  } catch {
    return 0
  }
}

test('killed and interrupted midway, the same command goes on: every line once', { timeout: 120_000 }, async () => {
  const path = bigFile('killed.csv')
  // Small steps, so that there is a midway.
  const options = ['--category', 'killed', '--batch', '100', '--concurrency', '1', '--types', 'n:number']
  const first = begin(path, ...options)
  await past(path, 3000)
  first.child.kill('SIGKILL')
  assert.equal((await first.ended).code, null)
  const reached = linesOf(path)
  const second = begin(path, ...options)
  await past(path, reached + 1000)
  second.child.kill('SIGINT')
  const interrupted = await second.ended
  assert.equal(interrupted.code, 130)
  assert.match(interrupted.stderr, /Goes on at line [\d,]+\.\n[\s\S]*Stopped behind line [\d,]+; the same command goes on there/)
  const { code, stdout } = await begin(path, ...options).ended
  assert.equal(code, 7)
  await onceEach('killed', path, JSON.parse(stdout) as Summary)
})

test('servers that are killed midway are waited for: every line once', { timeout: 120_000 }, async () => {
  const path = bigFile('servers.csv')
  const units = await instance.units()
  // Small steps, so that it lasts longer than a unit needs to come back.
  const { ended } = begin(path, '--category', 'servers', '--batch', '100', '--concurrency', '1', '--types', 'n:number')
  const victims = [
    ['api', 3000],
    ['nats', 15_000],
    ['postgres', 30_000],
  ] as const
  for (const [victim, lines] of victims) {
    await past(path, lines)
    process.kill(units.find((u) => u.name === victim)?.pid ?? 0, 'SIGKILL')
  }
  const { code, stdout, stderr } = await ended
  assert.equal(code, 7, stderr)
  assert.match(stderr, /trying again/)
  await onceEach('servers', path, JSON.parse(stdout) as Summary)
})
