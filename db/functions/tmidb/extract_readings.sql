-- SPDX-License-Identifier: MIT
-- after: path_value, reading_ts, refusal
-- The readings of a document, by the definition "extract" of a connector: items (path of the list; one array found is taken as the
-- list), target, ts and mid (path, {"path": ...} or constant) and fields {"name": path | {"path", "type"} | constant}. Without fields an
-- object is the reading as it is. Everything is SQL on jsonb, so a number stays what the source wrote, to the last digit.
-- Each reading is {"target", "ts", "mid", "data"}; one that cannot be read is {"code", "message", "target", "item"}.
create or replace function tmidb.extract_readings(p_extract jsonb, p_document jsonb, p_target text, p_now timestamptz, p_type text default null)
returns setof jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_path jsonpath := coalesce(p_extract->>'items', '$');
  v_ts jsonb := p_extract->'ts';
  v_zone text := v_ts->>'zone';
  v_format text := v_ts->>'format';
  v_fields jsonb := nullif(p_extract->'fields', '{}');
  v_items jsonb := jsonb_path_query_array(p_document, v_path);
  v_item jsonb;
  v_target text;
  v_data jsonb;
begin
  if jsonb_array_length(v_items) = 1 and jsonb_typeof(v_items->0) = 'array' then
    v_items := v_items->0;
  end if;
  for v_item in select x from jsonb_array_elements(v_items) x loop
    v_target := null;
    begin
      v_target := coalesce(tmidb.path_value(v_item, p_extract->'target') #>> '{}', case when not p_extract ? 'target' then p_target end);
      if v_target is null then
        raise exception 'It is not said which target this is of: "target" finds nothing.' using errcode = 'TM213';
      end if;
      if v_fields is null then
        v_data := case jsonb_typeof(v_item) when 'object' then v_item else jsonb_build_object('value', v_item) end;
        if p_type is not null then
          select coalesce(jsonb_object_agg(key, tmidb.value_as(value, p_type)), '{}') into v_data from jsonb_each(v_data);
        end if;
      else
        select coalesce(jsonb_object_agg(key, tmidb.path_value(v_item, value, p_type)), '{}') into v_data from jsonb_each(v_fields);
      end if;
      v_data := jsonb_strip_nulls(v_data);
      if v_data = '{}' then
        raise exception 'None of the fields is there.' using errcode = 'TM202';
      end if;
      return next jsonb_build_object('target', v_target, 'data', v_data,
        'ts', coalesce(tmidb.reading_ts(tmidb.path_value(v_item, v_ts), v_zone, v_format), p_now),
        'mid', tmidb.path_value(v_item, p_extract->'mid') #>> '{}');
    exception when others then
      return next tmidb.refusal(SQLSTATE, SQLERRM) || jsonb_build_object('target', v_target, 'item', v_item);
    end;
  end loop;
end $$;

comment on function tmidb.extract_readings(jsonb, jsonb, text, timestamptz, text) is 'The readings of a document.';
revoke all on function tmidb.extract_readings(jsonb, jsonb, text, timestamptz, text) from public;
