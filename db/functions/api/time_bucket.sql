-- SPDX-License-Identifier: MIT
-- after: bucket_start
-- As TimescaleDB's function of this name, for use in queries of one's own.
create or replace function api.time_bucket(width interval, ts timestamptz, timezone text default 'UTC', origin timestamptz default null)
returns timestamptz
language sql immutable parallel safe
as $$ select tmidb.bucket_start(width, ts, timezone, origin) $$;

comment on function api.time_bucket(interval, timestamptz, text, timestamptz) is
  'The first moment of the bucket that a moment is in, on the clock of a time zone; counted from Monday 2000-01-03 (months: 2000-01-01) or the origin given.';
revoke all on function api.time_bucket(interval, timestamptz, text, timestamptz) from public;
grant execute on function api.time_bucket(interval, timestamptz, text, timestamptz) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
