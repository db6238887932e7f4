// SPDX-License-Identifier: MIT
// The database keeps its own rules (db/lint): a new one breaks none, each rule sees its faults, and is silent about what only looks
// like one. Cases are tried in one database, each in a transaction that is rolled back.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { root } from '../../scripts/repository.ts'
import { type Finding, findings, type Lint, qualifiedNames, readLints } from '../../src/db/lints.ts'
import { type Client, withClient } from '../../src/db/superuser.ts'
import { lintedDatabase, lintLogin } from '../lib/lints.ts'
import type { TestDatabase } from '../lib/postgres.ts'

let db: TestDatabase
let client: Client
const done = Promise.withResolvers<void>()
let connected: Promise<void>
before(async () => {
  db = await lintedDatabase()
  const open = Promise.withResolvers<void>()
  connected = withClient(db.superUrl, async (c) => {
    client = c
    open.resolve()
    await done.promise
  })
  await open.promise
})
after(async () => {
  done.resolve()
  await connected
  await db[Symbol.asyncDispose]()
})

/** What a rule finds after a change, which is taken back. */
async function tried(lint: Lint, change = ''): Promise<Finding[]> {
  await client.query('begin')
  try {
    if (change) await client.query(change)
    await client.query(qualifiedNames)
    return await findings(client, lint)
  } finally {
    await client.query('rollback')
  }
}

const lints = readLints()
const lintNamed = (name: string): Lint => lints.find((l) => l.name === name) ?? assert.fail(name)

for (const lint of lints) {
  test(`${lint.name}: ${lint.rule}`, async () => assert.deepEqual(await tried(lint), []))
}

const item = 'create table app.item (id int primary key, name text)'
const shown = `${item}; grant select on app.item to tmidb_listener`
const guarded = `${item}; alter table app.item enable row level security`
/** A function of the schema app that nobody may call yet. */
const quiet = (head: string, body = 'return 1') =>
  `create function app.f() returns int language sql ${head} ${body}; revoke execute on function app.f() from public`

