-- SPDX-License-Identifier: MIT
-- after: rules, cutoffs, mask_at, shown_since, bucket_start, series_plan, series_grain, shard_of, unpack, field_path, field_rights, value_at
-- Aggregates of a numeric field in buckets, always equal to those over the readings themselves: pieces of roll-ups and readings as
-- series_plan says, and to what comes from roll-ups the readings that are not merged yet, found by their positions. All of it is one
-- snapshot, since the function is stable. It checks who asks by the same rules as views and policies: a target or field that is not
-- shown gives nothing, like one that does not exist. What is shown of the youngest readings only is a shorter stretch of time, whose
-- beginning is cut like any other: targets that are shown from the same moment on go together, nearly always all of them.
-- "offset 0" keeps each piece an index range of its own; custom plans leave out pieces and chunks that are not touched.
create or replace function tmidb.series_rows(p_category text, p_targets text[], p_field text, p_from timestamptz, p_to timestamptz,
  p_width interval, p_timezone text)
returns table (target text, bucket timestamptz, count bigint, min numeric, max numeric, sum numeric, first numeric, last numeric)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  -- Shards that are further behind than this on average: the readings are read by target and time instead of by position.
  c_most_behind constant bigint := 400000;
  v_category tmidb.category;
  v_id smallint;
  v_field int;
  v_path constant text[] := tmidb.field_path(p_field);
  v_rights constant text[] := tmidb.field_rights(p_field);
  v_versions int[];
  v_targets uuid[];
  v_keys text[];
  v_series int[];
  v_shards smallint[];
  v_far boolean;
  v_since timestamptz;
  v_of tmidb.category;
  v_utc boolean := p_timezone = 'UTC' and extract(year from p_width) = 0 and extract(month from p_width) = 0;
  v_source text[];
  v_from timestamptz[];
  v_to timestamptz[];
  v_lo timestamptz[];
  v_hi timestamptz[];
  v_rolled tstzmultirange;
