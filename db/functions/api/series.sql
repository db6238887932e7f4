-- SPDX-License-Identifier: MIT
-- after: series_filled
-- A numeric field of one target in buckets. It runs as the owner and shows what the rules of the one who asks show; see
-- tmidb.series_rows.
create or replace function api.series(category text, target text, field text, from_ts timestamptz, to_ts timestamptz, bucket interval,
  timezone text default 'UTC', fill text default 'none')
returns table (bucket_ts timestamptz, count bigint, min double precision, max double precision, avg double precision,
  sum double precision, first double precision, last double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select s.bucket, s.count, s.min, s.max, s.avg, s.sum, s.first, s.last
  from tmidb.series_filled(category, array[target], field, from_ts, to_ts, bucket, timezone, fill) s
$$;

comment on function api.series(text, text, text, timestamptz, timestamptz, interval, text, text) is
  'Count, min, max, avg, sum, first and last of a numeric field (a member of an object: gps.alt) of one target, from a moment up to before another, per bucket. fill says what empty buckets show: none, null, previous or linear.';
revoke all on function api.series(text, text, text, timestamptz, timestamptz, interval, text, text) from public;
grant execute on function api.series(text, text, text, timestamptz, timestamptz, interval, text, text)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
