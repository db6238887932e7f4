// SPDX-License-Identifier: MIT
// tmictl migrate: users' own migrations against a real database, the command itself where its words and exit codes matter.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ApiChange } from '../../src/api/change.ts'
import { type Contract, readContract } from '../../src/api/contract.ts'
import { apiDiff } from '../../src/api/diff.ts'
import { loadCatalog } from '../../src/api/rest/catalog.ts'
import { TmiError } from '../../src/base/errors.ts'
import { readFolder } from '../../src/db/migrations/files.ts'
import { readHistory, statesOf } from '../../src/db/migrations/history.ts'
import { Busy } from '../../src/db/migrations/lock.ts'
import type { Extent } from '../../src/db/migrations/plan.ts'
import { rehearse, run } from '../../src/db/migrations/run.ts'
import type { Options } from '../../src/db/migrations/session.ts'
import { type Claims, openPool, readAs } from '../../src/db/pool.ts'
import { snapshot } from '../../src/db/snapshot.ts'
import { withClient } from '../../src/db/superuser.ts'
import { launch, run as tmictl } from '../lib/instance.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'
import { until } from '../walk/doors.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.ingest('car', 'truck-1', '{"speed": 1.5}'), tmidb.ingest('car', 'truck-2', '{"speed": 2.5}')`)
})
after(async () => await db?.[Symbol.asyncDispose]())

interface World extends Disposable {
  dir: string
  said: string[]
  /** Adds a migration; a table is named by the world, so that the tests share a database. */
  add(name: string, up: string, down?: string): string
  up(extent?: Extent, more?: Partial<Options<Contract, ApiChange>>): ReturnType<typeof run<Contract, ApiChange>>
  down(extent?: Extent, more?: Partial<Options<Contract, ApiChange>>): ReturnType<typeof run<Contract, ApiChange>>
  options: Options<Contract, ApiChange>
}

let minute = 0

const judged = { read: readContract, diff: apiDiff }

/** For what has nothing to do with the API, which takes its time to read. */
const unjudged = { read: () => Promise.resolve(null as never), diff: () => [] }

