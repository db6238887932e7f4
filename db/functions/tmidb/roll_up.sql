-- SPDX-License-Identifier: MIT
-- after: make_rollup_chunk, field_path, value_at
-- Merges the next readings of one shard into the roll-ups. Rows of a shard are committed in the order of their positions, so all up
-- to ingest_cursor are there to be read, and moving rollup_cursor in the transaction of the merge counts each of them exactly once:
-- however late its time is, killed midway or run twice. The shard that is furthest behind goes first; one that another job holds
-- is passed over. A shard is taken once it is p_most behind, or after p_wait: the more readings a merge holds, the fewer rows it
-- changes for each of them. A value counts where its version says that the field is a number.
-- A category whose roll-ups are off is still merged before its floor raw_from: series_plan answers from the roll-ups there, so what comes
-- for that time after a retention was lengthened would be in no answer. The floor counts in whole days there and here.
-- What is not merged yet is never packed (rewrite_chunk sees to that), so its index by position is the one for payloads.
-- Nested loops and sequential scans are off because the sizes of the steps are not known when the plan is made.
-- Commit does not wait for the disk: a merge that a crash takes back is simply made again.
create or replace function tmidb.roll_up(p_most integer default 80000, p_wait interval default '0') returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
  set enable_seqscan = off set enable_nestloop = off set work_mem = '64MB' set jit = off set plan_cache_mode = force_custom_plan set timezone = 'UTC'
