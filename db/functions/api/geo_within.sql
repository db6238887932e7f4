-- SPDX-License-Identifier: MIT
-- after: geo_rights, cutoffs, geo_cube, geo_circle, geo_distance, expect
-- The box around the circle and the time is looked up in the index, the distance decides.
create or replace function api.geo_within(lat double precision, lon double precision, radius_m double precision,
  "from" timestamptz default now() - interval '1 day', "to" timestamptz default now(), category text default null, n integer default 1000)
returns setof api.geo_neighbour
language plpgsql stable security definer rows 1000 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_lat double precision := lat;
  v_lon double precision := lon;
  v_box ext.cube;
  v_cutoffs timestamptz[] := tmidb.cutoffs();
begin
  perform tmidb.expect(lat between -90 and 90, 'lat is degrees from -90 to 90.'),
    tmidb.expect(lon between -180 and 180, 'lon is degrees from -180 to 180.'),
    tmidb.expect(radius_m between 0 and 20100000, 'radius_m is metres from 0 to 20,100,000.'),
    tmidb.expect(geo_within.n between 1 and 10000, 'n is 1 to 10,000.');
  v_box := tmidb.geo_circle(lat, lon, radius_m, geo_within."from", geo_within."to");
  return query
  with mine as materialized (select * from tmidb.geo_rights(geo_within.category))
  select t.key, g.target_id, c.name, g.ts, g.lat, g.lon, g.distance_m
  from (
    select p.*, tmidb.geo_distance(v_lat, v_lon, p.lat, p.lon) as distance_m
    from tmidb.geo_trace p
    where tmidb.geo_cube(p.lat, p.lon, p.ts) operator(ext.<@) v_box
      and tmidb.geo_distance(v_lat, v_lon, p.lat, p.lon) <= radius_m
      and (p.source_id in (select m.source_id from mine m where m.target_id is null and m.since = '-infinity')
        or (p.source_id, p.target_id) in (select m.source_id, m.target_id from mine m where m.target_id is not null and m.since = '-infinity')
        -- By age class, so that it is looked up as the others are.
        or v_cutoffs is not null and (
          (p.source_id, width_bucket(p.ts, v_cutoffs)) in (
            select m.source_id, a.class from mine m join unnest(v_cutoffs) with ordinality a(at, class) on a.at >= m.since where m.target_id is null)
          or (p.source_id, p.target_id, width_bucket(p.ts, v_cutoffs)) in (
            select m.source_id, m.target_id, a.class from mine m join unnest(v_cutoffs) with ordinality a(at, class) on a.at >= m.since
            where m.target_id is not null)))
    order by p.ts desc, p.target_id, p.category_id limit geo_within.n) g
  join tmidb.target t on t.target_id = g.target_id
  join tmidb.category c on c.category_id = g.category_id
  order by g.ts desc, g.target_id, g.category_id;
end $$;

comment on function api.geo_within(double precision, double precision, double precision, timestamptz, timestamptz, text, integer) is
  E'@param lat Latitude of the middle, in degrees.\n@param lon Longitude of the middle, in degrees.\n@param radius_m Radius in metres.\n@param from From when on; null: from the beginning. A day ago unless given.\n@param to Until when; null: without end. Now unless given.\n@param category Only positions from this category.\n@param n At most so many, 1 to 10,000.\nPositions within a radius of a place in a time, newest first.';
revoke all on function api.geo_within(double precision, double precision, double precision, timestamptz, timestamptz, text, integer) from public;
grant execute on function api.geo_within(double precision, double precision, double precision, timestamptz, timestamptz, text, integer)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
