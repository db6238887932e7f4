-- SPDX-License-Identifier: MIT
-- after: preview_readings, keep_refused, document_readings, pulled_readings, changed_readings, ingest_for, next_run, failure_wait, queue_connector
-- Ends a run that was answered: readings, how far the connector is now, the run's row and the next run, in one transaction, so that
-- nothing is stored twice or left out whenever a process dies. Only the run that is noted at the connector may (TM001 otherwise).
--   p_run      what tmidb.lease_connector gave, and: http_status, bytes, etag, last_modified, hash, not_modified
--   p_document the answer as JSON text: a web document, or [{"w", "t", "r"}] of a foreign PostgreSQL; null if it did not change
create or replace function tmidb.finish_run(p_run jsonb, p_document text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_most_ties constant int := 10000;
  -- Of a web document that is read again and again; rows of a pull come once, and all of them are kept.
  c_most_bad constant int := 1000;
  v tmidb.ingest_connector;
  v_id bigint := (p_run->>'connector')::bigint;
  v_run_id bigint := (p_run->>'run')::bigint;
  v_is_try boolean := coalesce((p_run->>'try')::boolean, false);
  v_document jsonb;
  v_target text;
  v_readings jsonb := '[]';
  v_refused jsonb;
  v_result jsonb := '{"stored": 0, "duplicate": 0, "quarantined": 0, "refused": 0}';
  v_state jsonb;
  v_last text;
  v_ties jsonb;
  v_fresh int := 0;
  v_most_bad int;
  v_is_failing boolean := false;
  v_run tmidb.connector_run;
begin
  select * into v from tmidb.ingest_connector where connector_id = v_id for update;
  if not found or (not v_is_try and v.run_id is distinct from v_run_id) then
    raise exception 'This run is over: another one took its place.' using errcode = 'TM001';
  end if;
  v_state := v.state;
  select coalesce(tmidb.target_key(target_id), v.name) into v_target from tmidb.speaker where speaker_id = v.speaker_id;
  v_run.status := 'ok';

  if p_document is null then
    v_run.status := 'unchanged';
  else
    begin
      v_document := p_document::jsonb;
    exception when others then
      raise exception 'The answer is not JSON: %.', rtrim(SQLERRM, '.') using errcode = 'TM201', hint = 'Set "format" to csv or html if it is that.';
    end;
  end if;

  if v.kind = 'postgres' then
    select coalesce(jsonb_agg(x order by o), '[]') into v_document
    from jsonb_array_elements(v_document) with ordinality a(x, o)
    where not (x->>'w' = v.state->>'watermark' and coalesce(v.state->'ties' ? md5((x->'r')::text), false));
    v_fresh := jsonb_array_length(v_document);
    if v_fresh = 0 then
      v_run.status := 'unchanged';
    else
      v_last := v_document->-1->>'w';
      select jsonb_agg(md5((x->'r')::text)) into v_ties from jsonb_array_elements(v_document) x where x->>'w' = v_last;
      if v_last = v.state->>'watermark' then v_ties := v.state->'ties' || v_ties; end if;
      if jsonb_array_length(v_ties) > c_most_ties then
        raise exception 'More than % rows share the watermark %.', c_most_ties, v_last using errcode = 'TM108', hint = 'Choose a finer column.';
      end if;
      v_state := v_state || jsonb_build_object('watermark', v_last, 'ties', v_ties);
      select coalesce(jsonb_agg(r), '[]') into v_readings from tmidb.pulled_readings(v.config, v_document, v_target, now()) r;
    end if;
  elsif v_document is not null then
    v_state := jsonb_strip_nulls(jsonb_build_object('etag', p_run->'etag', 'last_modified', p_run->'last_modified', 'hash', p_run->'hash'));
    if coalesce((v.config->>'on_change')::boolean, false) and v.state->'hash' = p_run->'hash' and not v_is_try then
      v_run.status := 'unchanged';
    else
      select coalesce(jsonb_agg(r), '[]') into v_readings from tmidb.document_readings(v.config, v_document, v_target, now()) r;
      if coalesce((v.config->>'on_change')::boolean, false) then
        v_readings := tmidb.changed_readings(v_id, v_readings, v_is_try);
        if v_readings = '[]' then v_run.status := 'unchanged'; end if;
      end if;
    end if;
  end if;

  select coalesce(jsonb_agg(x) filter (where x ? 'code'), '[]'), coalesce(jsonb_agg(x) filter (where not x ? 'code'), '[]')
  into v_refused, v_readings from jsonb_array_elements(v_readings) x;
  if v_is_try then
    v_run.preview := tmidb.preview_readings(v.speaker_id, v.category, v_readings, v_refused);
    v_run.accepted := jsonb_array_length(v_readings);
  else
    v_most_bad := case v.kind when 'url' then c_most_bad else 1000000 end;
    if v_readings <> '[]' then
      v_result := tmidb.ingest_for(v.speaker_id, v.category, v_readings, v_most_bad);
    end if;
    if v_refused <> '[]' then
      perform tmidb.keep_refused(v.speaker_id, v.category, jsonb_path_query_array(v_refused, '$[0 to $most]', jsonb_build_object('most', v_most_bad - 1)));
    end if;
    v_run.accepted := jsonb_array_length(v_readings) - (v_result->>'refused')::int;
    v_run.stored := (v_result->>'stored')::int;
    -- Nothing of it can be used: most likely the definition, and asking as often as before would fill raw_bucket with it.
    v_is_failing := v.kind = 'url' and v_run.accepted = 0 and (v_refused <> '[]' or (v_result->>'refused')::int > 0);
    if v_is_failing then v_run.status := 'error'; end if;
    update tmidb.ingest_connector set state = v_state, run_id = null, run_process = null, run_until = null,
      failures = case when v_is_failing then failures + 1 else 0 end,
      failing_since = case when v_is_failing then coalesce(failing_since, now()) end,
      next_run_at = case
        when v_is_failing then greatest(coalesce(tmidb.next_run(schedule, next_run_at, now()), 'infinity'), now() + tmidb.failure_wait(failures))
        when v_fresh >= coalesce((v.config->>'batch')::int, 1000) then now()
        when next_run_at > now() then next_run_at
        else coalesce(tmidb.next_run(schedule, next_run_at, now()), 'infinity') end
    where connector_id = v_id;
    perform tmidb.queue_connector(v_id);
  end if;
  insert into tmidb.connector_run (run_id, connector_id, started_at, is_try, status, http_status, bytes, accepted, stored, rejected, code, message, preview)
  values (v_run_id, v_id, (p_run->>'started_at')::timestamptz, v_is_try, v_run.status, (p_run->>'http_status')::smallint,
    coalesce((p_run->>'bytes')::bigint, 0), v_run.accepted, coalesce(v_run.stored, 0),
    jsonb_array_length(v_refused) + (v_result->>'refused')::int,
    coalesce(v_refused->0->>'code', v_result->>'code'), coalesce(v_refused->0->>'message', v_result->>'message'), v_run.preview)
  returning * into v_run;
  return to_jsonb(v_run);
end $$;

comment on function tmidb.finish_run(jsonb, text) is 'Stores what a connector was answered and plans its next run; returns the run.';
revoke all on function tmidb.finish_run(jsonb, text) from public;
grant execute on function tmidb.finish_run(jsonb, text) to tmidb_drain;
