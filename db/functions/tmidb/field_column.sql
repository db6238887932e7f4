-- SPDX-License-Identifier: MIT
-- The column that shows a payload field. The view's own columns keep their names; a name longer than PostgreSQL's 63 bytes is
-- cut and told apart by a hash.
create or replace function tmidb.field_column(p_field text) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_field in ('', 'target', 'target_id', 'ts', 'reading_id') then 'data_' || p_field
    when octet_length(p_field) > 63 then left(p_field, 12) || '_' || substr(md5(p_field), 1, 12)
    else p_field
  end
$$;

comment on function tmidb.field_column(text) is 'Name of the view column that shows a payload field.';
revoke all on function tmidb.field_column(text) from public;
