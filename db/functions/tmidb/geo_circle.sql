-- SPDX-License-Identifier: MIT
-- The box around all places within a radius of one, and all times from one to another: what the index is asked. A metre more
-- than needed, because numbers are rounded; the distance decides.
create or replace function tmidb.geo_circle(p_lat double precision, p_lon double precision, p_radius_m double precision,
  p_from timestamptz, p_to timestamptz) returns ext.cube
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$
  select ext.cube(
    array[p.x - c.m, p.y - c.m, p.z - c.m, date_part('epoch', coalesce(p_from, '-infinity') at time zone 'UTC')],
    array[p.x + c.m, p.y + c.m, p.z + c.m, date_part('epoch', coalesce(p_to, 'infinity') at time zone 'UTC')])
  from (select 6378168 * cos(radians(p_lat)) * cos(radians(p_lon)) as x, 6378168 * cos(radians(p_lat)) * sin(radians(p_lon)) as y,
               6378168 * sin(radians(p_lat)) as z) p,
       -- The straight line through the earth that belongs to the way along the ground.
       (select 1 + 2 * 6378168 * sin(least(p_radius_m / 6378168, pi()) / 2) as m) c
$$;

comment on function tmidb.geo_circle(double precision, double precision, double precision, timestamptz, timestamptz) is
  'The box of space and time around a circle.';
revoke all on function tmidb.geo_circle(double precision, double precision, double precision, timestamptz, timestamptz) from public;
