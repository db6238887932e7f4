-- SPDX-License-Identifier: MIT
-- after: next_run, failure_wait, queue_connector
-- Ends a run that brought nothing: p_run with code, message and, if the source said so, retry_after_s. Each failure in a row doubles
-- the wait from 5 s up to an hour. False where the run is not the connector's any more.
create or replace function tmidb.fail_run(p_run jsonb) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint := (p_run->>'connector')::bigint;
  v_is_try boolean := coalesce((p_run->>'try')::boolean, false);
begin
  if v_is_try then
    perform from tmidb.ingest_connector where connector_id = v_id;
  else
    update tmidb.ingest_connector set run_id = null, run_process = null, run_until = null, failures = failures + 1,
      failing_since = coalesce(failing_since, (p_run->>'started_at')::timestamptz, now()),
      next_run_at = greatest(coalesce(tmidb.next_run(schedule, next_run_at, now()), 'infinity'),
        now() + tmidb.failure_wait(failures),
        now() + least(coalesce((p_run->>'retry_after_s')::numeric, 0), 86400) * interval '1 s')
    where connector_id = v_id and run_id = (p_run->>'run')::bigint;
  end if;
  if not found then return false; end if;
  perform tmidb.queue_connector(v_id);
  insert into tmidb.connector_run (run_id, connector_id, started_at, is_try, status, http_status, bytes, code, message)
  values ((p_run->>'run')::bigint, v_id, coalesce((p_run->>'started_at')::timestamptz, now()), v_is_try, 'error',
    (p_run->>'http_status')::smallint, coalesce((p_run->>'bytes')::bigint, 0), p_run->>'code', left(p_run->>'message', 500))
  on conflict (run_id) do nothing;
  return true;
end $$;

comment on function tmidb.fail_run(jsonb) is 'Notes a failed run of a connector and when it is tried again.';
revoke all on function tmidb.fail_run(jsonb) from public;
grant execute on function tmidb.fail_run(jsonb) to tmidb_drain;