as $$
declare
  v_shard smallint;
  v_base bigint;
  v_from bigint;
  v_upto bigint;
  v_room record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select c.shard, c.position, least(i.position, c.position + p_most) into v_shard, v_from, v_upto
  from tmidb.rollup_cursor c join tmidb.ingest_cursor i using (shard)
  where i.position > c.position and (i.position >= c.position + p_most or c.rolled_at <= clock_timestamp() - p_wait)
  order by i.position - c.position desc limit 1
  for update of c skip locked;
  if not found or v_upto <= v_from then return 0; end if;
  v_base := v_shard::bigint << 50;

  loop
    begin
      with fresh as materialized (
        select o.target_id, o.ts, o.position, o.version_id, o.payload
        from tmidb.ts_obs o
        where o.position > v_base + v_from and o.position <= v_base + v_upto and o.payload is not null
      ), known as materialized (
        select v.version_id, r.field_id, r.name, nullif(tmidb.field_path(r.name), array[r.name]) as path, case when c.rollup_enabled then 'infinity' else date_trunc('day', c.raw_from) end as before
        from tmidb.schema_version v
        join tmidb.category c on c.category_id = v.category_id and (c.rollup_enabled or c.raw_from > '-infinity')
        cross join lateral jsonb_array_elements(v.fields) f
        join tmidb.rollup_field r on r.category_id = v.category_id and r.name = f->>'name'
        where v.version_id in (select f.version_id from fresh f) and f->>'type' in ('integer', 'number', 'exact')
      ), measured as (
        select f.target_id, k.field_id, date_bin('1 minute', f.ts, '2000-01-01Z') as bucket, f.ts, f.position, x.value
        from fresh f
        join known k on k.version_id = f.version_id and f.ts < k.before
        cross join lateral (
          select case when k.path is null then case when jsonb_typeof(f.payload -> k.name) = 'number' then (f.payload -> k.name)::numeric end
            when jsonb_typeof(tmidb.value_at(f.payload, k.path)) = 'number' then tmidb.value_at(f.payload, k.path)::numeric end as value offset 0) x
        where x.value is not null
      ), minutes as (
        select m.target_id, m.field_id, m.bucket, min(m.ts) as first_ts, max(m.ts) as last_ts, count(*)::int as count,
               min(m.value) as min, max(m.value) as max, sum(m.value) as sum,
               (array_agg(m.value order by m.ts, m.position))[1] as first,
               (array_agg(m.value order by m.ts, m.position))[count(*)] as last
        from measured m group by m.target_id, m.field_id, m.bucket
      ), found as materialized (
        select m.*, (select s.series_id from tmidb.rollup_series s where s.field_id = m.field_id and s.target_id = m.target_id) as series_id
        from minutes m
      ), made as (
        insert into tmidb.rollup_series (target_id, field_id)
        select distinct target_id, field_id from found where series_id is null
        returning series_id, target_id, field_id
      ), merged as materialized (
        select coalesce(f.series_id, s.series_id) as series_id, f.bucket, f.first_ts, f.last_ts, f.count, f.min, f.max, f.sum, f.first, f.last
        from found f left join made s using (target_id, field_id)
      ), in_minutes as (
        insert into tmidb.rollup_minute as r (series_id, bucket, first_ts, last_ts, count, min, max, sum, first, last)
        select * from merged order by series_id, bucket
        on conflict (series_id, bucket) do update set count = r.count + excluded.count, sum = r.sum + excluded.sum,
          min = least(r.min, excluded.min), max = greatest(r.max, excluded.max),
          first = case when excluded.first_ts < r.first_ts then excluded.first else r.first end,
          last = case when excluded.last_ts >= r.last_ts then excluded.last else r.last end,
          first_ts = least(r.first_ts, excluded.first_ts), last_ts = greatest(r.last_ts, excluded.last_ts)
      ), hours as materialized (
        select series_id, date_bin('1 hour', bucket, '2000-01-01Z') as bucket, min(first_ts) as first_ts, max(last_ts) as last_ts,
               sum(count)::int as count, min(min) as min, max(max) as max, sum(sum) as sum,
               (array_agg(first order by bucket))[1] as first, (array_agg(last order by bucket))[count(*)] as last
        from merged group by series_id, date_bin('1 hour', bucket, '2000-01-01Z')
      ), in_hours as (
        insert into tmidb.rollup_hour as r (series_id, bucket, first_ts, last_ts, count, min, max, sum, first, last)
        select * from hours order by series_id, bucket
        on conflict (series_id, bucket) do update set count = r.count + excluded.count, sum = r.sum + excluded.sum,
          min = least(r.min, excluded.min), max = greatest(r.max, excluded.max),
          first = case when excluded.first_ts < r.first_ts then excluded.first else r.first end,
          last = case when excluded.last_ts >= r.last_ts then excluded.last else r.last end,
          first_ts = least(r.first_ts, excluded.first_ts), last_ts = greatest(r.last_ts, excluded.last_ts)
      )
      insert into tmidb.rollup_day as r (series_id, bucket, first_ts, last_ts, count, min, max, sum, first, last)
      select series_id, date_bin('1 day', bucket, '2000-01-01Z'), min(first_ts), max(last_ts), sum(count)::int, min(min), max(max), sum(sum),
             (array_agg(first order by bucket))[1], (array_agg(last order by bucket))[count(*)]
      from hours group by series_id, date_bin('1 day', bucket, '2000-01-01Z') order by 1, 2
      on conflict (series_id, bucket) do update set count = r.count + excluded.count, sum = r.sum + excluded.sum,
        min = least(r.min, excluded.min), max = greatest(r.max, excluded.max),
        first = case when excluded.first_ts < r.first_ts then excluded.first else r.first end,
        last = case when excluded.last_ts >= r.last_ts then excluded.last else r.last end,
        first_ts = least(r.first_ts, excluded.first_ts), last_ts = greatest(r.last_ts, excluded.last_ts);
      exit;
    exception when check_violation then
      -- There is no room for some of it: once a day, or where history comes late.
      select bool_or(tmidb.make_rollup_chunk(g.grain, d.day)) as made into v_room
      from (select distinct date_bin('1 day', o.ts, '2000-01-01Z') as day
            from tmidb.ts_obs o
            where o.position > v_base + v_from and o.position <= v_base + v_upto and o.payload is not null) d
      cross join (values ('minute'), ('hour'), ('day')) g(grain);
      if v_room.made is not true then raise; end if;
    end;
  end loop;

  update tmidb.rollup_cursor set position = v_upto, rolled_at = clock_timestamp() where shard = v_shard;
  return v_upto - v_from;
end $$;

comment on function tmidb.roll_up(integer, interval) is
  'Merges up to p_most readings of the shard that is furthest behind into the roll-ups; returns how many positions, 0 when none is due.';
revoke all on function tmidb.roll_up(integer, interval) from public;
grant execute on function tmidb.roll_up(integer, interval) to tmidb_drain, tmidb_admin;
