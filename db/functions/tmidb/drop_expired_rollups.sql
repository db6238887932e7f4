-- SPDX-License-Identifier: MIT
-- Drops the roll-ups that are older than their category keeps them, in whole days of UTC. A piece that no category needs any more is
-- dropped as a table; from one that some still need the others' rows are deleted. The floor moves in the same transaction, so a
-- query never takes half of it. A reader that holds a piece for long makes it wait for the next run.
create or replace function tmidb.drop_expired_rollups() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' set timezone = 'UTC'
as $$
declare
  v_grain text;
  v_chunk record;
  v_moved int;
  v_rows int;
  v_count int := 0;
begin
  foreach v_grain in array array['minute', 'hour', 'day'] loop
    execute format($sql$update tmidb.category set %1$s_from = greatest(%1$s_from, date_trunc('day', now() - %1$s_retention))
      where greatest(%1$s_from, date_trunc('day', now() - %1$s_retention)) > %1$s_from$sql$, v_grain);
    get diagnostics v_moved = row_count;
    for v_chunk in execute format($sql$select c.name, c.from_ts, c.to_ts,
        c.to_ts <= (select min(case when %1$s_retention is null then '-infinity' else %1$s_from end) from tmidb.category) as is_over
      from tmidb.rollup_chunk c where c.grain = %1$L and c.from_ts < (select max(%1$s_from) from tmidb.category) order by c.from_ts$sql$, v_grain)
    loop
      begin
        if v_chunk.is_over then
          execute format('drop table tmidb_parts.%I', v_chunk.name);
          delete from tmidb.rollup_chunk where grain = v_grain and from_ts = v_chunk.from_ts;
          v_count := v_count + 1;
        elsif v_moved > 0 then
          execute format($sql$delete from tmidb_parts.%I r
            using tmidb.rollup_series s join tmidb.rollup_field f using (field_id) join tmidb.category c using (category_id)
            where c.%2$s_from > %3$L and r.series_id = s.series_id and r.bucket < c.%2$s_from$sql$,
            v_chunk.name, v_grain, v_chunk.from_ts);
          get diagnostics v_rows = row_count;
          v_count := v_count + least(v_rows, 1);
        end if;
      exception when lock_not_available then
        null;
      end;
    end loop;
  end loop;
  return v_count;
end $$;

comment on function tmidb.drop_expired_rollups() is 'Drops roll-ups that are older than their category keeps them; returns from how many pieces.';
revoke all on function tmidb.drop_expired_rollups() from public;
grant execute on function tmidb.drop_expired_rollups() to tmidb_drain, tmidb_admin;
