-- SPDX-License-Identifier: MIT
-- after: series_rows, bucket_starts, to_float
-- series_rows as float64, with buckets that nothing fell into as asked: 'none' leaves them out, 'null' shows them empty, 'previous'
-- carries on what stood before (locf), 'linear' draws a line between the neighbours (interpolate). What is filled has count 0 and no
-- sum; nothing is made up before the first value of the range, nor by 'linear' behind the last.
create or replace function tmidb.series_filled(p_category text, p_targets text[], p_field text, p_from timestamptz, p_to timestamptz,
  p_width interval, p_timezone text, p_fill text)
returns table (target text, bucket timestamptz, count bigint, min double precision, max double precision, avg double precision,
  sum double precision, first double precision, last double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan set jit = off
as $$
#variable_conflict use_column
begin
  if p_from is null or p_to is null or not isfinite(p_from) or not isfinite(p_to) then
    raise exception 'The range of time needs two moments.' using errcode = 'TM305', hint = 'Say from_ts and to_ts.';
  elsif p_width is null or p_timezone is null then
    raise exception 'The width of the buckets is missing.' using errcode = 'TM305', hint = 'Say an interval such as 1 hour.';
  elsif p_fill is null or p_fill not in ('none', 'null', 'previous', 'linear') then
    raise exception 'Empty buckets cannot be filled with %.', quote_nullable(left(p_fill, 80)) using errcode = 'TM305',
      hint = 'Say none, null, previous or linear.';
  end if;
  begin
    perform tmidb.bucket_start(p_width, p_from, p_timezone);
  exception when invalid_parameter_value then
    raise exception 'The time zone % is not known.', quote_literal(left(p_timezone, 80)) using errcode = 'TM305',
      hint = 'Say a name such as Asia/Seoul.';
  end;
  if extract(epoch from p_to - p_from) / extract(epoch from p_width) > 200000 then
    raise exception 'These are more than 200,000 buckets.' using errcode = 'TM305', hint = 'Ask for a shorter range or for wider buckets.';
  end if;
  if p_to <= p_from then return; end if;

  return query
  with found as materialized (
    select r.target, r.bucket, r.count, tmidb.to_float(r.min) as min, tmidb.to_float(r.max) as max,
           tmidb.to_float(r.sum / r.count) as avg, tmidb.to_float(r.sum) as sum, tmidb.to_float(r.first) as first, tmidb.to_float(r.last) as last
    from tmidb.series_rows(p_category, p_targets, p_field, p_from, p_to, p_width, p_timezone) r
  ), grid as (
    select t.target, b.bucket
    from (select distinct f.target from found f where p_fill <> 'none') t
    cross join tmidb.bucket_starts(p_width, p_from, p_to, p_timezone) b(bucket)
  ), filled as (
    select g.target, g.bucket, f.count, f.min, f.max, f.avg, f.sum, f.first, f.last,
           count(f.count) over before as nth, count(f.count) over behind as nth_back
    from grid g left join found f using (target, bucket)
    window before as (partition by g.target order by g.bucket), behind as (partition by g.target order by g.bucket desc)
  ), known as (
    select * from filled where count is not null
  )
  select f.target, f.bucket, f.count, f.min, f.max, f.avg, f.sum, f.first, f.last from found f where p_fill = 'none'
  union all
  select f.target, f.bucket, coalesce(f.count, 0),
         coalesce(f.min, p.min + (n.min - p.min) * w.part), coalesce(f.max, p.max + (n.max - p.max) * w.part),
         coalesce(f.avg, p.avg + (n.avg - p.avg) * w.part), f.sum,
         coalesce(f.first, p.first + (n.first - p.first) * w.part), coalesce(f.last, p.last + (n.last - p.last) * w.part)
  from filled f
  left join known p on f.count is null and p_fill <> 'null' and p.target = f.target and p.nth = f.nth
  -- What is carried on is a line between a value and itself.
  left join known n on f.count is null and p_fill <> 'null' and n.target = f.target
    and case p_fill when 'linear' then n.nth_back = f.nth_back else n.nth = f.nth end
  cross join lateral (
    select coalesce(extract(epoch from f.bucket - p.bucket) / nullif(extract(epoch from n.bucket - p.bucket), 0), 0)::float8 as part) w
  where p_fill <> 'none'
  order by 1, 2;
end $$;

comment on function tmidb.series_filled(text, text[], text, timestamptz, timestamptz, interval, text, text) is
  'Aggregates of a numeric field per target and bucket as float64, empty buckets filled as asked.';
revoke all on function tmidb.series_filled(text, text[], text, timestamptz, timestamptz, interval, text, text) from public;
