-- SPDX-License-Identifier: MIT
-- Metres along the ground between two places: haversine, exact for short ways too, on the sphere of earthdistance. The earth is
-- flatter than that: against the ellipsoid WGS84 distances are up to 0.7 % too long (along meridians near the equator), 0.3 % at the most too short.
create or replace function tmidb.geo_distance(p_lat1 double precision, p_lon1 double precision, p_lat2 double precision,
  p_lon2 double precision) returns double precision
language sql immutable parallel safe
as $$
  select 2 * 6378168 * asin(least(1, sqrt(power(sin(radians(p_lat2 - p_lat1) / 2), 2)
    + cos(radians(p_lat1)) * cos(radians(p_lat2)) * power(sin(radians(p_lon2 - p_lon1) / 2), 2))))
$$;

comment on function tmidb.geo_distance(double precision, double precision, double precision, double precision) is
  'Metres between two places, given as latitude and longitude each.';
revoke all on function tmidb.geo_distance(double precision, double precision, double precision, double precision) from public;
