-- SPDX-License-Identifier: MIT
-- Whether a reading from before a moment is not in the roll-ups yet: it must not go by retention before it is. A shard that was not
-- merged for a day holds nothing up any more, so that a job that fails cannot fill the disk.
create or replace function tmidb.has_unrolled(p_before timestamptz) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
begin
  return exists (
    select from tmidb.rollup_cursor c
    where c.rolled_at > now() - interval '1 day' and exists (
      select from tmidb.ts_obs o
      where o.position > (c.shard::bigint << 50) + c.position and o.position < (c.shard + 1)::bigint << 50
        and o.payload is not null and o.ts < p_before));
end $$;

comment on function tmidb.has_unrolled(timestamptz) is 'Whether a reading from before a moment is not in the roll-ups yet.';
revoke all on function tmidb.has_unrolled(timestamptz) from public;
