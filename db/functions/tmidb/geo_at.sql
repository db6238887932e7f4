-- SPDX-License-Identifier: MIT
-- after: geo_visible, geo_between
-- Where every visible target was at one moment. Between the fix before it and the one behind it, both no further away than p_max_age,
-- the place is interpolated in time along the shortest way at one speed; with a fix on one side only, it is that fix. Of
-- several categories the one with the fix nearest in time counts. Two look-ups in the key a target and category.
create or replace function tmidb.geo_at(p_at timestamptz, p_max_age interval, p_category text default null, p_targets text[] default null)
returns table (target_id uuid, target text, category text, lat double precision, lon double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
as $$
  select distinct on (v.target_id) v.target_id, v.target, v.category, w.lat, w.lon
  from tmidb.geo_visible(p_category, p_targets) v
  left join lateral (
    select g.ts, g.lat, g.lon from tmidb.geo_trace g
    where g.target_id = v.target_id and g.category_id = v.category_id and g.source_id = any(v.sources) and g.ts >= v.low
      and (v.since is null or g.ts >= v.since[array_position(v.sources, g.source_id)])
      and g.ts <= p_at and g.ts >= p_at - p_max_age order by g.ts desc limit 1) b on true
  left join lateral (
    select g.ts, g.lat, g.lon from tmidb.geo_trace g
    where g.target_id = v.target_id and g.category_id = v.category_id and g.source_id = any(v.sources) and g.ts >= v.low
      and (v.since is null or g.ts >= v.since[array_position(v.sources, g.source_id)])
      and g.ts > p_at and g.ts <= p_at + p_max_age order by g.ts limit 1) a on true
  cross join lateral tmidb.geo_between(coalesce(b.lat, a.lat), coalesce(b.lon, a.lon), coalesce(a.lat, b.lat), coalesce(a.lon, b.lon),
    coalesce(extract(epoch from p_at - b.ts) / nullif(extract(epoch from a.ts - b.ts), 0), 0)::double precision) w
  where a.ts is not null or b.ts is not null
  order by v.target_id, least(p_at - b.ts, a.ts - p_at), v.category_id
$$;

comment on function tmidb.geo_at(timestamptz, interval, text, text[]) is 'Where the visible targets were at a moment, interpolated.';
revoke all on function tmidb.geo_at(timestamptz, interval, text, text[]) from public;
