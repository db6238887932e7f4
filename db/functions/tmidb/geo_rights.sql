-- SPDX-License-Identifier: MIT
-- after: rules, field_rights
-- Whose traces the one who asks may see: sources (a category with its two fields) where both fields are visible, of every target
-- (target_id null) or of some. The same sum of masks as in the views, worked out for the few sources instead of for each point.
-- The points themselves are then read as the owner: row security would keep the planner from using the index over
-- places, whose operators are not leakproof, and read the whole trace.
create or replace function tmidb.geo_rights(p_category text default null)
returns table (source_id smallint, category_id smallint, target_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with asking as materialized (select tmidb.rules() as rules),
  source as materialized (
    select s.source_id, s.category_id, tmidb.field_rights(s.latitude_field) as lat, tmidb.field_rights(s.longitude_field) as lon,
           coalesce(a.rules -> '*/*', '{}') || coalesce(a.rules -> (s.category_id || '/*'), '{}') as mask
    from asking a cross join tmidb.geo_source s join tmidb.category c on c.category_id = s.category_id
    where p_category is null or c.name = p_category
  ), named as materialized (
    select distinct split_part(k, '/', 2) as target_id from asking, jsonb_object_keys(rules) k
    where k ~ '^(\*|\d+)/[0-9a-f-]{36}$'
  )
  select source_id, category_id, null::uuid from source where mask ?| lat and mask ?| lon
  union all
  select s.source_id, s.category_id, n.target_id::uuid
  from asking a cross join source s cross join named n
  cross join lateral (select s.mask || coalesce(a.rules -> (s.category_id || '/' || n.target_id), '{}')
                             || coalesce(a.rules -> ('*/' || n.target_id), '{}') as mask) m
  where not (s.mask ?| s.lat and s.mask ?| s.lon) and m.mask ?| s.lat and m.mask ?| s.lon
$$;

comment on function tmidb.geo_rights(text) is 'Sources and targets whose places the one who asks may see; target_id null: all targets.';
revoke all on function tmidb.geo_rights(text) from public;
