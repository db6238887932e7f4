-- SPDX-License-Identifier: MIT
-- after: geo_visible
-- One look-up in the key a target and category.
create or replace function api.geo_last(targets text[] default null, category text default null)
returns setof api.geo_position
language plpgsql stable security definer rows 1000 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
  set enable_seqscan = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  select distinct on (v.target) v.target, v.target_id, v.category, p.ts, p.lat, p.lon
  from tmidb.geo_visible(geo_last.category, targets) v
  cross join lateral (
    select g.ts, g.lat, g.lon from tmidb.geo_trace g
    where g.target_id = v.target_id and g.category_id = v.category_id and g.source_id = any(v.sources) and g.ts >= v.low
      and (v.since is null or g.ts >= v.since[array_position(v.sources, g.source_id)])
    order by g.ts desc limit 1) p
  order by v.target, p.ts desc, v.category_id;
end $$;

comment on function api.geo_last(text[], text) is
  E'@param targets Keys of the targets; null: all.\n@param category Only positions from this category.\nThe last known position of targets, by key.';
revoke all on function api.geo_last(text[], text) from public;
grant execute on function api.geo_last(text[], text) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