/** For each rule, what would break it. */
const faults: Record<string, string[]> = {
  advisory_locks: [
    "create function tmidb.stray() returns void language sql as 'select pg_advisory_xact_lock_shared(1)'",
    'create function api.stray() returns boolean language sql return pg_try_advisory_lock(1, 2)',
    "create function tmidb.stray() returns void language plpgsql as 'begin perform pg_catalog.pg_advisory_lock(1); end'",
  ],
  api_functions: [
    'create function api.stray(int) returns int language sql stable return 1',
    'create function api.latest(n int) returns int language sql stable return 1',
    'alter function api.latest volatile',
    'alter function api.ingest security definer',
    'grant execute on function api.ingest to tmidb_viewer',
    'grant execute on function api.latest to tmidb_speaker',
    'grant execute on function api.latest to public',
  ],
  api_views: [
    'alter view api.sensor_v1 set (security_invoker = true)',
    'alter view api.sensor_v1 owner to tmidb_owner',
    'create table api.stray ()',
    'create materialized view api.stray as select 1 as one',
  ],
  audited_tables: [
    'create table tmidb.stray ()',
    'drop trigger audit on tmidb.access_grant',
    'alter table tmidb.account disable trigger audit',
    'drop trigger audit on tmidb.token; create trigger audit after insert on tmidb.token for each row execute function tmidb.tg_any__audit()',
  ],
  comments: [
    'comment on view api.sensor_v1 is null',
    'comment on column api.sensor_v2.temperature is null',
    'comment on table tmidb.target is null',
    'comment on column tmidb.target.key is null',
    'comment on function tmidb.rules() is null',
  ],
  duplicate_index: [
    'create index on tmidb.target (key)',
    'create index on tmidb.audit (at)',
    'create index on tmidb.geo_trace (target_id)',
    `${item}; create index on app.item (name); create index on app.item (name, id)`,
  ],
  foreign_key_index: [
    'drop index tmidb.token_speaker_id_idx',
    'alter table tmidb.audit add target_id uuid references tmidb.target',
    `${item}; create table app.part (item int references app.item)`,
  ],
  leakproof: [
    'alter function tmidb.to_number(jsonb) leakproof',
    'create function app.f() returns int language sql immutable leakproof return 1',
  ],
  partition_rights: [
    'grant usage on schema tmidb_parts to tmidb_views',
    "do $$ begin execute format('grant select on tmidb_parts.%I to tmidb_views', (select name from tmidb.chunk limit 1)); end $$",
    "do $$ begin execute format('grant select (payload) on tmidb_parts.%I to public', (select name from tmidb.chunk limit 1)); end $$",
  ],
  policy_per_row: [
    'create policy slow on tmidb.ts_obs for select to tmidb_views using (tmidb.rules() ? target_id::text)',
    'create policy slow on tmidb.target to tmidb_views using (true) with check (tmidb.shard_of(key) = 1)',
    'create policy slow on tmidb.target to tmidb_views using ((select tmidb.shard_of(key)) = 1)',
    `${guarded}; create policy p on app.item using (name = tmidb.identity()->>'name')`,
    `${guarded}; create policy p on app.item using (pg_has_role(name, 'member'))`,
    `${guarded}; create policy p on app.item using ((select tmidb.shard_of(name)) = 1)`,
    `${guarded}; create policy p on app.item using (exists (select from app.item i where i.name = tmidb.key_name(item.name)))`,
  ],
  policy_roles: [
    'create policy stray on tmidb.target using (true)',
    'create policy stray on tmidb.token for select to tmidb_admin, tmidb_views using (true)',
    'alter policy owner_all on tmidb.token to public',
    'alter policy listener_read on tmidb.target using (true)',
    'drop policy admin_read on tmidb.audit; create policy admin_read on tmidb.audit to tmidb_admin using (true)',
  ],
  role_members: [
    'grant tmidb_viewer to tmidb_listener',
    'grant tmidb_owner to tmidb_drain',
    'grant pg_read_all_data to tmidb_viewer',
    'grant tmidb_views to tmidb_api',
  ],
  role_powers: ['alter role tmidb_views bypassrls', `alter role ${lintLogin} bypassrls`, 'alter role tmidb_owner superuser'],
  row_security: [
    'alter table tmidb.target disable row level security',
    'alter table tmidb.ts_obs no force row level security',
    'create table tmidb.stray ()',
    "do $$ begin execute format('alter table tmidb_parts.%I no force row level security', (select name from tmidb.chunk limit 1)); end $$",
  ],
  security_definer: [
    'grant execute on function tmidb.rules() to public',
    'alter function tmidb.rules() reset search_path',
    'alter function tmidb.rules() set search_path = public, pg_temp',
    'alter function tmidb.rules() owner to postgres',
  ],
  table_rights: [
    'grant select on tmidb.target to tmidb_listener',
    'grant select (payload) on tmidb.ts_obs to tmidb_api',
    'grant insert on tmidb.ts_obs to tmidb_speaker',
    'grant delete on tmidb.token to tmidb_admin',
    'grant select on tmidb.token to public',
    `grant tmidb_views to ${lintLogin}`,
  ],
  volatility: ['alter function tmidb.rules() volatile', 'alter function tmidb.to_text(jsonb) volatile'],
  anonymous_rights: [
    `${item}; grant select (name) on app.item to tmidb_anonymous`,
    `${item}; grant delete on app.item to public`,
    'grant select on api.sensor_v1 to tmidb_anonymous',
    'create function app.f() returns int language sql return 1',
  ],
  audit_chain: [
    "select tmidb.seal_audit(); alter table tmidb.audit disable trigger all; update tmidb.audit set actor = 'nobody' where seq = 1",
    'select tmidb.seal_audit(); alter table tmidb.audit disable trigger all; delete from tmidb.audit where seq = 1',
  ],
  bypass_role: ['create role stray login bypassrls'],
  default_rights: [
    'alter default privileges for role admin in schema app grant select on tables to public',
    'alter default privileges for role admin grant execute on functions to tmidb_listener',
  ],
  dead_letters: [`insert into tmidb.raw_bucket (reason, payload) values ('TM201', '{}')`],
  delayed_commit: [
    'alter role tmidb_drain set synchronous_commit = off',
    'alter role tmidb_edge set synchronous_commit = local',
    "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$",
  ],
  expiring_token: ["update tmidb.token set used_at = now(), expires_at = now() + interval '6 days'"],
  ledger_balance: ['delete from tmidb.ts_obs', 'update tmidb.ledger set stored = stored + 1, received = received + 1'],
  lone_administrator: ["select tmidb.create_account('admin', null, 'admin'), tmidb.create_account('kim', null, 'editor')"],
  unused_token: ["update tmidb.token set created_at = now() - interval '31 days'"],
  definer_function_exposed: [
    `${quiet('security definer')}; grant execute on function app.f() to tmidb_listener`,
    'create function app.f() returns int language sql security definer return 1',
  ],
  extension_exposed: ['alter extension cube set schema app'],
  extension_outdated: ["update pg_extension set extversion = '1.0' where extname = 'cube'"],
  foreign_key_into_tmidb: ['create table app.part (category int references tmidb.category)'],
  foreign_table_exposed: [
    `create foreign data wrapper far; create server far foreign data wrapper far; create foreign table app.f (a int) server far;
     grant select on app.f to tmidb_listener`,
  ],
  function_search_path: [
    quiet('security definer'),
    "create function app.f() returns trigger language plpgsql as 'begin return NEW; end'",
    `${guarded}; ${quiet('', "as 'select 1'")}; create policy p on app.item using (id = (select app.f()))`,
  ],
  listener_introspection: [`select tmidb.allow_introspection('${lintLogin}')`],
  login_rights: [
    'alter role tmidb_api inherit',
    `${item}; grant select on app.item to tmidb_api`,
    'grant select on api.sensor_v1 to tmidb_edge',
  ],
  materialized_view_exposed: [
    'create materialized view app.m as select 1 as one; grant select on app.m to tmidb_listener',
    'create materialized view app.m as select 1 as one; grant select on app.m to public',
  ],
  multiple_policies: [
    `${guarded}; create policy a on app.item for select to tmidb_listener using (id = 1); create policy b on app.item to tmidb_listener using (id = 2)`,
    `${guarded}; create policy a on app.item for delete using (id = 1); create policy b on app.item for delete using (id = 2)`,
  ],
  no_primary_key: ['create table app.part (id int unique)'],
  open_partition: [
    `create table app.whole (id int) partition by list (id); create table app.one partition of app.whole for values in (1);
     alter table app.whole enable row level security; grant select on app.one to tmidb_listener`,
    `${guarded}; create table app.child () inherits (app.item); grant select (id) on app.child to public`,
  ],
  open_table: [
    shown,
    `${item}; grant select (name) on app.item to tmidb_speaker`,
    `${item}; grant delete on app.item to public`,
    `${item}; grant insert on app.item to tmidb_anonymous`,
    `create schema mine; grant usage on schema mine to tmidb_api; create table mine.t (a int); grant select on mine.t to tmidb_listener`,
  ],
  policy_always_true: [
    `${guarded}; create policy p on app.item for select to tmidb_listener using (true)`,
    `${guarded}; create policy p on app.item using (id = 1) with check (1 = 1)`,
    `${guarded}; create policy p on app.item to tmidb_speaker, tmidb_editor using ((true))`,
  ],
  policy_on_setting: [
    `${guarded}; create policy p on app.item using (name = (select current_setting('app.tenant', true)))`,
    `${guarded}; create policy p on app.item for insert with check (name = (select current_setting('tmidb.claims')::jsonb ->> 'name'))`,
  ],
  policy_without_check: [
    `${guarded}; grant update on app.item to tmidb_listener; create policy p on app.item to tmidb_listener using (id = 1)`,
    `${guarded}; grant insert (name) on app.item to tmidb_editor; create policy p on app.item for update to tmidb_editor using (id = 1)`,
  ],
  policy_without_row_security: [
    `${item}; create policy p on app.item using (id = 1)`,
    'alter table tmidb.token disable row level security',
  ],
  public_functions: [
    'create function app.f() returns int language sql return 1',
    'grant execute on function tmidb.rules() to public',
    'grant execute on function tmidb.shard_of to public',
  ],
  queue_rights: [
    'grant usage on schema graphile_worker to tmidb_listener',
    'create table graphile_worker.stray (); grant select on graphile_worker.stray to public',
  ],
  row_security_not_forced: [guarded],
  row_security_without_policy: [guarded],
  schema_create: ['grant create on schema app to tmidb_editor', 'grant create on schema public to public'],
  sensitive_column: [
    'create table app.person (id int primary key, password_hash text); grant select on app.person to tmidb_listener',
    'create table app.person (id int, api_key text, name text); grant select (name, api_key) on app.person to public',
    'create view app.person as select 1 as id, 2 as user_ssn; grant select on app.person to tmidb_speaker',
  ],
  sensitive_field: [`select tmidb.ingest('login', 'truck-17', '{"password": "x"}'); select tmidb.publish_views()`],
  server_version: [],
  table_bloat: [],
  undocumented: [item],
  unlogged_table: ['create unlogged table app.fast (id int primary key)', 'create unlogged table tmidb.stray ()'],
  unsupported_type: ['create table app.odd (id int, f regproc)'],
  untrusted_language: ["create function app.f() returns timestamptz language internal as 'now'"],
  unused_index: [`${item}; insert into app.item select n, n from generate_series(1, 60000) n; create index on app.item (name)`],
  view_on_secrets: [
    'create view app.people as select login from tmidb.account',
    'create materialized view app.keys as select prefix from tmidb.token',
  ],
  view_owner: ['create view app.v as select 1 as one', 'alter view api.sensor_v1 owner to postgres'],
  view_past_row_security: [
    'create view app.v as select 1 as one; grant select on app.v to tmidb_listener',
    'create view app.v with (security_invoker = off) as select 1 as one; grant select (one) on app.v to public',
  ],
}

