-- SPDX-License-Identifier: MIT
-- after: field_rights
-- Where a shape cannot be of these fields: an integer is a number, both fit an exact one, and json takes everything. Where one has a value and the
-- other an object, the place is told once, with "object" as the type of that one.
create or replace function tmidb.contradictions(p_fields jsonb, p_shape jsonb) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  with field as materialized (
    select f->>'name' as name, f->>'type' as type, tmidb.field_rights(f->>'name') as rights, o from jsonb_array_elements(p_fields) with ordinality a(f, o)
  ), found as materialized (
    select s.key as name, s.value as type, tmidb.field_rights(s.key) as rights from jsonb_each_text(p_shape) s
  ), told as (
    select f.name, f.type as was, s.type as found, f.o from field f join found s using (name)
    where not (f.type in (s.type, 'json') or (f.type in ('integer', 'number', 'exact') and s.type in ('integer', 'number')))
    union all
    select f.name, f.type, 'object', f.o
    from found s cross join lateral unnest(s.rights[2:cardinality(s.rights) - 1]) w(object) join field f on f.name = w.object
    where f.type <> 'json'
    union all
    select s.name, 'object', s.type, f.o
    from field f cross join lateral unnest(f.rights[2:cardinality(f.rights) - 1]) w(object) join found s on s.name = w.object
  )
  select coalesce(jsonb_agg(jsonb_build_object('name', name, 'from', was, 'to', found) order by o), '[]')
  from (select name, was, found, min(o) as o from told group by name, was, found) t
$$;

comment on function tmidb.contradictions(jsonb, jsonb) is
  'Fields whose type a flat shape {"gps.lat": "number"} contradicts: [{name, from, to}]; "object" is the type of a place that has members.';
revoke all on function tmidb.contradictions(jsonb, jsonb) from public;
