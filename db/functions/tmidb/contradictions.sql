-- SPDX-License-Identifier: MIT
-- Where a shape cannot be of these fields: an integer is a number, both fit an exact one, and json takes everything.
create or replace function tmidb.contradictions(p_fields jsonb, p_shape jsonb) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object('name', s.key, 'from', f->>'type', 'to', s.value) order by o), '[]')
  from jsonb_array_elements(p_fields) with ordinality a(f, o) join jsonb_each_text(p_shape) s on s.key = f->>'name'
  where not (f->>'type' = s.value or f->>'type' = 'json'
    or (f->>'type' in ('integer', 'number') and s.value in ('integer', 'number'))
    or (f->>'type' = 'exact' and s.value in ('integer', 'number')))
$$;

comment on function tmidb.contradictions(jsonb, jsonb) is 'Fields whose type a shape {"field": "type"} contradicts: [{name, from, to}].';
revoke all on function tmidb.contradictions(jsonb, jsonb) from public;
