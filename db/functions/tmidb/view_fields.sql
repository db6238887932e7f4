-- SPDX-License-Identifier: MIT
-- after: shown_fields
-- The columns of a version's view in the order it can take them ("create or replace" only adds behind), with what an administrator
-- said of them.
create or replace function tmidb.view_fields(p_version tmidb.schema_version) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(f || jsonb_strip_nulls(jsonb_build_object('description', s.description, 'unit', s.unit, 'pinned', s.type is not null))
    order by a.attnum nulls last, o), '[]')
  from tmidb.shown_fields(p_version.fields) with ordinality u(f, o)
  left join tmidb.field_setting s on s.category_id = p_version.category_id and s.field = f->>'name'
  left join pg_attribute a on a.attrelid = to_regclass(format('api.%I', (
      select name from tmidb.category where category_id = p_version.category_id) || '_v' || p_version.major))
    and a.attname = (f->>'column')::name and not a.attisdropped
$$;

comment on function tmidb.view_fields(tmidb.schema_version) is
  'Columns of a view in their order: [{"name", "type", "column", "graphql", "renamed", "description", "unit", "pinned"}].';
revoke all on function tmidb.view_fields(tmidb.schema_version) from public;
