-- SPDX-License-Identifier: MIT
-- A shape as discovery has to take it: what is pinned counts as of the pinned type, whatever came.
create or replace function tmidb.pinned_shape(p_category_id smallint, p_shape jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select p_shape || coalesce(jsonb_object_agg(field, type), '{}')
  from tmidb.field_setting where category_id = p_category_id and type is not null and p_shape ? field
$$;

comment on function tmidb.pinned_shape(smallint, jsonb) is 'A shape {"field": "type"} with the types of pinned fields.';
revoke all on function tmidb.pinned_shape(smallint, jsonb) from public;
