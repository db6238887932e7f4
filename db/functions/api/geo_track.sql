-- SPDX-License-Identifier: MIT
-- after: geo_visible, expect
-- Douglas and Peucker, level by level: one statement a level finds the point that is furthest from its stretch for all stretches that
-- are not done. Distances are those from the great circle through the stretch's ends, on unit vectors. Where a
-- level would give more points than asked for, the furthest are taken and it ends. Of more than 20,000 positions
-- every k-th is looked at.
create or replace function api.geo_track(target text, "from" timestamptz default now() - interval '1 day', "to" timestamptz default now(),
  tolerance_m double precision default null, max_points integer default 1000, category text default null)
returns setof api.geo_point
language plpgsql stable security definer rows 1000 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
  set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off
as $$
#variable_conflict use_column
declare
  c_most constant int := 20000;
  v_tolerance double precision := power(coalesce(tolerance_m, 0) / 6378168, 2);
  v_ts timestamptz[];
  v_lat double precision[];
  v_lon double precision[];
  x double precision[];
  y double precision[];
  z double precision[];
  v_kept int[];
  v_from int[];
  v_to int[];
  v_split int[];
begin
  perform tmidb.expect(max_points between 2 and 10000, 'max_points is 2 to 10,000.'),
    tmidb.expect(coalesce(tolerance_m, 0) >= 0, 'tolerance_m is metres, 0 or more.');

  with fix as materialized (
    select g.ts, g.lat, g.lon, row_number() over (order by g.ts, g.category_id) as o, count(*) over () as n
    from tmidb.geo_visible(geo_track.category, array[geo_track.target]) v
    join tmidb.geo_trace g on g.target_id = v.target_id and g.category_id = v.category_id and g.source_id = any(v.sources) and g.ts >= v.low
      and (v.since is null or g.ts >= v.since[array_position(v.sources, g.source_id)])
    where g.ts >= coalesce(geo_track."from", '-infinity') and g.ts <= coalesce(geo_track."to", 'infinity')
  )
  select array_agg(f.ts order by f.o), array_agg(f.lat order by f.o), array_agg(f.lon order by f.o),
    array_agg(cos(radians(f.lat)) * cos(radians(f.lon)) order by f.o), array_agg(cos(radians(f.lat)) * sin(radians(f.lon)) order by f.o),
    array_agg(sin(radians(f.lat)) order by f.o)
  into v_ts, v_lat, v_lon, x, y, z
  from fix f where f.n <= c_most or (f.o - 1) % (1 + f.n / c_most) = 0 or f.o = f.n;
  if v_ts is null then return; end if;

  if cardinality(v_ts) <= 2 or (tolerance_m is null and cardinality(v_ts) <= max_points) then
    return query select * from unnest(v_ts, v_lat, v_lon);
    return;
  end if;
  v_kept := array[1, cardinality(v_ts)];
  v_from := array[1];
  v_to := array[cardinality(v_ts)];
  while cardinality(v_from) > 0 and cardinality(v_kept) < max_points loop
    with furthest as materialized (
      select s.a, s.b, d.i::int as i, d.away
      from unnest(v_from, v_to) s(a, b)
      -- Once a stretch: the normal n of the great circle through its ends, and for each end the direction along it towards the other.
      cross join lateral (
        select k.*, k.ny * k.az - k.nz * k.ay as fx, k.nz * k.ax - k.nx * k.az as fy, k.nx * k.ay - k.ny * k.ax as fz,
               k.by * k.nz - k.bz * k.ny as gx, k.bz * k.nx - k.bx * k.nz as gy, k.bx * k.ny - k.by * k.nx as gz,
               nullif(k.nx * k.nx + k.ny * k.ny + k.nz * k.nz, 0) as nn
        from (select e.*, e.ay * e.bz - e.az * e.by as nx, e.az * e.bx - e.ax * e.bz as ny, e.ax * e.by - e.ay * e.bx as nz
              from (select x[s.a] as ax, y[s.a] as ay, z[s.a] as az, x[s.b] as bx, y[s.b] as by, z[s.b] as bz offset 0) e offset 0) k
        offset 0) c
      -- Between the ends the distance is from the great circle, else from the nearer end; squared, on the unit sphere.
      cross join lateral (
        select s.a + p.o as i, coalesce(case
            when c.fx * p.x + c.fy * p.y + c.fz * p.z >= 0 and c.gx * p.x + c.gy * p.y + c.gz * p.z >= 0
            then (c.nx * p.x + c.ny * p.y + c.nz * p.z) * (c.nx * p.x + c.ny * p.y + c.nz * p.z) / c.nn end,
            least((p.x - c.ax) * (p.x - c.ax) + (p.y - c.ay) * (p.y - c.ay) + (p.z - c.az) * (p.z - c.az),
                  (p.x - c.bx) * (p.x - c.bx) + (p.y - c.by) * (p.y - c.by) + (p.z - c.bz) * (p.z - c.bz))) as away
        from (select g - s.a as o, x[g] as x, y[g] as y, z[g] as z from generate_series(s.a + 1, s.b - 1) g offset 0) p
        order by 2 desc, 1 limit 1) d
      where s.b - s.a > 1
    ), taken as (
      select * from furthest where away > v_tolerance order by away desc limit max_points - cardinality(v_kept)
    ), next as (
      select a, i as b from taken union all select i, b from taken
    )
    select (select array_agg(i) from taken), array_agg(a), array_agg(b) into v_split, v_from, v_to from next where b - a > 1;
    v_kept := v_kept || v_split;
  end loop;
  return query select v_ts[i], v_lat[i], v_lon[i] from unnest(v_kept) i order by i;
end $$;

comment on function api.geo_track(text, timestamptz, timestamptz, double precision, integer, text) is
  E'@param target Key of the target.\n@param from From when on; null: from the beginning. A day ago unless given.\n@param to Until when; null: without end. Now unless given.\n@param tolerance_m No position left out is further than this from the line, in metres, as long as max_points are enough; null: as many points as max_points.\n@param max_points At most so many, 2 to 10,000.\n@param category Only positions from this category.\nThe way of a target in a time, in as many points as a map needs (Douglas-Peucker), oldest first.';
revoke all on function api.geo_track(text, timestamptz, timestamptz, double precision, integer, text) from public;
grant execute on function api.geo_track(text, timestamptz, timestamptz, double precision, integer, text)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
