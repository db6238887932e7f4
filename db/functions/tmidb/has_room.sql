-- SPDX-License-Identifier: MIT
-- Whether ts_obs has room for every moment between two; one index read in the usual case of now.
create or replace function tmidb.has_room(p_from timestamptz, p_to timestamptz) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select exists (select from tmidb.chunk where from_ts <= p_from and to_ts > p_from and to_ts > p_to)
    or (select coalesce(sum(least(to_ts, p_to) - greatest(from_ts, p_from)) >= p_to - p_from
          and bool_or(from_ts <= p_to and to_ts > p_to), false)
        from tmidb.chunk where from_ts <= p_to and to_ts > p_from)
$$;

comment on function tmidb.has_room(timestamptz, timestamptz) is 'Whether all chunks of a stretch of time exist.';
revoke all on function tmidb.has_room(timestamptz, timestamptz) from public;
