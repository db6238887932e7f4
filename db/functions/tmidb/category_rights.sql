-- SPDX-License-Identifier: MIT
-- after: rules
-- The rules of the one who asks, category by category: what descriptions and histories may speak of.
create or replace function tmidb.category_rights()
returns table (category_id smallint, category text, fields text[], of_all_targets boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.category_id, c.name, case when not bool_or(r.mask ? '*') then coalesce(array_agg(distinct f.field) filter (where f.field is not null), '{}') end,
    bool_or(r.mask ? '*' and split_part(r.key, '/', 2) = '*')
  from jsonb_each((select tmidb.rules())) r(key, mask)
  join tmidb.category c on split_part(r.key, '/', 1) in ('*', c.category_id::text)
  left join lateral jsonb_object_keys(case jsonb_typeof(r.mask) when 'object' then r.mask else '{}' end) f(field) on true
  group by c.category_id, c.name
$$;

comment on function tmidb.category_rights() is
  'Categories that the one who asks may read: the fields it sees of at least one target (null: all), and whether it sees all fields of all targets.';
revoke all on function tmidb.category_rights() from public;
