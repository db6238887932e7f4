-- SPDX-License-Identifier: MIT
-- after: category_rights, field_column, shown_fields
-- What the API's description may speak of to the one who asks: the categories that its rules name, and of each the columns it may
-- see of at least one target.
create or replace function tmidb.visible_categories() returns table (category text, columns text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select r.category, case when r.fields is not null then array(
    select tmidb.field_column(g) from unnest(r.fields) g
    union
    select f->>'column'
    from (select distinct on (major) fields from tmidb.schema_version v where v.category_id = r.category_id order by major, minor desc) v
    cross join tmidb.shown_fields(v.fields) f
    where f->>'name' = any(r.fields)) end
  from tmidb.category_rights() r
$$;

comment on function tmidb.visible_categories() is 'Categories that the one who asks may read, with the columns it may see; null: all.';
revoke all on function tmidb.visible_categories() from public;
grant execute on function tmidb.visible_categories() to tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor,
  tmidb_admin;
