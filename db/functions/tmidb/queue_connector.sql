-- SPDX-License-Identifier: MIT
-- The job of a connector's next run: one of a key each, so that asking again moves it. A key that is just being fetched can lose an
-- addition; the tick of each minute finds what is due and has no job.
create or replace function tmidb.queue_connector(p_connector_id bigint) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('run_connector', json_build_object('connector', connector_id::text),
    run_at => greatest(next_run_at, now()), job_key => 'connector:' || connector_id, max_attempts => 5)
  from tmidb.ingest_connector where connector_id = p_connector_id and is_enabled and next_run_at < 'infinity'
$$;

comment on function tmidb.queue_connector(bigint) is 'Queues the next run of a connector.';
revoke all on function tmidb.queue_connector(bigint) from public;
