-- SPDX-License-Identifier: MIT
-- after: queue_connector
-- Each minute and at each start of the consumer: connectors that are due and that nobody runs get their job (a job may be lost with
-- the process that had it), and old runs go.
create or replace function tmidb.tick_connectors(p_process uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_kept constant interval := '7 days';
  c_most constant int := 1000;
  v_count int;
begin
  perform tmidb.queue_connector(connector_id) from tmidb.ingest_connector
  where is_enabled and next_run_at <= now() and not (run_id is not null and run_process = p_process and run_until > now());
  get diagnostics v_count = row_count;
  delete from tmidb.connector_run where started_at < now() - c_kept;
  -- The last one to go is found once a connector; asked for each run it would read a thousand index entries a time.
  delete from tmidb.connector_run r using (
    select connector_id, (select o.run_id from tmidb.connector_run o where o.connector_id = c.connector_id
                          order by o.run_id desc offset c_most limit 1) as run_id
    from tmidb.ingest_connector c offset 0) last
  where r.connector_id = last.connector_id and r.run_id <= last.run_id;
  return v_count;
end $$;

comment on function tmidb.tick_connectors(uuid) is 'Queues the connectors that are due; returns how many.';
revoke all on function tmidb.tick_connectors(uuid) from public;
grant execute on function tmidb.tick_connectors(uuid) to tmidb_drain;
