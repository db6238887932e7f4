-- SPDX-License-Identifier: MIT
-- after: leaves_of, has_unrolled, record_removal, forget_trace, record_audit
-- What its category keeps no longer. A table whose every category has expired is dropped: at once, and without work for vacuum. What
-- shares its table with others (a category that got its retention after the chunk its table) is deleted, at most p_most rows a
-- table and call. A table that somebody reads is left for the next time, so that ingest never queues behind a long reader. The audit
-- counts what went (TimescaleDB: chunks that no category keeps are dropped by drop_chunks, the rest is deleted); the ledger stays, since it tells what came and not what is.
create or replace function tmidb.drop_expired(p_most integer default 100000) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
as $$
declare
  v_leaf record;
  v_kept boolean;
  v_count bigint;
  v_all bigint := 0;
begin
  -- Roll-ups outlive the readings: what they have not merged yet stays until they have, some seconds as a rule.
  if tmidb.has_unrolled(now() - (select min(retention) from tmidb.category)) then return 0; end if;
  if exists (select from tmidb.chunk where name = 'hypertable') then
    if not exists (select from tmidb.category where retention is null) then
      -- What drop_chunks drops it does not count, and the ledger has to know.
      execute 'select count(*) from tmidb.ts_obs where tableoid = any(array(select c::oid from public.show_chunks(''tmidb.ts_obs'', older_than => now() - (select max(retention) from tmidb.category)) c))'
        into v_all;
      if v_all > 0 then
        perform tmidb.record_removal('retention', v_all);
        perform tmidb.record_audit('retention.dropped', 'drop_expired',
          jsonb_build_object('table', 'ts_obs', 'before', now() - (select max(retention) from tmidb.category), 'readings', v_all));
      end if;
      execute 'select from public.drop_chunks(''tmidb.ts_obs'', older_than => now() - (select max(retention) from tmidb.category))';
    end if;
    delete from tmidb.ts_obs o using tmidb.category g
    where g.category_id = o.category_id and o.ts < now() - g.retention and o.ts < now() - (select min(retention) from tmidb.category);
    get diagnostics v_count = row_count;
    if v_count > 0 then
      perform tmidb.record_removal('retention', v_count);
      perform tmidb.record_audit('retention.deleted', 'drop_expired', jsonb_build_object('table', 'ts_obs', 'readings', v_count));
    end if;
    v_all := v_all + v_count;
  end if;
  for v_leaf in
    select c.name as chunk, c.from_ts, c.to_ts, l.name, l.own_category
    from tmidb.chunk c cross join lateral tmidb.leaves_of(c.name) l
    where c.from_ts < now() - (select min(retention) from tmidb.category)
    order by c.from_ts
  loop
    begin
      if v_leaf.own_category is null then
        execute format($sql$select exists (select from tmidb.category g
            where (g.retention is null or g.retention >= now() - %L) and exists (select from tmidb_parts.%I o where o.category_id = g.category_id))$sql$,
          v_leaf.to_ts, v_leaf.name) into v_kept;
      else
        select g.retention is null or g.retention >= now() - v_leaf.to_ts into v_kept
        from tmidb.category g where g.category_id = v_leaf.own_category;
      end if;
      if v_kept is not true and (v_leaf.own_category is not null or v_leaf.name = v_leaf.chunk) then
        execute format('select count(*) from tmidb_parts.%I', v_leaf.name) into v_count;
        execute format('drop table tmidb_parts.%I', v_leaf.name);
        if v_leaf.name = v_leaf.chunk then delete from tmidb.chunk where name = v_leaf.chunk; end if;
        perform tmidb.record_audit('retention.dropped', 'drop_expired',
          jsonb_build_object('table', v_leaf.name, 'from', v_leaf.from_ts, 'readings', v_count));
      else
        execute format($sql$delete from tmidb_parts.%I where ctid = any(array(select o.ctid from tmidb_parts.%I o
          join tmidb.category g using (category_id) where o.ts < now() - g.retention limit %s))$sql$, v_leaf.name, v_leaf.name, p_most);
        get diagnostics v_count = row_count;
        if v_count > 0 then
          perform tmidb.record_audit('retention.deleted', 'drop_expired',
            jsonb_build_object('table', v_leaf.name, 'readings', v_count));
        end if;
      end if;
      v_all := v_all + v_count;
      if v_count > 0 then perform tmidb.record_removal('retention', v_count); end if;
    exception when lock_not_available then
      v_kept := null;
    end;
  end loop;
  perform tmidb.forget_trace(category_id, now() - retention) from tmidb.category where retention is not null;
  delete from tmidb.message_id where at < now() - interval '1 day';
  return v_all;
end $$;

comment on function tmidb.drop_expired(integer) is 'Drops the readings that are older than their category keeps them; returns how many.';
revoke all on function tmidb.drop_expired(integer) from public;
grant execute on function tmidb.drop_expired(integer) to tmidb_drain, tmidb_admin;
