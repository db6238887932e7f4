-- SPDX-License-Identifier: MIT
-- The condition of a group as PostgreSQL's own language for questions about JSON: it can be asked of meta, changes nothing, reads nothing
-- else and cannot fail, so it may come from whoever may make groups. Three ways to say it:
--   $.site == "busan" && $.floor > 2            a jsonpath predicate over meta; $key and $name are the target's
--   {"site": "busan", "kind": "truck"}          all of these values
--   meta->>'site' = 'busan' and meta->>'kind' = 'truck'     the same in SQL's words
create or replace function tmidb.group_path(p_condition text) returns jsonpath
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
declare
  c_part constant text := $re$\s*meta\s*->>\s*'((?:[^']|'')+)'\s*=\s*'((?:[^']|'')*)'\s*$re$;
  c_plain constant text := '^(true|false|0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[1-9])$';
  v_said text := btrim(p_condition);
  v_parts text[];
  v_path jsonpath;
  v_probe jsonb;
begin
  if v_said ~ '^\{' then
    select array_agg(format('$.%s == %s', to_json(key), value) order by key) into v_parts
    from jsonb_each(v_said::jsonb) where jsonb_typeof(value) in ('string', 'number', 'boolean', 'null');
    if cardinality(v_parts) is distinct from (select count(*) from jsonb_object_keys(v_said::jsonb)) then
      raise exception 'Values of a condition are texts, numbers and booleans.' using errcode = 'TM108', hint = 'Use a jsonpath: $.place.city == "busan"';
    end if;
    v_said := array_to_string(v_parts, ' && ');
  elsif v_said ~* ('^' || c_part || '(and' || c_part || ')*$') then
    -- What ->> gives as this text may be a number or a boolean.
    select string_agg(case when t.value ~ c_plain then format('($.%1$s == %2$s || $.%1$s == %3$s)', t.key, to_json(t.value), t.value)
      else format('$.%s == %s', t.key, to_json(t.value)) end, ' && ' order by o)
    into v_said from regexp_matches(v_said, c_part, 'gi') with ordinality x(m, o)
    cross join lateral (select to_json(replace(m[1], '''''', '''')) as key, replace(m[2], '''''', '''') as value) t;
  end if;
  v_path := v_said::jsonpath;
  -- A path that is no predicate ($.site) would never be true: of an empty object it says nothing, or something else than true or false.
  v_probe := jsonb_path_query_first('{}', v_path, '{"key": "", "name": ""}', true);
  if coalesce(jsonb_typeof(v_probe), 'nothing') not in ('boolean', 'null') then
    raise exception 'This is no condition: %', left(p_condition, 200) using errcode = 'TM108', hint = 'Compare something: $.site == "busan"';
  end if;
  return v_path;
exception
  when syntax_error or invalid_text_representation or undefined_object then
    raise exception 'The condition cannot be read: %', left(p_condition, 200) using errcode = 'TM108',
      hint = 'Write $.site == "busan", {"site": "busan"} or meta->>''site'' = ''busan''.';
end $$;
comment on function tmidb.group_path(text) is 'The jsonpath predicate of a condition over meta; TM108 if it cannot be read.';
revoke all on function tmidb.group_path(text) from public;
