-- SPDX-License-Identifier: MIT
-- What the ways in need to refuse by themselves what would break a strict category.
create or replace function tmidb.strict_categories() returns table (category text, majors jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.name, jsonb_agg(v.fields order by v.major desc)
  from tmidb.category c
  cross join lateral (
    select distinct on (s.major) s.major, (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('name', f->'name', 'path', f->'path', 'type', f->'type', 'pinned', p.type is not null))
        order by o), '[]')
      from jsonb_array_elements(s.fields) with ordinality a(f, o)
      left join tmidb.field_setting p on p.category_id = c.category_id and p.field = f->>'name' and p.type = f->>'type') as fields
    from tmidb.schema_version s where s.category_id = c.category_id order by s.major, s.minor desc) v
  where c.is_strict group by c.name
$$;

comment on function tmidb.strict_categories() is
  'Strict categories that have a version, with the fields of their majors, newest first: [[{"name", "path", "type", "pinned"}]].';
revoke all on function tmidb.strict_categories() from public;
grant execute on function tmidb.strict_categories() to tmidb_edge;
