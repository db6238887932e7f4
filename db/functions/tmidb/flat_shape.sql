-- SPDX-License-Identifier: MIT
-- after: key_name
-- The fields of a shape by their names: {"gps": {"lat": "number"}} is {"gps.lat": "number"}.
create or replace function tmidb.flat_shape(p_shape jsonb) returns jsonb
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  with recursive leaf as (
    select tmidb.key_name(key) as name, value from jsonb_each(p_shape)
    union all
    select l.name || '.' || tmidb.key_name(e.key), e.value
    from leaf l cross join lateral jsonb_each(case jsonb_typeof(l.value) when 'object' then l.value else '{}' end) e
  )
  select coalesce(jsonb_object_agg(name, value) filter (where jsonb_typeof(value) = 'string'), '{}') from leaf
$$;

comment on function tmidb.flat_shape(jsonb) is 'Types of a shape by field name: {"gps.lat": "number"}.';
revoke all on function tmidb.flat_shape(jsonb) from public;
