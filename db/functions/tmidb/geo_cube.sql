-- SPDX-License-Identifier: MIT
-- A place and a time as a point of four dimensions: metres from the centre of the earth, so that neither the poles nor the
-- antimeridian are a special case, and seconds. It is the expression of the index geo_trace_place_idx: not strict and without
-- search_path, so that the planner puts it into the query and finds the index. 6378168 is ext.earth(): the radius that the
-- extension earthdistance measures with. Its own ll_to_earth is not used because before PostgreSQL 16 it needs a search_path.
create or replace function tmidb.geo_cube(p_lat double precision, p_lon double precision, p_ts timestamptz) returns ext.cube
language sql immutable parallel safe
as $$
  select ext.cube(array[
    6378168 * cos(radians(p_lat)) * cos(radians(p_lon)), 6378168 * cos(radians(p_lat)) * sin(radians(p_lon)), 6378168 * sin(radians(p_lat)),
    date_part('epoch', p_ts at time zone 'UTC')])
$$;

comment on function tmidb.geo_cube(double precision, double precision, timestamptz) is 'A place on the sphere and a time, as a point.';
revoke all on function tmidb.geo_cube(double precision, double precision, timestamptz) from public;
