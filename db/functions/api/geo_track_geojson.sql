-- SPDX-License-Identifier: MIT
-- after: geo_track
-- A track that crosses the antimeridian is cut there into a MultiLineString, as RFC 7946 asks, or maps draw it around the world.
create or replace function api.geo_track_geojson(target text, "from" timestamptz default now() - interval '1 day',
  "to" timestamptz default now(), tolerance_m double precision default null, max_points integer default 1000, category text default null)
returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with point as (
    select p.ts, p.lat, p.lon, p.o, lag(p.lat) over (order by p.o) as lat0, lag(p.lon) over (order by p.o) as lon0
    from api.geo_track(geo_track_geojson.target, geo_track_geojson."from", geo_track_geojson."to", geo_track_geojson.tolerance_m,
      geo_track_geojson.max_points, geo_track_geojson.category) with ordinality p(ts, lat, lon, o)
  ), step as (
    select *, coalesce(abs(lon - lon0) > 180, false) as crosses, count(*) filter (where abs(lon - lon0) > 180) over (order by o) as line
    from point
  ), cut as (
    -- Where the straight line on the map meets the antimeridian.
    select line, o, case when lon0 > 0 then 180 else -180 end as edge,
           lat0 + (lat - lat0) * (180 - abs(lon0)) / nullif(360 - abs(lon - lon0), 0) as at
    from step where crosses
  ), corner as (
    select line, o, 1 as part, lon, lat from step
    union all select line - 1, o, 0, edge, coalesce(at, 0) from cut
    union all select line, o, 0, -edge, coalesce(at, 0) from cut
  ), lines as (
    select line, jsonb_agg(jsonb_build_array(lon, lat) order by o, part) as coordinates from corner group by line
  ), whole as (
    -- A line has two ends, even where there is one position only.
    select jsonb_agg(case when jsonb_array_length(coordinates) = 1 then coordinates || coordinates else coordinates end order by line) as lines
    from lines
  )
  select jsonb_build_object('type', 'Feature',
    'geometry', case when w.lines is null then 'null'
      when jsonb_array_length(w.lines) = 1 then jsonb_build_object('type', 'LineString', 'coordinates', w.lines -> 0)
      else jsonb_build_object('type', 'MultiLineString', 'coordinates', w.lines) end,
    'properties', jsonb_build_object('target', geo_track_geojson.target, 'points', p.n, 'times', p.times))
  from whole w
  cross join (select count(*) as n, coalesce(jsonb_agg(to_char(ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') order by o), '[]') as times
              from point) p
$$;

comment on function api.geo_track_geojson(text, timestamptz, timestamptz, double precision, integer, text) is
  E'@param target Key of the target.\n@param from From when on; null: from the beginning. A day ago unless given.\n@param to Until when; null: without end. Now unless given.\n@param tolerance_m No position left out is further than this from the line, in metres, as long as max_points are enough; null: as many points as max_points.\n@param max_points At most so many, 2 to 10,000.\n@param category Only positions from this category.\nThe way of a target in a time as a GeoJSON Feature: a LineString (a MultiLineString where it crosses the antimeridian, null where nothing is known), with the time of each point in properties.times.';
revoke all on function api.geo_track_geojson(text, timestamptz, timestamptz, double precision, integer, text) from public;
grant execute on function api.geo_track_geojson(text, timestamptz, timestamptz, double precision, integer, text)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
