-- SPDX-License-Identifier: MIT
-- after: rules, field_rights
-- What the API's description may speak of to the one who asks: the categories that its rules name, and of each the columns it may
-- see of at least one target.
create or replace function tmidb.visible_categories() returns table (category text, columns text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.name, case when not bool_or(r.mask ? '*') then array(
      select distinct f->>'column'
      from (select distinct on (v.major) v.fields from tmidb.schema_version v where v.category_id = c.category_id order by v.major, v.minor desc) v,
           jsonb_array_elements(v.fields) f
      where tmidb.field_rights(f->>'name') && array_agg(r.field)) end
  from tmidb.category c
  join (select key, mask, f.field from jsonb_each((select tmidb.rules())) r(key, mask)
        left join lateral jsonb_object_keys(case jsonb_typeof(mask) when 'object' then mask else '{}' end) f(field) on true) r
    on split_part(r.key, '/', 1) in ('*', c.category_id::text)
  group by c.category_id
$$;

comment on function tmidb.visible_categories() is 'Categories that the one who asks may read, with the columns it may see; null: all.';
revoke all on function tmidb.visible_categories() from public;
grant execute on function tmidb.visible_categories() to tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor,
  tmidb_admin;
