-- SPDX-License-Identifier: MIT
-- after: rules, field_rights, mask_at, shown_since, cutoffs
-- Whose traces the one who asks may see, and from when on: sources (a category with its two fields) where both fields are visible, of
-- every target (target_id null) or of some. The same sum of masks as in the views, worked out for the few sources instead of for each
-- point. The points themselves are then read as the owner: row security would keep the planner from using the index over
-- places, whose operators are not leakproof, and read the whole trace.
create or replace function tmidb.geo_rights(p_category text default null)
returns table (source_id smallint, category_id smallint, target_id uuid, since timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with asking as materialized (
    select r.rules, tmidb.cutoffs(r.rules) as cutoffs from (select tmidb.rules() as rules offset 0) r
  ), source as materialized (
    select s.source_id, s.category_id, f.lat, f.lon,
      (select greatest(x.since, y.since) from tmidb.shown_since(a.rules, a.cutoffs, s.category_id, null, f.lat) x,
         tmidb.shown_since(a.rules, a.cutoffs, s.category_id, null, f.lon) y) as since
    from asking a cross join tmidb.geo_source s join tmidb.category c on c.category_id = s.category_id
    cross join lateral (select tmidb.field_rights(s.latitude_field) as lat, tmidb.field_rights(s.longitude_field) as lon offset 0) f
    where p_category is null or c.name = p_category
  ), named as materialized (
    select distinct split_part(k, '/', 2)::uuid as target_id from asking, jsonb_object_keys(rules) k
    where k ~ '^(\d+:)?(\*|\d+)/[0-9a-f-]{36}$'
  )
  select source_id, category_id, null::uuid, since from source where since is not null
  union all
  select s.source_id, s.category_id, n.target_id, w.since
  from asking a cross join source s cross join named n
  cross join lateral (
    select case when a.cutoffs is null then tmidb.mask_at(a.rules, null, s.category_id, n.target_id, null) end as mask offset 0) m
  cross join lateral (
    select case when m.mask ?| s.lat and m.mask ?| s.lon then '-infinity' when a.cutoffs is not null then (
      select greatest(x.since, y.since) from tmidb.shown_since(a.rules, a.cutoffs, s.category_id, n.target_id, s.lat) x,
        tmidb.shown_since(a.rules, a.cutoffs, s.category_id, n.target_id, s.lon) y) end as since offset 0) w
  where s.since is distinct from '-infinity' and w.since is not null and (s.since is null or w.since < s.since)
$$;

comment on function tmidb.geo_rights(text) is
  'Sources and targets whose places the one who asks may see, from since on (-infinity: all); target_id null: all targets.';
revoke all on function tmidb.geo_rights(text) from public;
