-- SPDX-License-Identifier: MIT
-- after: geo_visible, geo_distance, expect
-- The last position of each visible target is looked up in the key, then these are sorted by distance.
create or replace function api.geo_nearest(lat double precision, lon double precision, n integer default 10,
  at timestamptz default now(), max_age interval default interval '1 day', category text default null)
returns setof api.geo_neighbour
language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
  set enable_seqscan = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  v_lat double precision := lat;
  v_lon double precision := lon;
  v_at timestamptz := at;
  v_since timestamptz := coalesce(at - max_age, '-infinity');
begin
  perform tmidb.expect(lat between -90 and 90, 'lat is degrees from -90 to 90.'),
    tmidb.expect(lon between -180 and 180, 'lon is degrees from -180 to 180.'),
    tmidb.expect(geo_nearest.n between 1 and 1000, 'n is 1 to 1,000.'),
    tmidb.expect(at is not null, 'at is a time.');
  return query
  select l.target, l.target_id, l.category, l.ts, l.lat, l.lon, tmidb.geo_distance(v_lat, v_lon, l.lat, l.lon) as distance_m
  from (
    select distinct on (v.target_id) v.target, v.target_id, v.category, p.ts, p.lat, p.lon
    from tmidb.geo_visible(geo_nearest.category) v
    cross join lateral (
      select g.ts, g.lat, g.lon from tmidb.geo_trace g
      where g.target_id = v.target_id and g.category_id = v.category_id and g.source_id = any(v.sources) and g.ts >= v.low
        and (v.since is null or g.ts >= v.since[array_position(v.sources, g.source_id)])
        and g.ts <= v_at and g.ts >= v_since order by g.ts desc limit 1) p
    order by v.target_id, p.ts desc, v.category_id) l
  order by distance_m, l.target limit geo_nearest.n;
end $$;

comment on function api.geo_nearest(double precision, double precision, integer, timestamptz, interval, text) is
  E'@param lat Latitude of the place, in degrees.\n@param lon Longitude of the place, in degrees.\n@param n How many targets, 1 to 1,000.\n@param at The moment that is asked for. Now unless given.\n@param max_age Positions older than this at that moment do not count; null: however old. A day unless given.\n@param category Only positions from this category.\nThe targets that were nearest to a place at a moment, by their last position until then.';
revoke all on function api.geo_nearest(double precision, double precision, integer, timestamptz, interval, text) from public;
grant execute on function api.geo_nearest(double precision, double precision, integer, timestamptz, interval, text)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
