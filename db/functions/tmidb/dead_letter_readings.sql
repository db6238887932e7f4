-- SPDX-License-Identifier: MIT
-- after: check_reading, reading_time, dead_letter_document, target_key, refused_targets
-- The readings that a row of raw_bucket stands for, through the same gate as those that come in by SQL; raises what is wrong. A
-- reading keeps its own time and message id. One that brought no time gets that of its arrival, which is when the row was made; the
-- ones behind it in the same message a microsecond more each, as they got at the way in. What a person edited counts more.
create or replace function tmidb.dead_letter_readings(p_row tmidb.raw_bucket) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_ts timestamptz := coalesce(p_row.reading_ts, p_row.ts);
  v_document jsonb;
  v_denied text;
  v_own text;
  v_readings jsonb := '[]';
  v_reading jsonb;
  x jsonb;
  i int := 0;
begin
  if p_row.payload is not null and p_row.reason = 'TM217' and p_row.edited = '{}' then
    -- It was through the gate already and only waits for its chunk.
    return jsonb_build_array(jsonb_build_object('category', p_row.category, 'target', p_row.target, 'ts', v_ts, 'mid', p_row.mid,
      'data', p_row.payload, 'speaker', p_row.speaker_id));
  end if;
  v_document := coalesce(p_row.payload, tmidb.dead_letter_document(p_row.raw));
  if not p_row.is_message or p_row.payload is not null then
    v_readings := jsonb_build_array(jsonb_build_object('target', p_row.target, 'ts', v_ts, 'mid', p_row.mid, 'data', v_document));
  else
    v_own := tmidb.target_key((select target_id from tmidb.speaker where speaker_id = p_row.speaker_id));
    for x in select e from jsonb_array_elements(case jsonb_typeof(v_document) when 'array' then v_document
                                                else jsonb_build_array(v_document) end) e loop
      if jsonb_typeof(x) <> 'object' then
        raise exception 'A reading is a JSON object.' using errcode = 'TM202', hint = 'Wrap the value: {"value": 21.5}.';
      elsif x ? 'data' and x - array['target', 'ts', 'mid', 'data'] <> '{}' then
        raise exception 'There are keys beside "data".' using errcode = 'TM215', hint = 'Put every field inside "data", or leave "data" out.';
      elsif jsonb_typeof(x->'target') in ('object', 'array', 'boolean') then
        raise exception 'The target key % cannot be used.', left(x->>'target', 80) using errcode = 'TM105',
          hint = 'Use 1 to 256 bytes without control characters.';
      elsif jsonb_typeof(x->'mid') in ('object', 'array', 'boolean') or octet_length(x->>'mid') not between 1 and 128
         or (jsonb_typeof(x->'mid') = 'number' and x->>'mid' !~ '^-?\d+$') then
        raise exception 'The message id cannot be used.' using errcode = 'TM214', hint = 'Use a string of 1 to 128 bytes or an integer.';
      end if;
      v_reading := jsonb_build_object(
        'target', case when 'target' = any(p_row.edited) then p_row.target else coalesce(x->>'target', p_row.target, v_own) end,
        'ts', case when 'ts' = any(p_row.edited) then v_ts + i * interval '1 us'
              else coalesce(tmidb.reading_time(x->'ts'), v_ts + i * interval '1 us') end,
        'mid', coalesce(x->>'mid', case when jsonb_typeof(v_document) = 'array' then p_row.mid || '#' || i else p_row.mid end),
        'data', case when x ? 'data' then x->'data' else x - array['target', 'ts', 'mid'] end);
      v_denied := (select r.code from tmidb.refused_targets(p_row.speaker_id, p_row.category, array[v_reading->>'target']) r
                   where p_row.speaker_id is not null and r.target is not null);
      if v_denied = 'TM102' and not 'target' = any(p_row.edited) then
        raise exception 'This speaker does not write this target.' using errcode = 'TM102', hint = 'Edit the target if it is right all the same.';
      elsif v_denied = 'TM103' then
        raise exception 'This speaker may not make new targets or categories.' using errcode = 'TM103',
          hint = 'Create them first, or allow it for the speaker.';
      end if;
      v_readings := v_readings || v_reading;
      i := i + 1;
    end loop;
    if i = 0 then
      raise exception 'There is no reading in it.' using errcode = 'TM202', hint = 'Edit it, or discard it.';
    end if;
  end if;
  for x in select e from jsonb_array_elements(v_readings) e loop
    if x->>'target' is null then
      raise exception 'It is not said which target this is of.' using errcode = 'TM213', hint = 'Edit the target.';
    end if;
    perform tmidb.check_reading(p_row.category, x->>'target', x->'data');
    if (x->>'ts')::timestamptz > now() + interval '1 day' or (x->>'ts')::timestamptz < '1900-01-01Z' then
      raise exception 'The time of the reading is out of range.' using errcode = 'TM216', hint = 'Edit the time, then replay it.';
    end if;
  end loop;
  return (select jsonb_agg(e || jsonb_build_object('category', p_row.category, 'speaker', p_row.speaker_id) order by o)
          from jsonb_array_elements(v_readings) with ordinality a(e, o));
end $$;

comment on function tmidb.dead_letter_readings(tmidb.raw_bucket) is
  'Readings of a row of raw_bucket: [{"category", "target", "ts", "mid", "data", "speaker"}]; raises what is wrong with it.';
revoke all on function tmidb.dead_letter_readings(tmidb.raw_bucket) from public;
