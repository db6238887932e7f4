-- SPDX-License-Identifier: MIT
-- after: field_rights
-- What of a shape the fields of a version cannot hold: another type, or an object where a value was and the reverse. Nothing contradicts json.
create or replace function tmidb.contradictions(p_fields jsonb, p_shape jsonb)
returns table (field text, type text, found_field text, found_type text)
language sql immutable strict set search_path = pg_catalog, pg_temp
as $$
  with field as materialized (
    select f.name, f.type, tmidb.field_rights(f.name) as rights from jsonb_to_recordset(p_fields) f(name text, type text)
  ), found as materialized (
    select s.key, s.value, tmidb.field_rights(s.key) as rights from jsonb_each_text(p_shape) s
  )
  select f.name, f.type, s.key, s.value from field f join found s on s.key = f.name
  where not (f.type in (s.value, 'json') or (f.type in ('integer', 'number', 'exact') and s.value in ('integer', 'number')))
  union all
  select f.name, f.type, s.key, s.value
  from found s cross join lateral unnest(s.rights[2:cardinality(s.rights) - 1]) w(object) join field f on f.name = w.object
  where f.type <> 'json'
  union all
  select f.name, f.type, s.key, s.value
  from field f cross join lateral unnest(f.rights[2:cardinality(f.rights) - 1]) w(object) join found s on s.key = w.object
$$;

comment on function tmidb.contradictions(jsonb, jsonb) is
  'Fields of a version that a flat shape {"gps.lat": "number"} contradicts, each with what was found instead.';
revoke all on function tmidb.contradictions(jsonb, jsonb) from public;