/** For each rule about your own tables, what looks like a fault and is none. */
const controls: Record<string, string[]> = {
  anonymous_rights: [`${shown}; ${quiet('')}; grant execute on function app.f() to tmidb_listener`],
  bypass_role: ['create role stray login'],
  default_rights: ['alter default privileges for role admin in schema app grant select on tables to tmidb_viewer'],
  definer_function_exposed: [
    `${quiet('security definer')}; grant execute on function app.f() to tmidb_viewer`,
    `${quiet('security invoker')}; grant execute on function app.f() to tmidb_listener`,
    "create function app.f() returns trigger language plpgsql security definer as 'begin return NEW; end'",
  ],
  dead_letters: [`insert into tmidb.raw_bucket (reason, payload) values ('TM217', '{}')`],
  delayed_commit: ['alter role tmidb_drain set synchronous_commit = on'],
  expiring_token: [
    "update tmidb.token set used_at = now(), expires_at = now() + interval '8 days'",
    "update tmidb.token set expires_at = now() + interval '6 days'",
  ],
  lone_administrator: ["select tmidb.create_account('admin', null, 'admin'), tmidb.create_account('kim', null, 'admin')"],
  unused_token: [
    "update tmidb.token set created_at = now() - interval '31 days', used_at = now()",
    "update tmidb.token set created_at = now() - interval '31 days', revoked_at = now()",
  ],
  duplicate_index: [`${item}; create index on app.item (name); create index on app.item (id, name) where id > 5`],
  extension_exposed: ['create schema mine; alter extension cube set schema mine'],
  foreign_key_index: [
    `${item}; create table app.part (item int references app.item, at int); create index on app.part (item, at)`,
  ],
  foreign_key_into_tmidb: ['create table app.part (target uuid primary key references tmidb.target)'],
  foreign_table_exposed: [
    `create foreign data wrapper far; create server far foreign data wrapper far; create foreign table app.f (a int) server far;
     grant select on app.f to tmidb_viewer`,
  ],
  function_search_path: [
    quiet('', "as 'select 1'"),
    quiet('security definer set search_path = pg_catalog', "as 'select 1'"),
    `${guarded}; ${quiet('')}; create policy p on app.item using (id = (select app.f()))`,
  ],
  leakproof: ['create function app.f() returns int language sql immutable return 1'],
  login_rights: [shown],
  materialized_view_exposed: ['create materialized view app.m as select 1 as one; grant select on app.m to tmidb_viewer'],
  multiple_policies: [
    `${guarded}; create policy a on app.item for select to tmidb_listener using (id = 1); create policy b on app.item for update to tmidb_listener using (id = 2);
     create policy c on app.item for select to tmidb_speaker using (id = 3); create policy d on app.item as restrictive to tmidb_listener using (id < 9)`,
  ],
  no_primary_key: [item],
  open_partition: [
    `create table app.whole (id int) partition by list (id); create table app.one partition of app.whole for values in (1);
     alter table app.whole enable row level security; grant select on app.whole to tmidb_listener; grant select on app.one to tmidb_viewer`,
    `create table app.whole (id int) partition by list (id); create table app.one partition of app.whole for values in (1);
     alter table app.whole enable row level security; alter table app.one enable row level security; grant select on app.one to tmidb_listener`,
  ],
  open_table: [
    `${guarded}; grant select on app.item to tmidb_listener`,
    `${item}; grant select on app.item to tmidb_viewer`,
    'create schema mine; create table mine.t (a int); grant usage on schema mine to public; grant select on mine.t to tmidb_listener',
  ],
  policy_always_true: [
    `${guarded}; create policy p on app.item to tmidb_viewer using (true)`,
    `${guarded}; create policy p on app.item to tmidb_listener using (name = 'true')`,
    `${guarded}; create policy p on app.item as restrictive to tmidb_listener using (true)`,
  ],
  policy_on_setting: [`${guarded}; create policy p on app.item using (name = current_user)`],
  policy_per_row: [
    `${guarded}; create policy p on app.item using (name = (select tmidb.identity()->>'name') and lower(name) = 'x')`,
    `${guarded}; create policy p on app.item using (name = current_user) with check (id = any (array[(select max(i.id) from app.item i)]))`,
  ],
  policy_without_check: [
    `${guarded}; grant update on app.item to tmidb_listener; create policy p on app.item to tmidb_listener using (id = 1) with check (id = 1)`,
    `${guarded}; grant select on app.item to tmidb_listener; create policy p on app.item to tmidb_listener using (id = 1)`,
    `${guarded}; grant update on app.item to tmidb_listener; create policy p on app.item for delete to tmidb_listener using (id = 1)`,
  ],
  policy_without_row_security: [`${guarded}; create policy p on app.item using (id = 1)`],
  public_functions: [quiet(''), "create function app.f() returns trigger language plpgsql as 'begin return NEW; end'"],
  row_security_not_forced: [`${guarded}, force row level security`],
  row_security_without_policy: [`${guarded}; create policy p on app.item to tmidb_viewer using (true)`],
  schema_create: ['create schema mine; grant usage on schema mine to public; grant create on schema mine to tmidb_admin'],
  sensitive_column: [
    'create table app.person (id int, token_count int, pinned bool, passage text); grant select on app.person to tmidb_listener',
    'create table app.person (id int, password text); grant select on app.person to tmidb_viewer; grant select (id) on app.person to tmidb_listener',
  ],
  undocumented: [`${item}; comment on table app.item is 'Things.'`],
  unlogged_table: ['create temporary table fast (id int primary key)'],
  unsupported_type: ['create table app.fine (id int, c regclass, r regrole, t regtype)'],
  unused_index: [
    `${item}; insert into app.item select n, n from generate_series(1, 60000) n; create unique index on app.item (name)`,
    `${item}; create index on app.item (name)`,
  ],
  view_on_secrets: ['create view app.t as select key from tmidb.target'],
  view_owner: [
    'create view app.v with (security_invoker = on) as select 1 as one',
    'create view app.v as select 1 as one; alter view app.v owner to admin',
  ],
  view_past_row_security: [
    'create view app.v with (security_invoker) as select 1 as one; grant select on app.v to tmidb_listener',
    'create view app.v as select 1 as one; grant select on app.v to tmidb_viewer',
  ],
}

