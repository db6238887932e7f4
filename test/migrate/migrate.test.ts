// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { dbDir, history, migrate, migrateDown } from '../../src/db/migrate.ts'
import { Busy } from '../../src/db/migrations/lock.ts'
import { snapshot } from '../../src/db/snapshot.ts'
import { withClient } from '../../src/db/superuser.ts'
import { emptyDatabase, testDatabase, testPasswords } from '../lib/postgres.ts'

function copyOfDb(): { dir: string } & Disposable {
  const top = mkdtempSync(join(tmpdir(), 'tmidb-sql-'))
  const dir = join(top, 'db')
  cpSync(dbDir, dir, { recursive: true })
  return { dir, [Symbol.dispose]: () => rmSync(top, { recursive: true, force: true }) }
}

test('migrating a migrated database changes nothing', async () => {
  await using db = await testDatabase()
  const before = await withClient(db.superUrl, snapshot)
  const again = await migrate({ superuserUrl: db.superUrl, passwords: testPasswords })
  assert.deepEqual(again.steps, [])
  assert.equal(again.codeApplied, false)
  assert.equal(await withClient(db.superUrl, snapshot), before)
})

test('one migration at a time: an administrator’s is waited for, and a stranger who holds its lock is sent away', async () => {
  await using db = await testDatabase()
  const take = `select pg_advisory_lock(hashtextextended('tmidb.migrate', 0))`
  await withClient(db.superUrl, async (other) => {
    await other.query(take)
    await assert.rejects(migrate({ superuserUrl: db.superUrl, waitMs: 0 }), Busy)
  })
  await withClient(db.url('tmidb_edge'), async (stranger) => {
    await stranger.query(take)
    await migrate({ superuserUrl: db.superUrl, waitMs: 0 })
    await assert.rejects(stranger.query('select 1'))
  })
})

test('up, all the way down, and up again gives the same database', async () => {
  await using db = await testDatabase()
  const before = await withClient(db.superUrl, snapshot)
  const steps = await history({ superuserUrl: db.superUrl })
  const down = await migrateDown({ superuserUrl: db.superUrl }, steps.length)
  assert.deepEqual(down, steps.map((s) => s.name).reverse())
  assert.ok((await history({ superuserUrl: db.superUrl })).every((s) => s.appliedAt === null))
  const up = await migrate({ superuserUrl: db.superUrl })
  assert.deepEqual(
    up.steps,
    steps.map((s) => s.name),
  )
  assert.equal(await withClient(db.superUrl, snapshot), before)
})

test('an empty database becomes the same as the template', async () => {
  await using empty = await emptyDatabase()
  await using db = await testDatabase()
  await migrate({ superuserUrl: empty.superUrl })
  assert.equal(await withClient(empty.superUrl, snapshot), await withClient(db.superUrl, snapshot))
})

test('a database with a step that is unknown here is refused', async () => {
  await using db = await testDatabase()
  await db.query(`insert into tmidb.migration (name, run_on) values ('9999_future', now())`)
  await assert.rejects(migrate({ superuserUrl: db.superUrl }), /made by a newer tmiDB: its step 9999_future is unknown here/)
})

test('changed code is applied again without a schema step', async () => {
  await using db = await testDatabase()
  using sql = copyOfDb()
  const name = 'zz_only_for_this_test'
  writeFileSync(
    join(sql.dir, 'functions', 'tmidb', `${name}.sql`),
    `-- SPDX-License-Identifier: MIT\ncreate or replace function tmidb.${name}() returns int language sql immutable return 7;\n`,
  )
  const done = await migrate({ superuserUrl: db.superUrl, dir: sql.dir })
  assert.deepEqual(done.steps, [])
  assert.equal(done.codeApplied, true)
  const rows = await db.query(`select tmidb.${name}() as n, pg_get_userbyid(proowner) as owner from pg_proc where proname = $1`, [
    name,
  ])
  assert.deepEqual(rows, [{ n: 7, owner: 'tmidb_owner' }])
})

test('an error in code names its file and line, and nothing of the change is kept', async () => {
  await using db = await testDatabase()
  using sql = copyOfDb()
  appendFileSync(join(sql.dir, 'functions', 'tmidb', 'error_code.sql'), '\nselect 1 / 0;\n')
  const before = await withClient(db.superUrl, snapshot)
  await assert.rejects(
    migrate({ superuserUrl: db.superUrl, dir: sql.dir }),
    /^TmiError: db\/functions\/tmidb\/error_code\.sql:\d+: division by zero/,
  )
  assert.equal(await withClient(db.superUrl, snapshot), before)
})

test('an error in a schema step names its file and line, and the step is not in the history', async () => {
  await using db = await testDatabase()
  using sql = copyOfDb()
  writeFileSync(
    join(sql.dir, 'schema', '9999_broken.sql'),
    '-- SPDX-License-Identifier: MIT\n-- Up Migration\ncreate table tmidb.one (n int);\ncreate table tmidb.two (n nonsense);\n-- Down Migration\ndrop table tmidb.one;\n',
  )
  await assert.rejects(
    migrate({ superuserUrl: db.superUrl, dir: sql.dir }),
    /^TmiError: db\/schema\/9999_broken\.sql:4: type "nonsense" does not exist/,
  )
  assert.ok(!(await history({ superuserUrl: db.superUrl })).some((s) => s.name === '9999_broken'))
})

