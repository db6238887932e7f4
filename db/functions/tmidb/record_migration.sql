-- SPDX-License-Identifier: MIT
-- after: record_audit
-- A migration of an administrator's own writes down what it did, in its own transaction: what is applied and what the history says are
-- one, and both are in the audit.
create or replace function tmidb.record_migration(p_name text, p_direction text, p_sha256 text, p_ms integer, p_person text,
  p_is_transactional boolean default true, p_broke jsonb default null) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_run bigint;
begin
  insert into tmidb.migration_run (name, direction, login, person, duration, sha256, is_transactional, broke)
  values (p_name, p_direction, session_user, left(p_person, 200), make_interval(secs => p_ms / 1000.0), p_sha256, p_is_transactional, p_broke)
  returning run_id into v_run;
  perform tmidb.record_audit(case when p_broke is not null or p_direction = 'accept' then 'migration.forced' else 'migration.run' end,
    p_detail => jsonb_build_object('run_id', v_run, 'name', p_name, 'direction', p_direction, 'person', left(p_person, 200),
      'sha256', p_sha256, 'broke', p_broke));
  return v_run;
end $$;

comment on function tmidb.record_migration(text, text, text, integer, text, boolean, jsonb) is
  'Adds a row to the history of migrations (tmidb.migration_run) and gives its number; p_broke: what of the API was broken by force, told apart in the audit.';
revoke all on function tmidb.record_migration(text, text, text, integer, text, boolean, jsonb) from public;
grant execute on function tmidb.record_migration(text, text, text, integer, text, boolean, jsonb) to tmidb_admin;
