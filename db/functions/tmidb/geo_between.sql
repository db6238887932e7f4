-- SPDX-License-Identifier: MIT
-- Where somebody is who goes the shortest way from one place to another at one speed, after a share of the way: by unit vectors, so
-- neither a pole nor the antimeridian is in the way. Between opposite points every way is the shortest: it stays at the nearer one.
create or replace function tmidb.geo_between(p_lat1 double precision, p_lon1 double precision, p_lat2 double precision,
  p_lon2 double precision, p_share double precision, out lat double precision, out lon double precision)
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_angle double precision := tmidb.geo_distance(p_lat1, p_lon1, p_lat2, p_lon2) / 6378168;
  a double precision;
  b double precision;
  x double precision;
  y double precision;
begin
  if p_share <= 0 or v_angle < 1e-12 or (v_angle > 3.14159 and p_share < 0.5) then
    lat := p_lat1;
    lon := p_lon1;
  elsif p_share >= 1 or v_angle > 3.14159 then
    lat := p_lat2;
    lon := p_lon2;
  else
    a := sin((1 - p_share) * v_angle) / sin(v_angle);
    b := sin(p_share * v_angle) / sin(v_angle);
    x := a * cos(radians(p_lat1)) * cos(radians(p_lon1)) + b * cos(radians(p_lat2)) * cos(radians(p_lon2));
    y := a * cos(radians(p_lat1)) * sin(radians(p_lon1)) + b * cos(radians(p_lat2)) * sin(radians(p_lon2));
    lat := degrees(atan2(a * sin(radians(p_lat1)) + b * sin(radians(p_lat2)), sqrt(x * x + y * y)));
    lon := degrees(atan2(y, x));
  end if;
end $$;

comment on function tmidb.geo_between(double precision, double precision, double precision, double precision, double precision) is
  'A place on the way from one place to another, after this share of it.';
revoke all on function tmidb.geo_between(double precision, double precision, double precision, double precision, double precision) from public;
