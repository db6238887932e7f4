-- SPDX-License-Identifier: MIT
-- after: is_path, value_as, reading_ts, refusal
-- The readings of a document, by the definition "extract" of a connector: items (path of the list; one array found is taken as the
-- list), target, ts and mid and fields {"name": ...}, each "$.path", {"path", "type", "decimal"}, a constant or {"value": constant}. A path
-- that finds nothing leaves the field out, one that finds several takes the first. Without fields an object is the reading as it is.
-- Everything is SQL on jsonb, so a number stays what the source wrote, to the last digit. Paths are read once and not once an item.
-- Each reading is {"target", "ts", "mid", "data"}; one that cannot be read is {"code", "message", "target", "item"}.
create or replace function tmidb.extract_readings(p_extract jsonb, p_document jsonb, p_target text, p_now timestamptz, p_type text default null)
returns setof jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_ts jsonb := p_extract->'ts';
  v_zone text := v_ts->>'zone';
  v_format text := v_ts->>'format';
  v_has_fields boolean := coalesce(p_extract->'fields', '{}') <> '{}';
  v_items jsonb := jsonb_path_query_array(p_document, coalesce(p_extract->>'items', '$')::jsonpath);
  v_item jsonb;
  v_target text;
  v_data jsonb;
  v_names text[];
  v_paths jsonpath[];
  v_constants jsonb[];
  v_types text[];
  v_decimals text[];
  v_values jsonb[];
  v_one jsonb;
begin
  -- The first three are the envelope, the others the fields.
  select array_agg(name order by o), array_agg(path::jsonpath order by o), array_agg(case when path is null then constant end order by o),
         array_agg(type order by o), array_agg(decimal order by o)
  into v_names, v_paths, v_constants, v_types, v_decimals
  from (
    select s.o, s.name, case when tmidb.is_path(s.spec) then s.spec #>> '{}' when jsonb_typeof(s.spec) = 'object' then s.spec->>'path' end as path,
           case when jsonb_typeof(s.spec) = 'object' then s.spec->'value' else s.spec end as constant,
           case when jsonb_typeof(s.spec) = 'object' and s.spec ? 'type' then s.spec->>'type' when s.o > 3 then p_type end as type,
           case when jsonb_typeof(s.spec) = 'object' and s.spec ? 'decimal' then s.spec->>'decimal' else '.' end as decimal
    from (select 1 as o, 'target' as name, p_extract->'target' as spec
          union all select 2, 'ts', v_ts
          union all select 3, 'mid', p_extract->'mid'
          union all select 3 + row_number() over (), key, value from jsonb_each(case when v_has_fields then p_extract->'fields' else '{}' end)) s
  ) spec;

  if jsonb_array_length(v_items) = 1 and jsonb_typeof(v_items->0) = 'array' then
    v_items := v_items->0;
  end if;
  for v_item in select x from jsonb_array_elements(v_items) x loop
    v_target := null;
    begin
      v_values := null;
      for i in 1 .. cardinality(v_names) loop
        v_one := case when v_paths[i] is null then v_constants[i] else jsonb_path_query_first(v_item, v_paths[i]) end;
        if v_types[i] is not null then v_one := tmidb.value_as(v_one, v_types[i], v_decimals[i]); end if;
        v_values[i] := v_one;
        if i = 1 then
          v_target := coalesce(v_one #>> '{}', case when not p_extract ? 'target' then p_target end);
        end if;
      end loop;
      if v_target is null then
        raise exception 'It is not said which target this is of: "target" finds nothing.' using errcode = 'TM213';
      end if;
      if v_has_fields then
        select jsonb_object_agg(n, v) into v_data from unnest(v_names[4:], v_values[4:]) f(n, v) where v <> 'null';
        if v_data is null then
          raise exception 'None of the fields is there.' using errcode = 'TM202';
        end if;
      elsif jsonb_typeof(v_item) <> 'object' then
        v_data := jsonb_build_object('value', tmidb.value_as(v_item, p_type));
      elsif p_type is not null then
        select coalesce(jsonb_object_agg(key, v), '{}') into v_data from jsonb_each(v_item), tmidb.value_as(value, p_type) v where v is not null;
      else
        v_data := v_item;
      end if;
      return next jsonb_build_object('target', v_target, 'data', v_data, 'mid', v_values[3] #>> '{}',
        'ts', case when v_values[2] is null then p_now else coalesce(tmidb.reading_ts(v_values[2], v_zone, v_format), p_now) end);
    exception when others then
      return next tmidb.refusal(SQLSTATE, SQLERRM) || jsonb_build_object('target', v_target, 'item', v_item);
    end;
  end loop;
end $$;

comment on function tmidb.extract_readings(jsonb, jsonb, text, timestamptz, text) is 'The readings of a document.';
revoke all on function tmidb.extract_readings(jsonb, jsonb, text, timestamptz, text) from public;