function world(api: Options<Contract, ApiChange>['api'] = unjudged): World {
  const dir = mkdtempSync(join(tmpdir(), 'tmidb-migrations-'))
  const said: string[] = []
  const options: Options<Contract, ApiChange> = {
    url: db.url('admin'),
    dir,
    api,
    person: 'kim@desk',
    force: false,
    allowOutOfOrder: false,
    waitMs: 20_000,
    signal: new AbortController().signal,
    say: (line) => void said.push(line),
  }
  return {
    dir,
    said,
    options,
    add(name, up, down) {
      const file = /^\d/.test(name) ? name : `2090010100${String(minute++).padStart(2, '0')}00_${name}`
      writeFileSync(
        join(dir, `${file}.sql`),
        `-- Up Migration\n${up}\n${down === undefined ? '' : `-- Down Migration\n${down}\n`}`,
      )
      return file
    },
    up: (extent = {}, more = {}) => run({ ...options, ...more }, 'up', extent),
    down: (extent = {}, more = {}) => run({ ...options, ...more }, 'down', extent),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

const command = (dir: string, ...args: string[]) =>
  tmictl(['migrate', ...args, ...(args[0] === 'new' ? [] : ['--postgres', db.url('admin')])], { TMIDB_MIGRATIONS: dir })

const exists = async (name: string) =>
  (await db.query<{ there: boolean }>('select to_regclass($1) is not null as there', [name]))[0]?.there

async function relations(): Promise<string[]> {
  const pool = openPool(db.url('tmidb_api'), { max: 1, application: 'test' })
  try {
    return [...(await loadCatalog(pool)).relations.keys()]
  } finally {
    await pool.end()
  }
}

async function refusal(promise: Promise<unknown>): Promise<TmiError> {
  const e = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(e instanceof TmiError, String(e))
  return e
}

const runsOf = async (dir: string) => {
  const names = new Set(readFolder(dir).migrations.map((m) => m.name))
  return (await withClient(db.url('admin'), readHistory)).filter((r) => names.has(r.name))
}

test('new writes a file that up applies as it is: the API has it, a listener its own rows, nothing is left to mind; down takes it away', async () => {
  using w = world()
  const made = await command(w.dir, 'new', 'add sites')
  assert.equal(made.code, 0, made.stderr)
  const path = made.stdout.trim()
  assert.match(path, /\/\d{14}_add_sites\.sql$/)
  const applied = await command(w.dir, 'up')
  assert.equal(applied.code, 0, applied.stderr)
  assert.match(
    applied.stdout,
    /_add_sites applied\n[\s\S]*\+ GraphQL {2}Query\.sites was added[\s\S]*\+ OpenAPI {2}GET \/api\/site was added\./,
  )
  assert.doesNotMatch(applied.stdout, /Mind/)
  assert.ok((await relations()).includes('site'))

  await db.query(`insert into app.site (target_id, name) select target_id, 'of ' || key from tmidb.target;
    select tmidb.create_listener('driver'); select tmidb.subscribe('driver', 'car', '{truck-2}')`)
  const [listener] = await db.query<{ id: string }>(`select listener_id as id from tmidb.listener where name = 'driver'`)
  const pool = openPool(db.url('tmidb_api'), { max: 1, application: 'test' })
  const claims: Claims = { role: 'tmidb_listener', listener_id: listener?.id ?? '', name: 'driver' }
  const { rows } = await readAs<{ name: string }>(pool, claims, { text: 'select name from app.site' })
  await pool.end()
  assert.deepEqual(rows, [{ name: 'of truck-2' }])

  const refused = await command(w.dir, 'down')
  assert.equal(refused.code, 7)
  assert.match(refused.stdout, /^This breaks the API[\s\S]*! GraphQL {2}Query\.sites was removed\./)
  assert.match(refused.stderr, /would break the API; nothing of it was kept\.\n {2}.*--force/)
  assert.ok(await exists('app.site'))
  const back = await command(w.dir, 'down', '--force', '--json')
  assert.equal(back.code, 0, back.stderr)
  assert.ok(!(await relations()).includes('site'))
  const runs = await runsOf(w.dir)
  assert.deepEqual(
    runs.map((r) => [r.direction, r.login, r.transactional, (r.broke?.length ?? 0) > 5]),
    [
      ['up', 'admin', true, false],
      ['down', 'admin', true, true],
    ],
  )
  const audit = await db.query(`select actor, detail->>'direction' as direction, jsonb_array_length(detail->'broke') > 5 as many
    from tmidb.audit where kind = 'migration.forced' and detail->>'name' = $1`, [runs[0]?.name]) // biome-ignore format: a query
  assert.deepEqual(audit, [{ actor: 'admin', direction: 'down', many: true }])
})

test('a dry run prints the SQL and what the API would become, warns of what was forgotten, and changes nothing', async () => {
  using w = world()
  w.add('dry', 'create table dry (dry_id int primary key, target_id uuid references tmidb.target);')
  w.add(
    'dry2',
    `alter table dry add column note text; create view dry_view as select * from dry;
    create materialized view dry_kept as select * from dry; grant select on dry_kept to tmidb_listener;
    create function dry_count() returns bigint language sql stable security definer return (select count(*) from app.dry);
    grant execute on function dry_count() to public;`,
  )
  const was = await withClient(db.superUrl, snapshot)
  const { code, stdout, stderr } = await command(w.dir, 'up', '--dry-run')
  assert.equal(code, 0, stderr)
  assert.match(
    stdout,
    /create table dry \(dry_id int[\s\S]*alter table dry add column note text;[\s\S]*language sql stable security definer/,
  )
  assert.match(stdout, /\+ GraphQL {2}Query\.dries was added[\s\S]*\+ OpenAPI {2}GET \/api\/dry was added/)
  assert.match(stdout, /Mind: app\.dry has no row security.*\n +alter table app\.dry enable row level security/)
  assert.match(stdout, /Mind: app\.dry has no comment/)
  assert.match(
    stdout,
    /Mind: The foreign key dry_target_id_fkey of app\.dry has no index.*\n +create index on app\.dry \(target_id\);/,
  )
  assert.match(
    stdout,
    /Mind: app\.dry_view reads with the rights of its owner.*\n +alter view app\.dry_view set \(security_invoker = true\);/,
  )
  assert.match(
    stdout,
    /Mind: app\.dry_kept holds rows that its owner read.*\n +revoke all on app\.dry_kept from public, tmidb_listener/,
  )
  assert.match(
    stdout,
    /Mind: app\.dry_count\(\) may be called by everybody\.[\s\S]*Mind: app\.dry_count\(\) runs with the rights of its owner/,
  )
  assert.match(stdout, /Nothing was changed\.\n$/)
  assert.equal(await withClient(db.superUrl, snapshot), was)
  assert.deepEqual(await runsOf(w.dir), [])
})

test('what breaks a caller of today is refused with TM306 and told in both languages of the API; --force does it', async () => {
  using w = world(judged)
  w.add('pump', 'create table pump (pump_id int primary key, name text, size int);')
  await w.up()
  const name = w.add('less', 'alter table pump drop column name; alter table pump alter column size type text;')
  const refused = await refusal(w.up())
  assert.equal(refused.code, 'TM306')
  const changes = refused.details as ApiChange[]
  assert.ok(changes.every((c) => c.breaking))
  const told = changes.map((c) => c.text)
  for (const text of ['Pump.name was removed.', 'pump.name was removed, for viewers, editors, admins.', 'Pump.size changed type from Int to String.', 'pump.size changed from integer or null (int32) to string or null, for viewers, editors, admins.'])
    assert.ok(told.includes(text), `${text} in ${told.join(' ')}`) // biome-ignore format: one list
  const tried = await rehearse(w.options, 'up', {})
  assert.deepEqual(tried.changes.filter((c) => c.breaking), changes) // biome-ignore format: one comparison
  assert.deepEqual((await runsOf(w.dir)).map((r) => r.direction), ['up']) // biome-ignore format: one comparison
  const { steps } = await w.up({}, { force: true })
  assert.deepEqual(steps.map((s) => [s.name, s.broke.length]), [[name, changes.length]]) // biome-ignore format: one comparison
})

test('an empty database takes a whole history, what it renames on the way included', async () => {
  using w = world(judged)
  w.add('first', 'create table valve (valve_id int primary key, nmae text);')
  w.add('second', 'alter table valve rename column nmae to name;')
  assert.equal((await w.up()).steps.length, 2)
})

test('two that come at once apply everything once: one waits', async () => {
  using w = world()
  w.add('slow', 'select pg_sleep(0.3); create table once (once_id int primary key);')
  w.add('slower', 'insert into once values (1);')
  const both = await Promise.all([w.up(), w.up()])
  assert.deepEqual(both.map((o) => o.steps.length).sort(), [0, 2])
  assert.ok(w.said.some((line) => /^Another migration runs \(admin, process \d+ of PostgreSQL\); waiting up to 20 s/.test(line)))
  assert.deepEqual(await db.query('select * from app.once'), [{ once_id: 1 }])
  await withClient(db.url('admin'), async (holder) => {
    await holder.query(`select pg_advisory_lock(hashtextextended('tmidb.migration_run', 0))`)
    await assert.rejects(w.up({}, { waitMs: 0 }), Busy)
  })
})

test('a statement that fails is shown with its line; nothing of its migration stays, what came before does', async () => {
  using w = world()
  w.add('good', 'create table kept (kept_id int primary key);')
  const bad = w.add(
    'bad',
    `create table lost (lost_id int);\ncomment on table lost is 'a; b';\ninsert into lost\n  values (1 / 0);`,
  )
  w.add('later', 'create table later (later_id int);')
  const e = await refusal(w.up())
  assert.match(e.message, new RegExp(`${bad}\\.sql:4: division by zero$`))
  assert.match(e.hint, / {4}4 \| insert into lost[\s\S]*Nothing of \d+_bad was kept\./)
  assert.deepEqual(await Promise.all(['app.kept', 'app.lost', 'app.later'].map(exists)), [true, false, false])
  w.add(bad, 'create table lost (lost_id in);')
  const again = await refusal(w.up())
  assert.match(again.hint, /2 \| create table lost \(lost_id in\);\n +\| {28}\^/)
})

test('a file that was edited after it was applied stops up until it is accepted; its Down part may be mended', async () => {
  using w = world()
  const name = w.add('edited', 'create table edited (n int);', 'drop table edite;')
  await w.up()
  w.add(name, 'create table edited (n int);', 'drop table edited;')
  assert.deepEqual((await w.up()).steps, [])
  w.add(name, 'create table edited (n bigint);', 'drop table edited;')
  const status = await command(w.dir, 'status', '--json')
  assert.equal(status.code, 7)
  const found = (JSON.parse(status.stdout) as { migrations: { name: string; state: string }[] }).migrations
  assert.equal(found.find((m) => m.name === name)?.state, 'changed')
  await assert.rejects(w.up(), /Edited after it was applied: .*_edited\.sql/)
  assert.deepEqual((await w.up({}, { force: true })).steps, [])
  assert.deepEqual((await w.up()).steps, [])
  assert.deepEqual((await runsOf(w.dir)).map((r) => r.direction), ['up', 'accept']) // biome-ignore format: one comparison
})

test('what is older than the last that is applied needs a word; --to says which is the last, both ways', async () => {
  using w = world()
  const [a, b, c] = ['a', 'b', 'c'].map((n) => w.add(`order_${n}`, `create table order_${n} (n int);`, `drop table order_${n};`))
  const late = w.add('20250101000000_late', 'create table order_late (n int);', 'drop table order_late;')
  await assert.rejects(w.up(), /Older than what is applied already: 20250101000000_late/)
  assert.deepEqual((await w.up({ to: b }, { allowOutOfOrder: true })).steps.map((s) => s.name), [late, a, b]) // biome-ignore format: one comparison
  assert.deepEqual((await w.down({ to: a }, { force: true })).steps.map((s) => s.name), [b]) // biome-ignore format: one comparison
  assert.deepEqual((await w.up({ count: 1 })).steps.map((s) => s.name), [b]) // biome-ignore format: one comparison
  const folder = readFolder(w.dir)
  const states = statesOf(folder, await withClient(db.url('admin'), readHistory)).filter((s) => s.migration)
  assert.deepEqual(states.map((s) => [s.name, s.state]), [[late, 'applied'], [a, 'applied'], [b, 'applied'], [c, 'pending']]) // biome-ignore format: a table
  await assert.rejects(w.up({ to: 'nowhere' }), /The migration nowhere is not in/)
})

test('Ctrl-C ends the statement that runs and leaves nothing of its migration', async () => {
  using w = world()
  const first = w.add('before', 'create table before_it (n int);')
  w.add('long', 'create table half (n int); select pg_sleep(60);')
  const child = launch(['migrate', 'up', '--postgres', db.url('admin')], { TMIDB_MIGRATIONS: w.dir })
  let said = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString()
  })
  const sleeping = () =>
    db.query(`select from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid() and state = 'active'
      and datname = current_database()`)
  await until('sleeping', async () => (await sleeping()).length > 0 || null)
  child.kill('SIGINT')
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 130, said)
  assert.match(said, new RegExp(`Nothing of what was running was kept; done before: ${first}\\.`))
  assert.deepEqual(await sleeping(), [])
  assert.equal(await exists('app.half'), false)
  assert.deepEqual((await runsOf(w.dir)).map((r) => r.name), [first]) // biome-ignore format: one comparison
})

