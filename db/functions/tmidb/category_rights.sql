-- SPDX-License-Identifier: MIT
-- after: rules
-- The rules of the one who asks, category by category: what descriptions and histories may speak of.
create or replace function tmidb.category_rights()
returns table (category_id smallint, category text, fields text[], of_all_targets boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with asking as materialized (select tmidb.rules() as rules),
  may as (
    select c.category_id, c.name, r.mask
    from asking cross join jsonb_each(asking.rules) r(key, mask)
    join tmidb.category c on r.key in ('c/*', 'c/' || c.category_id)
  )
  select m.category_id, m.name, case when not bool_or(m.mask ? '*') then coalesce(array_agg(distinct f.field) filter (where f.field is not null), '{}') end,
    (select coalesce(a.rules -> '*/*' ? '*', false) or coalesce(a.rules -> (m.category_id || '/*') ? '*', false) from asking a)
  from may m left join lateral jsonb_object_keys(m.mask) f(field) on true
  group by m.category_id, m.name
$$;

comment on function tmidb.category_rights() is
  'Categories that the one who asks may read: the fields it sees of at least one target (null: all), and whether it sees all fields of all targets.';
revoke all on function tmidb.category_rights() from public;
