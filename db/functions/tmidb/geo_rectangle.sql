-- SPDX-License-Identifier: MIT
-- The box of space and time around all places between two latitudes and two longitudes, going east from the first (across the
-- antimeridian if it must). Sine and cosine have their extremes where the axes are, so these are looked for in between.
create or replace function tmidb.geo_rectangle(p_south double precision, p_west double precision, p_north double precision,
  p_east double precision, p_from timestamptz, p_to timestamptz) returns ext.cube
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$
  select ext.cube(
    array[least(a.most * c.low, a.least * c.low) - 1, least(a.most * s.low, a.least * s.low) - 1,
          6378168 * sin(radians(p_south)) - 1, date_part('epoch', coalesce(p_from, '-infinity') at time zone 'UTC')],
    array[greatest(a.most * c.high, a.least * c.high) + 1, greatest(a.most * s.high, a.least * s.high) + 1,
          6378168 * sin(radians(p_north)) + 1, date_part('epoch', coalesce(p_to, 'infinity') at time zone 'UTC')])
  from (select 6378168 * least(cos(radians(p_south)), cos(radians(p_north))) as least,
               6378168 * case when p_south <= 0 and p_north >= 0 then 1 else greatest(cos(radians(p_south)), cos(radians(p_north))) end as most) a,
       (select p_east + case when p_east < p_west then 360 else 0 end as east) e,
       lateral (select max(cos(radians(d))) as high, min(cos(radians(d))) as low
                from (select p_west union all select e.east
                      union all select x from unnest(array[-180, 0, 180, 360]) x where x between p_west and e.east) k(d)) c,
       lateral (select max(sin(radians(d))) as high, min(sin(radians(d))) as low
                from (select p_west union all select e.east
                      union all select x from unnest(array[-90, 90, 270, 450]) x where x between p_west and e.east) k(d)) s
$$;

comment on function tmidb.geo_rectangle(double precision, double precision, double precision, double precision, timestamptz, timestamptz) is
  'The box of space and time around latitudes and longitudes.';
revoke all on function tmidb.geo_rectangle(double precision, double precision, double precision, double precision, timestamptz, timestamptz)
  from public;
