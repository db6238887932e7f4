-- SPDX-License-Identifier: MIT
-- The field-to-type object of a payload, as the ways in make it; null fields count as absent.
create or replace function tmidb.shape_of(p_payload jsonb) returns jsonb
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(key, case jsonb_typeof(value)
      when 'boolean' then 'boolean'
      when 'string' then 'text'
      when 'number' then case when value::numeric <> trunc(value::numeric) then 'number'
        when abs(value::numeric) <= 9007199254740992 then 'integer' else 'exact' end
      else 'json' end), '{}')
  from jsonb_each(p_payload) where value <> 'null'
$$;

comment on function tmidb.shape_of(jsonb) is 'Field types of a payload: {"temperature": "number"}.';
revoke all on function tmidb.shape_of(jsonb) from public;