begin
  select * into v_of from tmidb.category c where c.name = p_category;
  v_id := v_of.category_id;
  select f.field_id into v_field from tmidb.rollup_field f where f.category_id = v_id and f.name = p_field;
  if v_field is null then return; end if;
  v_versions := array(
    select v.version_id from tmidb.schema_version v where v.category_id = v_id and exists (
      select from jsonb_array_elements(v.fields) f where f->>'name' = p_field and f->>'type' in ('integer', 'number', 'exact')));

  for v_since, v_targets, v_keys, v_series in
    select t.since, array_agg(t.target_id order by t.key), array_agg(t.key order by t.key), array_agg(s.series_id order by t.key)
    from (select t.target_id, t.key,
            case when g.base ?| v_rights then '-infinity'
              when g.cutoffs is not null then (select w.since from tmidb.shown_since(g.rules, g.cutoffs, v_id, t.target_id, v_rights) w)
              when tmidb.mask_at(g.rules, null, v_id, t.target_id, null) ?| v_rights then '-infinity' end as since
          from (select r.*, tmidb.mask_at(r.rules, r.cutoffs, v_id, null, '-infinity') as base
                from (select r.rules, tmidb.cutoffs(r.rules) as cutoffs from (select tmidb.rules() as rules offset 0) r offset 0) r offset 0) g
          join tmidb.target t on p_targets is null or t.key = any(p_targets) offset 0) t
    left join tmidb.rollup_series s on s.field_id = v_field and s.target_id = t.target_id
    where t.since < p_to group by t.since
  loop
    v_category := v_of;
    v_since := greatest(v_since, p_from);
    v_shards := case when cardinality(v_keys) > 8 then array[0, 1, 2, 3, 4, 5, 6, 7]
      else array(select distinct tmidb.shard_of(k) from unnest(v_keys) k) end;
    select avg(i.position - c.position) > c_most_behind into v_far
    from tmidb.rollup_cursor c join tmidb.ingest_cursor i using (shard) where c.shard = any(v_shards);
    if v_far then v_category.rollup_since := 'infinity'; end if;

    select array_agg(p.source order by p.from_ts), array_agg(p.from_ts order by p.from_ts), array_agg(p.to_ts order by p.from_ts),
           array[min(p.from_ts) filter (where p.source = 'raw'), min(p.from_ts) filter (where p.source = 'minute'),
             min(p.from_ts) filter (where p.source = 'hour'), min(p.from_ts) filter (where p.source = 'day')],
           array[max(p.to_ts) filter (where p.source = 'raw'), max(p.to_ts) filter (where p.source = 'minute'),
             max(p.to_ts) filter (where p.source = 'hour'), max(p.to_ts) filter (where p.source = 'day')],
           range_agg(tstzrange(p.from_ts, p.to_ts)) filter (where p.source <> 'raw')
    into v_source, v_from, v_to, v_lo, v_hi, v_rolled
    from tmidb.series_plan(v_category, v_since, p_to, tmidb.series_grain(p_width, v_since, p_to, p_timezone)) p;

    return query
    with seen as materialized (
      select * from unnest(v_targets, v_keys, v_series) s(target_id, key, series_id)
    ), piece as materialized (
      select * from unnest(v_source, v_from, v_to) p(source, from_ts, to_ts)
    ), rolled as (
      select s.target_id, r.*
      from piece p cross join seen s
      cross join lateral (
        select * from tmidb.rollup_minute r where r.series_id = s.series_id and r.bucket >= p.from_ts and r.bucket < p.to_ts
          and r.bucket >= v_lo[2] and r.bucket < v_hi[2] offset 0) r
      where p.source = 'minute'
      union all
      select s.target_id, r.*
      from piece p cross join seen s
      cross join lateral (
        select * from tmidb.rollup_hour r where r.series_id = s.series_id and r.bucket >= p.from_ts and r.bucket < p.to_ts
          and r.bucket >= v_lo[3] and r.bucket < v_hi[3] offset 0) r
      where p.source = 'hour'
      union all
      select s.target_id, r.*
      from piece p cross join seen s
      cross join lateral (
        select * from tmidb.rollup_day r where r.series_id = s.series_id and r.bucket >= p.from_ts and r.bucket < p.to_ts
          and r.bucket >= v_lo[4] and r.bucket < v_hi[4] offset 0) r
      where p.source = 'day'
    ), reading as (
      select o.target_id, o.ts, o.position, coalesce(o.payload, tmidb.unpack(o.version_id, o.compact)) as payload
      from piece p cross join seen s
      cross join lateral (
        select o.target_id, o.ts, o.position, o.version_id, o.payload, o.compact from tmidb.ts_obs o
        where o.target_id = s.target_id and o.category_id = v_id and o.ts >= p.from_ts and o.ts < p.to_ts
          and o.ts >= v_lo[1] and o.ts < v_hi[1] offset 0) o
      where p.source = 'raw' and o.version_id = any(v_versions)
      union all
      select o.target_id, o.ts, o.position, o.payload
      from tmidb.rollup_cursor c
      cross join lateral (
        select o.target_id, o.ts, o.position, o.version_id, o.payload from tmidb.ts_obs o
        where o.position > (c.shard::bigint << 50) + c.position and o.position < (c.shard + 1)::bigint << 50 and o.payload is not null
          and o.category_id = v_id and o.ts >= lower(v_rolled) and o.ts < upper(v_rolled) offset 0) o
      where not v_far and c.shard = any(v_shards) and o.target_id = any(v_targets) and o.version_id = any(v_versions) and v_rolled @> o.ts
      union all
      select o.target_id, o.ts, o.position, o.payload
      from tmidb.rollup_cursor c
      cross join seen s
      cross join lateral (
        select o.target_id, o.ts, o.position, o.version_id, o.payload from tmidb.ts_obs o
        where o.target_id = s.target_id and o.category_id = v_id and o.ts >= lower(v_rolled) and o.ts < upper(v_rolled)
          and o.position > (c.shard::bigint << 50) + c.position and o.position < (c.shard + 1)::bigint << 50 and o.payload is not null
        offset 0) o
      where v_far and c.shard = any(v_shards) and o.version_id = any(v_versions) and v_rolled @> o.ts
    ), part as (
      select r.target_id, r.bucket as at, r.first_ts, r.last_ts, 0 as position, r.count, r.min, r.max, r.sum, r.first, r.last from rolled r
      union all
      select o.target_id, o.ts, o.ts, o.ts, o.position, 1, v.value, v.value, v.value, v.value, v.value
      from reading o
      cross join lateral (
        select case when jsonb_typeof(tmidb.value_at(o.payload, v_path)) = 'number' then tmidb.value_at(o.payload, v_path)::numeric end as value
        offset 0) v
      where v.value is not null
    ), placed as (
      select p.*, case when v_utc then date_bin(p_width, p.at, '2000-01-03Z') else tmidb.bucket_start(p_width, p.at, p_timezone) end as start
      from part p
    ), grouped as (
      select p.target_id, p.start, sum(p.count)::bigint as count, min(p.min) as min, max(p.max) as max, sum(p.sum) as sum,
             (array_agg(p.first order by p.first_ts, p.position))[1] as first,
             (array_agg(p.last order by p.last_ts desc, p.position desc))[1] as last
      from placed p group by p.target_id, p.start
    )
    select s.key, g.start, g.count, g.min, g.max, g.sum, g.first, g.last
    from grouped g join seen s using (target_id) order by 1, 2;
  end loop;
end $$;

comment on function tmidb.series_rows(text, text[], text, timestamptz, timestamptz, interval, text) is
  'Count, min, max, sum, first and last of a numeric field per target and bucket, with every digit, as far as the one who asks may see them.';
revoke all on function tmidb.series_rows(text, text[], text, timestamptz, timestamptz, interval, text) from public;