/** Those whose fault is not a statement: they have a test of their own below. */
const apart = ['server_version', 'table_bloat']

test('every rule is tried with faults', () => {
  const names = Object.keys(faults).filter((name) => (faults[name]?.length ?? 0) > 0)
  assert.deepEqual([...names, ...apart].sort(), lints.map((l) => l.name).sort())
})

for (const lint of lints) {
  for (const fault of faults[lint.name] ?? []) {
    test(`${lint.name} sees: ${fault.slice(0, 160)}`, async () => {
      const found = await tried(lint, fault)
      assert.ok(found.length > 0)
      for (const { what, mend } of found) assert.ok(what !== '' && mend !== '')
    })
  }
  for (const control of controls[lint.name] ?? []) {
    test(`${lint.name} is silent about: ${control.slice(0, 160)}`, async () => assert.deepEqual(await tried(lint, control), []))
  }
}

test('server_version knows the first good version of each major', async () => {
  const lint = lintNamed('server_version')
  for (const [number, isOld] of [
    [150013, true],
    [150014, false],
    [160009, true],
    [160010, false],
    [170005, true],
    [170006, false],
    [180000, false],
  ]) {
    const sql = lint.sql.replace("current_setting('server_version_num')", `'${number}'`)
    assert.notEqual(sql, lint.sql)
    assert.equal((await tried({ ...lint, sql })).length, isOld ? 1 : 0, String(number))
  }
})

