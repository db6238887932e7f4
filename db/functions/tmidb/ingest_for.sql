-- SPDX-License-Identifier: MIT
-- after: store_json, admit_reading, refusals, keep_refused, refusal, target_key
-- Readings in the name of a speaker, by its rights and the gate of every door. Whoever is there to be told gets the first thing that
-- is wrong as an error and nothing is stored. A source that is asked cannot be told: with p_most_bad what is wrong with one reading
-- keeps only that one out, and raw_bucket has the first so many with the reason. Returns {"stored", "duplicate", "quarantined"}, with
-- p_most_bad also {"refused": how many, "code", "message" of the first}.
create or replace function tmidb.ingest_for(p_speaker_id bigint, p_category text, p_readings jsonb, p_most_bad integer default null)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  c_nothing constant jsonb := '{"stored": 0, "duplicate": 0, "quarantined": 0}';
  v_bound text;
  v_list jsonb := case jsonb_typeof(p_readings) when 'array' then p_readings else jsonb_build_array(p_readings) end;
  v_refused jsonb;
  v_rows jsonb;
  v_good jsonb[] := '{}';
  v_bad jsonb[] := '{}';
  v_one jsonb;
  v_result jsonb;
begin
  select tmidb.target_key(target_id) into v_bound from tmidb.speaker where speaker_id = p_speaker_id;
  if not found then
    raise exception 'There is no speaker %.', p_speaker_id using errcode = 'TM107';
  end if;
  v_refused := tmidb.refusals(p_speaker_id, v_bound, p_category, v_list);
  if p_most_bad is null then
    select jsonb_agg(tmidb.admit_reading(p_speaker_id, v_bound, v_refused, p_category, x) order by o) into v_rows
    from jsonb_array_elements(v_list) with ordinality a(x, o);
    return coalesce(tmidb.store_json(v_rows), c_nothing);
  end if;

  for v_one in select x from jsonb_array_elements(v_list) x loop
    begin
      v_good := v_good || tmidb.admit_reading(p_speaker_id, v_bound, v_refused, p_category, v_one);
    exception when others then
      v_bad := v_bad || (v_one || tmidb.refusal(SQLSTATE, SQLERRM));
    end;
  end loop;
  begin
    v_result := coalesce(tmidb.store_json(to_jsonb(v_good)), c_nothing);
  exception when others then
    if SQLSTATE !~ '^(22|23|54|P0|TM)' then raise; end if;
    -- One that the gate let through and the store does not take: find it by storing one at a time.
    v_result := c_nothing;
    foreach v_one in array v_good loop
      declare
        v_single jsonb;
      begin
        v_single := tmidb.store_json(jsonb_build_array(v_one));
        select jsonb_object_agg(key, value::int + (v_single->>key)::int) into v_result from jsonb_each_text(v_result);
      exception when others then
        if SQLSTATE !~ '^(22|23|54|P0|TM)' then raise; end if;
        v_bad := v_bad || (v_one || tmidb.refusal(SQLSTATE, SQLERRM));
      end;
    end loop;
  end;
  -- The drain asks for this job itself; what comes by SQL would wait for the next minute.
  if (v_result->>'quarantined')::int > 0 then
    perform graphile_worker.add_job('store_parked');
  end if;
  if cardinality(v_bad) > 0 and p_most_bad > 0 then
    perform tmidb.keep_refused(p_speaker_id, p_category, to_jsonb(v_bad[1:p_most_bad]));
  end if;
  return v_result || jsonb_build_object('refused', cardinality(v_bad), 'code', v_bad[1]->'code', 'message', v_bad[1]->'message');
end $$;

comment on function tmidb.ingest_for(bigint, text, jsonb, integer) is 'Writes readings in the name of a speaker.';
revoke all on function tmidb.ingest_for(bigint, text, jsonb, integer) from public;
