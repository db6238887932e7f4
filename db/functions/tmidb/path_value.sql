-- SPDX-License-Identifier: MIT
-- after: is_path, value_as
-- What one part of a definition gives of an item: "$.path", {"path", "type", "decimal"}, or a constant. A path that finds nothing
-- gives null, one that finds several the first.
create or replace function tmidb.path_value(p_item jsonb, p_spec jsonb, p_type text default null) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case
    when tmidb.is_path(p_spec) then tmidb.value_as(jsonb_path_query_first(p_item, (p_spec #>> '{}')::jsonpath), p_type)
    when jsonb_typeof(p_spec) = 'object' then case
      when p_spec ? 'path' then tmidb.value_as(jsonb_path_query_first(p_item, (p_spec->>'path')::jsonpath), coalesce(p_spec->>'type', p_type),
        coalesce(p_spec->>'decimal', '.'))
      else p_spec->'value' end
    else p_spec end
$$;

comment on function tmidb.path_value(jsonb, jsonb, text) is 'A value of an item by a path or constant.';
revoke all on function tmidb.path_value(jsonb, jsonb, text) from public;