test('table_bloat sees a table that is mostly remains, and not one that holds what it deleted once', async () => {
  const lint = lintNamed('table_bloat')
  try {
    await client.query('create table app.item (id int) with (autovacuum_enabled = off)')
    await client.query('insert into app.item select generate_series(1, 30000)')
    await client.query('delete from app.item where id <= 11000')
    await client.query('select pg_stat_force_next_flush()')
    assert.deepEqual(await tried(lint), [])
    await client.query('delete from app.item where id <= 20000')
    await client.query('select pg_stat_force_next_flush()')
    assert.deepEqual(
      (await tried(lint)).map((f) => f.mend),
      ['vacuum (analyze) app.item;'],
    )
  } finally {
    await client.query('drop table app.item')
  }
})

test('an exception that the comment of the object gives is known by its reason, for the named rule only', async () => {
  const open = lintNamed('open_table')
  const reasonOf = async (comment: string) =>
    (await tried(open, `${shown}; comment on table app.item is '${comment}'`)).map((f) => f.reason)
  assert.deepEqual(await reasonOf('@lint_ok open_table: a public price list\nPrices.'), ['a public price list'])
  assert.deepEqual(await reasonOf('@name thing\n@lint_ok undocumented: x\n@lint_ok open_table: because'), ['because'])
  assert.deepEqual(await reasonOf('@lint_ok undocumented: because'), [null])
  assert.deepEqual(await reasonOf('@lint_ok open_table:'), [null])
  assert.deepEqual(await reasonOf('open_table: @lint_ok'), [null])
  const policy = `${guarded}; create policy p on app.item for select to tmidb_listener using (true); comment on policy p on app.item is '@lint_ok policy_always_true: public'`
  assert.deepEqual(
    (await tried(lintNamed('policy_always_true'), policy)).map((f) => f.reason),
    ['public'],
  )
})

