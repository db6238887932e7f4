-- SPDX-License-Identifier: MIT
-- What one list of fields has that another has not. Fields are the same if their names are; of a nested one the path is told too.
create or replace function tmidb.version_diff(p_from jsonb, p_to jsonb) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  with pair as (
    select coalesce(t.f->>'name', b.f->>'name') as name, coalesce(t.f->'path', b.f->'path') as path, b.f->>'type' as before, t.f->>'type' as type,
           b.f->>'column' as column_before, t.f->>'column' as "column", coalesce(t.o, 100000 + b.o) as o
    from jsonb_array_elements(p_to) with ordinality t(f, o)
    full join jsonb_array_elements(coalesce(p_from, '[]')) with ordinality b(f, o) on b.f->>'name' = t.f->>'name'
  ), told as (
    select case when before is null then 'added' when type is null then 'removed'
             when before = 'integer' and type = 'number' then 'widened' when before <> type then 'changed' end as kind,
           case when before is null or type is null then jsonb_build_object('name', name, 'type', coalesce(type, before))
             else jsonb_build_object('name', name, 'from', before, 'to', type) end as entry, path, o
    from pair
    union all
    select 'renamed', jsonb_build_object('name', name, 'from', column_before, 'to', "column"), path, o
    from pair where "column" <> column_before
  )
  select jsonb_build_object('added', '[]'::jsonb, 'widened', '[]'::jsonb, 'changed', '[]'::jsonb, 'renamed', '[]'::jsonb, 'removed', '[]'::jsonb)
    || coalesce(jsonb_object_agg(kind, entries), '{}')
  from (select kind, jsonb_agg(entry || case when path is null then '{}' else jsonb_build_object('path', path) end order by o) as entries
        from told where kind is not null group by kind) k
$$;

comment on function tmidb.version_diff(jsonb, jsonb) is
  'Differences of two lists of fields: {"added": [{name, type}], "widened": [{name, from, to}], "changed", "renamed", "removed"}; nested fields also have "path".';
revoke all on function tmidb.version_diff(jsonb, jsonb) from public;
