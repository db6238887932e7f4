-- SPDX-License-Identifier: MIT
-- after: geo_at, geo_distance, expect
-- Both the target and those around it are where tmidb.geo_at says: interpolated between the fixes before and behind the moment.
-- No index over places can answer this, since a target can be near at the moment with both its fixes far away.
create or replace function api.geo_near_target(target text, radius_m double precision, at timestamptz default now(),
  max_age interval default interval '10 minutes', category text default null)
returns setof api.geo_neighbour
language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_key text := target;
  v_at timestamptz := at;
begin
  perform tmidb.expect(radius_m between 0 and 20100000, 'radius_m is metres from 0 to 20,100,000.'),
    tmidb.expect(at is not null, 'at is a time.'),
    tmidb.expect(max_age > interval '0', 'max_age is a length of time, such as PT10M.');
  return query
  with here as materialized (select * from tmidb.geo_at(v_at, max_age, geo_near_target.category, array[v_key]))
  select o.target, o.target_id, o.category, v_at, o.lat, o.lon, d.distance_m
  from here h cross join lateral (select * from tmidb.geo_at(v_at, max_age, geo_near_target.category)) o
  cross join lateral (select tmidb.geo_distance(h.lat, h.lon, o.lat, o.lon) as distance_m) d
  where o.target_id <> h.target_id and d.distance_m <= radius_m
  order by d.distance_m, o.target;
end $$;

comment on function api.geo_near_target(text, double precision, timestamptz, interval, text) is
  E'@param target Key of the target.\n@param radius_m Radius in metres.\n@param at The moment that is asked for. Now unless given.\n@param max_age Positions further away in time than this do not count. 10 minutes unless given.\n@param category Only positions from this category.\nThe targets within a radius of a moving target at a moment, nearest first. Where somebody was is interpolated between the position before the moment and the one behind it, at one speed along the shortest way; where there is only one of them, it is that one.';
revoke all on function api.geo_near_target(text, double precision, timestamptz, interval, text) from public;
grant execute on function api.geo_near_target(text, double precision, timestamptz, interval, text)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
