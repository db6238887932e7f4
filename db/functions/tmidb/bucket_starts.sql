-- SPDX-License-Identifier: MIT
-- after: bucket_start
-- All buckets of a stretch of time, the first of which may begin before it. Steps are made on the zone's clock and each is brought to
-- its bucket's beginning, so that they are the ones that bucket_start gives.
create or replace function tmidb.bucket_starts(p_width interval, p_from timestamptz, p_to timestamptz, p_timezone text)
returns setof timestamptz
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select distinct b.at
  from (select tmidb.bucket_start(p_width, p_from, p_timezone) as start offset 0) f
  cross join lateral (
    select tmidb.bucket_start(p_width, x, p_timezone) as at
    from generate_series(f.start, p_to, p_width) x
    where p_width <= interval '1 hour'
    union all
    select tmidb.bucket_start(p_width, (x at time zone p_timezone), p_timezone)
    from generate_series(f.start at time zone p_timezone, p_to at time zone p_timezone, p_width) x
    where p_width > interval '1 hour') b
  where b.at < p_to
$$;

comment on function tmidb.bucket_starts(interval, timestamptz, timestamptz, text) is 'The beginnings of all buckets that touch a stretch of time.';
revoke all on function tmidb.bucket_starts(interval, timestamptz, timestamptz, text) from public;