test('an index is built concurrently by a file that asks for no transaction; one that fails leaves no invalid index', async () => {
  using w = world()
  w.add('log', 'create table log (n int, m int); insert into log values (1, 1), (2, 1);')
  await w.up()
  const outside = (name: string, sql: string) => {
    const file = w.add(name, sql)
    const path = join(w.dir, `${file}.sql`)
    writeFileSync(path, `-- no transaction\n${readFileSync(path, 'utf8')}`)
    return path
  }
  outside('index', 'create index concurrently log_n_idx on app.log (n);')
  assert.deepEqual((await w.up()).steps.map((s) => s.transactional), [false]) // biome-ignore format: one comparison
  assert.equal((await runsOf(w.dir)).at(-1)?.transactional, false)
  const path = outside('unique', 'create unique index concurrently log_m_idx on app.log (m);')
  await assert.rejects(w.up(), /could not create unique index "log_m_idx"/)
  assert.equal(await exists('app.log_m_idx'), false)
  writeFileSync(path, '-- no transaction\n-- Up Migration\ncreate index concurrently x on app.log (m);\nreindex table app.log;')
  await assert.rejects(w.up(), /:4: A file with "-- no transaction" has one statement only/)
  writeFileSync(path, '-- no transaction\n-- Up Migration\ndrop table app.log;')
  await assert.rejects(w.up(), /:3: This statement needs a transaction/)
  writeFileSync(path, '-- Up Migration\ndrop index app.log_n_idx;\ncommit;')
  await assert.rejects(w.up(), /:3: "commit" cannot stand in a migration/)
  assert.ok(await exists('app.log_n_idx'))
})

test('the API is told with the commit, and history is written only by its function', async () => {
  using w = world()
  w.add('told', 'create table told (n int);')
  await withClient(db.superUrl, async (client) => {
    const { rows } = await client.query<{ channel: string }>(`select tmidb.channel('schema') as channel`)
    const told = new Promise((resolve) => client.once('notification', resolve))
    await client.query(`listen ${client.escapeIdentifier(rows[0]?.channel ?? '')}`)
    await w.up()
    await told
  })
  for (const sql of ['delete from tmidb.migration_run', `update tmidb.migration_run set name = '1'`]) {
    await assert.rejects(
      withClient(db.url('admin'), (c) => c.query(sql)),
      /permission denied for table migration_run/,
    )
  }
})
