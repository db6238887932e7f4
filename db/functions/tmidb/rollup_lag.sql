-- SPDX-License-Identifier: MIT
-- How far the roll-ups are behind the readings; queries take what is missing from the readings themselves.
create or replace function tmidb.rollup_lag() returns table (shard smallint, behind bigint, rolled_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.shard, greatest(i.position - c.position, 0), c.rolled_at
  from tmidb.rollup_cursor c join tmidb.ingest_cursor i using (shard) order by 1
$$;

comment on function tmidb.rollup_lag() is 'Of each shard: how many readings are not in the roll-ups yet, and when they were last merged.';
revoke all on function tmidb.rollup_lag() from public;
grant execute on function tmidb.rollup_lag() to tmidb_api, tmidb_drain, tmidb_viewer, tmidb_editor, tmidb_admin;