test('the statement that mends a finding mends it', async () => {
  const cases: [string, string][] = [
    ['open_table', shown],
    ['view_past_row_security', 'create view app.v as select 1 as one; grant select on app.v to tmidb_listener'],
    ['foreign_key_index', `${item}; create table app.part (item int references app.item)`],
    ['function_search_path', quiet('security definer', "as 'select 1'")],
    ['public_functions', 'create function app.f() returns int language sql return 1'],
    ['definer_function_exposed', `${quiet('security definer')}; grant execute on function app.f() to tmidb_listener`],
    ['default_rights', 'alter default privileges for role admin in schema app grant select on tables to public'],
    ['login_rights', 'alter role tmidb_api inherit'],
    ['schema_create', 'grant create on schema app to tmidb_editor'],
    ['no_primary_key', 'create table app.part (a int)'],
    ['unlogged_table', 'create unlogged table app.fast (id int primary key)'],
    ['sensitive_column', 'create table app.person (id int, api_key text); grant select on app.person to tmidb_listener'],
    ['materialized_view_exposed', 'create materialized view app.m as select 1 as one; grant select on app.m to public'],
    ['policy_without_row_security', `${item}; create policy p on app.item using (id = 1)`],
    ['row_security_not_forced', guarded],
    ['listener_introspection', `select tmidb.allow_introspection('${lintLogin}')`],
    ['open_partition', `${guarded}; create table app.child () inherits (app.item); grant select on app.child to tmidb_listener`],
  ]
  for (const [name, fault] of cases) {
    const mends = (await tried(lintNamed(name), fault)).map((f) => f.mend)
    assert.ok(mends.length > 0, name)
    assert.deepEqual(await tried(lintNamed(name), `${fault}; ${mends.join('\n')}`), [], name)
  }
})

