-- SPDX-License-Identifier: MIT
-- after: rules, field_column
-- What the API's description may speak of to the one who asks: the categories that its rules name, and of each the columns it may
-- see of at least one target.
create or replace function tmidb.visible_categories() returns table (category text, columns text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.name, case when not bool_or(r.mask ? '*') then array_agg(distinct tmidb.field_column(f.field)) filter (where f.field is not null) end
  from jsonb_each((select tmidb.rules())) r(key, mask)
  join tmidb.category c on split_part(r.key, '/', 1) in ('*', c.category_id::text)
  left join lateral jsonb_object_keys(case jsonb_typeof(r.mask) when 'object' then r.mask else '{}' end) f(field) on true
  group by c.name
$$;

comment on function tmidb.visible_categories() is 'Categories that the one who asks may read, with the columns it may see; null: all.';
revoke all on function tmidb.visible_categories() from public;
grant execute on function tmidb.visible_categories() to tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor,
  tmidb_admin;
