-- SPDX-License-Identifier: MIT
-- after: geo_rights, cutoffs, geo_cube, geo_rectangle, expect
-- From west to east, so west 170 and east -170 is the strip of 20 degrees across the antimeridian. Longitudes are compared as the way
-- east from the western edge, which makes 180 and -180 the same place.
create or replace function api.geo_box(south double precision, west double precision, north double precision, east double precision,
  "from" timestamptz default now() - interval '1 day', "to" timestamptz default now(), category text default null, n integer default 1000)
returns setof api.geo_position
language plpgsql stable security definer rows 1000 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_box ext.cube;
  v_cutoffs timestamptz[] := tmidb.cutoffs();
  v_width double precision := east - west + case when east < west then 360 else 0 end;
begin
  perform tmidb.expect(south between -90 and 90 and north between south and 90, 'south and north are degrees from -90 to 90, in this order.'),
    tmidb.expect(west between -180 and 180 and east between -180 and 180, 'west and east are degrees from -180 to 180.'),
    tmidb.expect(geo_box.n between 1 and 10000, 'n is 1 to 10,000.');
  v_box := tmidb.geo_rectangle(south, west, north, east, geo_box."from", geo_box."to");
  return query
  with mine as materialized (select * from tmidb.geo_rights(geo_box.category))
  select t.key, g.target_id, c.name, g.ts, g.lat, g.lon
  from (
    select p.* from tmidb.geo_trace p
    where tmidb.geo_cube(p.lat, p.lon, p.ts) operator(ext.<@) v_box
      and p.lat between south and north and p.lon - west - 360 * floor((p.lon - west) / 360) <= v_width
      and (p.source_id in (select m.source_id from mine m where m.target_id is null and m.since = '-infinity')
        or (p.source_id, p.target_id) in (select m.source_id, m.target_id from mine m where m.target_id is not null and m.since = '-infinity')
        -- By age class, so that it is looked up as the others are.
        or v_cutoffs is not null and (
          (p.source_id, width_bucket(p.ts, v_cutoffs)) in (
            select m.source_id, a.class from mine m join unnest(v_cutoffs) with ordinality a(at, class) on a.at >= m.since where m.target_id is null)
          or (p.source_id, p.target_id, width_bucket(p.ts, v_cutoffs)) in (
            select m.source_id, m.target_id, a.class from mine m join unnest(v_cutoffs) with ordinality a(at, class) on a.at >= m.since
            where m.target_id is not null)))
    order by p.ts desc, p.target_id, p.category_id limit geo_box.n) g
  join tmidb.target t on t.target_id = g.target_id
  join tmidb.category c on c.category_id = g.category_id
  order by g.ts desc, g.target_id, g.category_id;
end $$;

comment on function api.geo_box(double precision, double precision, double precision, double precision, timestamptz, timestamptz, text, integer) is
  E'@param south Southern edge in degrees of latitude.\n@param west Western edge in degrees of longitude; the box goes east from here.\n@param north Northern edge in degrees of latitude.\n@param east Eastern edge in degrees of longitude; less than west: across the antimeridian.\n@param from From when on; null: from the beginning. A day ago unless given.\n@param to Until when; null: without end. Now unless given.\n@param category Only positions from this category.\n@param n At most so many, 1 to 10,000.\nPositions in a box of latitudes and longitudes in a time, newest first.';
revoke all on function api.geo_box(double precision, double precision, double precision, double precision, timestamptz, timestamptz, text, integer)
  from public;
grant execute on function api.geo_box(double precision, double precision, double precision, double precision, timestamptz, timestamptz, text, integer)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
