-- SPDX-License-Identifier: MIT
-- A shape as discovery has to take it: what is pinned counts as of the pinned type, whatever came in its place.
create or replace function tmidb.pinned_shape(p_category_id smallint, p_shape jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(coalesce(p.field, s.key), coalesce(p.type, s.value)), '{}')
  from jsonb_each_text(p_shape) s
  left join tmidb.field_setting p on p.category_id = p_category_id and p.type is not null
    and (p.field = s.key or starts_with(s.key, p.field || '.'))
$$;

comment on function tmidb.pinned_shape(smallint, jsonb) is 'A flat shape {"field": "type"} with the types of pinned fields.';
revoke all on function tmidb.pinned_shape(smallint, jsonb) from public;
