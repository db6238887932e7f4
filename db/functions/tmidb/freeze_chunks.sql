-- SPDX-License-Identifier: MIT
-- after: rewrite_chunk, rollup_lag
-- Run each hour: packs the oldest chunk that is due, one at a time, so that the job ends soon and others get their turn.
-- It waits for the roll-ups where they are far behind, since what they have not merged cannot be packed.
create or replace function tmidb.freeze_chunks() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(sum(tmidb.rewrite_chunk(c.from_ts)), 0)::bigint
  from (select c.from_ts from tmidb.chunk c, tmidb.instance i
        where c.cold_at is null and c.to_ts < now() - i.cold_after
          and (select sum(behind) from tmidb.rollup_lag()) < 1000000 order by c.from_ts limit 1) c
$$;

comment on function tmidb.freeze_chunks() is 'Packs the oldest chunk that is older than tmidb.instance.cold_after; returns how many readings it holds.';
revoke all on function tmidb.freeze_chunks() from public;
grant execute on function tmidb.freeze_chunks() to tmidb_drain, tmidb_admin;
