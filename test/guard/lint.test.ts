// SPDX-License-Identifier: MIT
// The database keeps its own rules (db/lint), and each rule would see its fault.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { withClient } from '../../src/db/superuser.ts'
import { lintedDatabase, lintLogin, readLints, violations } from '../lib/lints.ts'
import type { TestDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await lintedDatabase()
})
after(() => db[Symbol.asyncDispose]())

const lints = readLints()

for (const lint of lints) {
  test(`${lint.name}: ${lint.rule}`, async () => {
    assert.match(lint.rule, /\S/, 'the second line of the file says the rule')
    assert.deepEqual(await withClient(db.superUrl, (client) => violations(client, lint)), [])
  })
}

/** For each rule, what would break it. */
const faults: Record<string, string[]> = {
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
  ],
  foreign_key_index: [
    'drop index tmidb.token_speaker_id_idx',
    'alter table tmidb.audit add target_id uuid references tmidb.target',
  ],
  leakproof: ['alter function tmidb.to_number(jsonb) leakproof'],
  partition_rights: [
    'grant usage on schema tmidb_parts to tmidb_views',
    "do $$ begin execute format('grant select on tmidb_parts.%I to tmidb_views', (select name from tmidb.chunk limit 1)); end $$",
    "do $$ begin execute format('grant select (payload) on tmidb_parts.%I to public', (select name from tmidb.chunk limit 1)); end $$",
  ],
  policy_per_row: [
    'create policy slow on tmidb.ts_obs for select to tmidb_views using (tmidb.rules() ? target_id::text)',
    'create policy slow on tmidb.target to tmidb_views using (true) with check (tmidb.shard_of(key) = 1)',
    'create policy slow on tmidb.target to tmidb_views using ((select tmidb.shard_of(key)) = 1)',
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
}

test('every rule is tried with faults', () => {
  assert.deepEqual(Object.keys(faults).sort(), lints.map((l) => l.name).sort())
})

for (const lint of lints) {
  for (const fault of faults[lint.name] ?? []) {
    test(`${lint.name} sees: ${fault.slice(0, 100)}`, async () => {
      await withClient(db.superUrl, async (client) => {
        await client.query(`begin; ${fault}`)
        assert.notDeepEqual(await violations(client, lint), [])
        await client.query('rollback')
      })
    })
  }
}