test('"-- after" in a circle is refused by name', async () => {
  await using db = await testDatabase()
  using sql = copyOfDb()
  const folder = join(sql.dir, 'functions', 'tmidb')
  writeFileSync(join(folder, 'zz_a.sql'), '-- after: zz_b\nselect 1;')
  writeFileSync(join(folder, 'zz_b.sql'), '-- after: zz_a\nselect 1;')
  await assert.rejects(migrate({ superuserUrl: db.superUrl, dir: sql.dir }), /goes in a circle: zz_a > zz_b > zz_a/)
})

test('two that migrate at once do not disturb each other', async () => {
  await using db = await emptyDatabase()
  const done = await Promise.all([1, 2].map(() => migrate({ superuserUrl: db.superUrl })))
  assert.equal(done.filter((d) => d.steps.length > 0).length, 1)
})

test('the queue is in place, and each login connects with its password', async () => {
  await using db = await testDatabase()
  for (const login of ['tmidb_api', 'tmidb_edge', 'tmidb_drain', 'tmidb_worker', 'admin'] as const) {
    const { rows } = await withClient(db.url(login), (c) => c.query('select current_user as me'))
    assert.deepEqual(rows, [{ me: login }])
  }
  const jobs = await withClient(db.url('tmidb_worker'), (c) => c.query('select count(*)::int as n from graphile_worker.jobs'))
  assert.deepEqual(jobs.rows, [{ n: 0 }])
  await assert.rejects(
    withClient(db.url('tmidb_worker'), (c) => c.query('create schema mine')),
    /permission denied for database/,
  )
})

test('traces are made anew from the readings when they begin to say their category, and survive the way back', async () => {
  await using db = await testDatabase()
  const trace = () =>
    db.query('select t.key, g.ts, g.lat, g.lon from tmidb.geo_trace g join tmidb.target t using (target_id) order by 1, 2')
  await db.query(`select tmidb.ingest('car', 'a', jsonb_build_object('lat', i, 'lon', 2.5), now() - i * interval '1 minute') from generate_series(1, 5) i;
    select tmidb.ingest('boat', 'b', '{"Latitude": 3, "lng": 4}'), tmidb.ingest('boat', 'b', '{"Latitude": "north", "lng": 4}')`)
  const before = await trace()
  assert.equal(before.length, 6)
  const steps = (await history({ superuserUrl: db.superUrl })).map((s) => s.name)
  await migrateDown({ superuserUrl: db.superUrl }, steps.length - steps.indexOf('0007_geo'))
  assert.deepEqual(await trace(), before)
  await migrate({ superuserUrl: db.superUrl })
  assert.deepEqual(await trace(), before)
  const sources = await db.query(`select distinct c.name, s.latitude_field, s.longitude_field from tmidb.geo_trace g
    join tmidb.geo_source s using (source_id) join tmidb.category c on c.category_id = g.category_id and c.category_id = s.category_id order by 1`)
  assert.deepEqual(sources, [
    { name: 'boat', latitude_field: 'Latitude', longitude_field: 'lng' },
    { name: 'car', latitude_field: 'lat', longitude_field: 'lon' },
  ])
})

test('fields whose keys have a dot keep their columns and rights when names begin to join the keys of a path', async () => {
  await using db = await testDatabase()
  const steps = (await history({ superuserUrl: db.superUrl })).map((s) => s.name)
  await db.query(`select tmidb.ingest('sensor', 'a', '{"p.x": 1, "b\\\\s": 2, "t": 3}'), tmidb.create_listener('one')`)
  await migrateDown({ superuserUrl: db.superUrl }, steps.length - steps.indexOf('0010_nested'))
  // As it was written before: names were keys.
  await db.query(`update tmidb.schema_version set fields = (select jsonb_agg(f - 'path' || jsonb_build_object('name', coalesce(f->'path'->>0, f->>'name')) order by o)
      from jsonb_array_elements(fields) with ordinality a(f, o));
    update tmidb.rollup_field set name = 'p.x' where name = 'p\\.x';
    update tmidb.rollup_field set name = 'b\\s' where name = 'b\\\\s';
    insert into tmidb.listener_subscriptions (listener_id, category_id, fields) select listener_id, category_id, array['p.x', 't'] from tmidb.listener, tmidb.category;
    update tmidb.permission_class set rules = (select jsonb_build_object(category_id || '/*', '{"p.x": 1, "t": 1}'::jsonb) from tmidb.category)`)
  await migrate({ superuserUrl: db.superUrl })
  const [row] = await db.query(`select
      (select jsonb_agg(f - 'graphql') from tmidb.schema_version, jsonb_array_elements(fields) f) as fields,
      (select jsonb_agg(name order by name collate "C") from tmidb.rollup_field) as rolled,
      (select fields from tmidb.listener_subscriptions) as subscribed,
      (select c.rules -> (select category_id || '/*' from tmidb.category) from tmidb.listener join tmidb.permission_class c using (class_id)) as mask`)
  assert.deepEqual(row, {
    fields: [
      { name: 'b\\\\s', path: ['b\\s'], type: 'integer', column: 'b\\s' },
      { name: 'p\\.x', path: ['p.x'], type: 'integer', column: 'p.x' },
      { name: 't', type: 'integer', column: 't' },
    ],
    rolled: ['b\\\\s', 'p\\.x', 't'],
    subscribed: ['p\\.x', 't'],
    mask: { 'p\\.x': 1, t: 1 },
  })
  assert.deepEqual(await db.query('select "p.x", "b\\s", t from api.sensor_v1'), [{ 'p.x': 1, 'b\\s': 2, t: 3 }])
})
