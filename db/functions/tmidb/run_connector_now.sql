-- SPDX-License-Identifier: MIT
-- after: connector_named
-- Runs a connector at once, also one that is not enabled; its schedule stays. With p_is_try nothing is stored and the run's preview
-- shows what would be. Returns the run_id under which tmidb.connector_run tells what came of it, some moments later.
create or replace function tmidb.run_connector_now(p_name text, p_is_try boolean default false) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint := tmidb.connector_named(p_name);
  v_run bigint := nextval('tmidb.connector_run_run_id_seq');
begin
  perform graphile_worker.add_job('run_connector',
    json_build_object('connector', v_id::text, 'run', v_run::text, 'try', p_is_try), max_attempts => 5);
  return v_run;
end $$;

comment on function tmidb.run_connector_now(text, boolean) is 'Runs a connector at once, or tries it without storing; returns run_id.';
revoke all on function tmidb.run_connector_now(text, boolean) from public;
grant execute on function tmidb.run_connector_now(text, boolean) to tmidb_admin;
