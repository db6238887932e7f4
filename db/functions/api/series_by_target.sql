-- SPDX-License-Identifier: MIT
-- after: series_filled
-- A numeric field of several targets in buckets; all that the one who asks may see where targets is null.
create or replace function api.series_by_target(category text, field text, from_ts timestamptz, to_ts timestamptz, bucket interval,
  targets text[] default null, timezone text default 'UTC', fill text default 'none')
returns table (target text, bucket_ts timestamptz, count bigint, min double precision, max double precision, avg double precision,
  sum double precision, first double precision, last double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select s.target, s.bucket, s.count, s.min, s.max, s.avg, s.sum, s.first, s.last
  from tmidb.series_filled(category, targets, field, from_ts, to_ts, bucket, timezone, fill) s
$$;

comment on function api.series_by_target(text, text, timestamptz, timestamptz, interval, text[], text, text) is
  'Count, min, max, avg, sum, first and last of a numeric field (a member of an object: gps.alt) per target and bucket, from a moment up to before another; of the targets named, or of all that may be seen.';
revoke all on function api.series_by_target(text, text, timestamptz, timestamptz, interval, text[], text, text) from public;
grant execute on function api.series_by_target(text, text, timestamptz, timestamptz, interval, text[], text, text)
  to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
