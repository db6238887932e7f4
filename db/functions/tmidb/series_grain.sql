-- SPDX-License-Identifier: MIT
-- The widest roll-up whose rows lie each within one bucket: 3 days, 2 hours, 1 minutes, 0 none. The width must be a multiple of it and
-- so must be the distance of the zone's clock from UTC, looked up each day: hours for Seoul, minutes for Kolkata.
create or replace function tmidb.series_grain(p_width interval, p_from timestamptz, p_to timestamptz, p_timezone text) returns integer
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  with part as (
    select extract(epoch from p_width - make_interval(months => (extract(year from p_width) * 12 + extract(month from p_width))::int,
             days => extract(day from p_width)::int)) as seconds
    union all
    select distinct extract(epoch from (d at time zone p_timezone) - (d at time zone 'UTC'))
    from (select generate_series(p_from, p_to, interval '1 day') as d where p_timezone <> 'UTC' union all select p_to) x
  )
  select case when bool_and(seconds % 86400 = 0) then 3 when bool_and(seconds % 3600 = 0) then 2 when bool_and(seconds % 60 = 0) then 1 else 0 end
  from part
$$;

comment on function tmidb.series_grain(interval, timestamptz, timestamptz, text) is 'The widest roll-up that buckets are made of: 3 days, 2 hours, 1 minutes, 0 none.';
revoke all on function tmidb.series_grain(interval, timestamptz, timestamptz, text) from public;
