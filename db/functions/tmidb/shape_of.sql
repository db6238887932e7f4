-- SPDX-License-Identifier: MIT
-- The fields and types of a payload, as the ways in make them (src/edge/shape.ts): members of objects are fields down to five keys in a path,
-- deeper objects and arrays are json; null and the empty object count as absent.
create or replace function tmidb.shape_of(p_payload jsonb, p_level int default 1) returns jsonb
language plpgsql immutable strict parallel safe
as $$
begin
  return (
    select coalesce(jsonb_object_agg(m.key, m.type) filter (where m.type <> '{}'), '{}')
    from (
      select e.key, case jsonb_typeof(e.value)
        when 'boolean' then '"boolean"'
        when 'string' then '"text"'
        when 'number' then case when e.value::numeric <> trunc(e.value::numeric) then '"number"'::jsonb
          when abs(e.value::numeric) <= 9007199254740992 then '"integer"' else '"exact"' end
        when 'array' then '"json"'
        when 'object' then case when p_level < 5 then tmidb.shape_of(e.value, p_level + 1) else '"json"' end end as type
      from jsonb_each(p_payload) e
      offset 0) m);
end $$;

comment on function tmidb.shape_of(jsonb, int) is 'Field types of a payload: {"temperature": "number", "gps": {"lat": "number"}}.';
revoke all on function tmidb.shape_of(jsonb, int) from public;
