-- SPDX-License-Identifier: MIT
-- after: connector_named
-- The last runs of a connector, the newest first.
create or replace function tmidb.connector_runs(p_name text, p_most integer default 20) returns setof tmidb.connector_run
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select * from tmidb.connector_run where connector_id = tmidb.connector_named(p_name) order by run_id desc limit p_most
$$;

comment on function tmidb.connector_runs(text, integer) is 'The last runs of a connector.';
revoke all on function tmidb.connector_runs(text, integer) from public;
grant execute on function tmidb.connector_runs(text, integer) to tmidb_admin;
