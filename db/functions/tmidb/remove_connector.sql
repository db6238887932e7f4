-- SPDX-License-Identifier: MIT
-- after: connector_named
-- Ends a connector; its readings and its speaker stay.
create or replace function tmidb.remove_connector(p_name text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint := tmidb.connector_named(p_name);
begin
  delete from tmidb.ingest_connector where connector_id = v_id;
  perform graphile_worker.remove_job('connector:' || v_id);
end $$;

comment on function tmidb.remove_connector(text) is 'Removes a connector; what it brought stays.';
revoke all on function tmidb.remove_connector(text) from public;
grant execute on function tmidb.remove_connector(text) to tmidb_admin;
