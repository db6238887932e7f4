-- SPDX-License-Identifier: MIT
-- after: make_rollup_leaf
-- Run each hour: writes the oldest piece that time has left behind anew, in the order of series and time. While they come, rows are
-- written some times each and lie minute by minute (188 bytes and 60 of index a row, and a page for each minute of a series); in
-- order they take 98 and 32, and a series' day of minutes lies on 26 pages. Filled beside the old table, which goes on answering; only
-- a merge into this piece waits meanwhile. What comes late is merged into it as into any other.
create or replace function tmidb.settle_rollups() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' set timezone = 'UTC'
as $$
declare
  v_chunk tmidb.rollup_chunk;
  v_new text;
  v_count bigint;
begin
  select * into v_chunk from tmidb.rollup_chunk where settled_at is null and to_ts < now() - interval '1 day'
  order by to_ts, grain limit 1 for update;
  if not found then return 0; end if;
  v_new := v_chunk.name || '_new';
  execute format('lock table tmidb_parts.%I in share mode', v_chunk.name);
  perform tmidb.make_rollup_leaf(v_chunk.grain, v_new, 100);
  execute format('insert into tmidb_parts.%I select * from tmidb_parts.%I order by series_id, bucket', v_new, v_chunk.name);
  get diagnostics v_count = row_count;
  execute format('alter table tmidb_parts.%I add primary key (series_id, bucket)', v_new);
  execute format('alter table tmidb.rollup_%s detach partition tmidb_parts.%I', v_chunk.grain, v_chunk.name);
  execute format('drop table tmidb_parts.%I', v_chunk.name);
  execute format('alter table tmidb_parts.%I rename to %I', v_new, v_chunk.name);
  execute format('alter index tmidb_parts.%I rename to %I', v_new || '_pkey', v_chunk.name || '_pkey');
  execute format('alter table tmidb.rollup_%s attach partition tmidb_parts.%I for values from (%L) to (%L)', v_chunk.grain, v_chunk.name,
    v_chunk.from_ts, v_chunk.to_ts);
  update tmidb.rollup_chunk set settled_at = now() where grain = v_chunk.grain and from_ts = v_chunk.from_ts;
  return v_count;
end $$;

comment on function tmidb.settle_rollups() is 'Puts the rows of the oldest piece of roll-ups that is a day old in order; returns how many there are.';
revoke all on function tmidb.settle_rollups() from public;
grant execute on function tmidb.settle_rollups() to tmidb_drain, tmidb_admin;