/** The names of the rules of supabase/splinter, whose idea this is. */
const splinter =
  `unindexed_foreign_keys auth_users_exposed auth_rls_initplan no_primary_key unused_index multiple_permissive_policies
  policy_exists_rls_disabled rls_enabled_no_policy duplicate_index security_definer_view function_search_path_mutable
  auth_allow_anonymous_sign_ins rls_disabled_in_public extension_in_public rls_references_user_metadata materialized_view_in_api
  foreign_table_in_api unsupported_reg_types insecure_queue_exposed_in_api table_bloat fkey_to_auth_unique extension_versions_outdated
  sensitive_columns_exposed permissive_rls_policy public_bucket_allows_listing pg_graphql_anon_table_exposed
  pg_graphql_authenticated_table_exposed anon_security_definer_function_executable authenticated_security_definer_function_executable`.split(
    /\s+/,
  )

test('docs/lints.md names every rule with its level and sentence, and says of each of the 29 of splinter where it is', () => {
  const text = readFileSync(join(root, 'docs', 'lints.md'), 'utf8')
  const rows = [...text.matchAll(/^\| \[(\w+)\]\(\.\.\/db\/lint\/\w+\.sql\) \| (\w+) \| (.+) \|$/gm)].map(
    ([, name, level, rule]) => ({ name, level, rule }),
  )
  assert.deepEqual(
    rows,
    lints.map(({ name, level, rule }) => ({ name, level, rule })),
  )
  const ours = [...text.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, name, where = '']) => ({ name, where }))
  assert.deepEqual(
    ours.map((o) => o.name),
    splinter,
  )
  for (const { where } of ours)
    for (const [, name] of where.matchAll(/`(\w+)`/g)) assert.ok(existsSync(join(root, 'db', 'lint', `${name}.sql`)), name)
})
