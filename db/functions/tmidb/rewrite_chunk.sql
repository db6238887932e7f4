-- SPDX-License-Identifier: MIT
-- after: make_leaf, index_leaf, pack, unpack
-- Rewrites a chunk as cold, for the years it will only be read: values packed, rows in the order of category, target and time, a block
-- range index instead of B-trees; or as hot again. The new tables are filled beside the old ones, which go on answering; only
-- writers of this chunk wait meanwhile (late data is tried again by the drain). The exchange at the end takes some milliseconds, and
-- gives up after 2 s if a long reader holds it up, to be tried again. A payload that does not come out of its packed form exactly
-- as it went in stays as it is. A packed reading carries the newest minor of its major, which has all the names. A reading that
-- is not in the roll-ups yet stays hot, where they find it. Late readings lie beside the packed ones in hot form until the chunk is rewritten again.
create or replace function tmidb.rewrite_chunk(p_from timestamptz, p_is_cold boolean default true) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' set client_min_messages = warning
as $$
declare
  v_chunk tmidb.chunk;
  v_leaf record;
  v_suffix text;
  v_count bigint;
  v_all bigint := 0;
  v_rolled bigint[];
begin
  select * into v_chunk from tmidb.chunk where from_ts = p_from for update;
  if not found or v_chunk.name = 'hypertable' then return 0; end if;
  for v_leaf in select * from tmidb.leaves_of(v_chunk.name) loop
    execute format('lock table tmidb_parts.%I in share mode', v_leaf.name);
    v_rolled := array(select (shard::bigint << 50) + position from tmidb.rollup_cursor order by shard);
    perform tmidb.make_leaf(v_leaf.name || '_new', true);
    execute format($sql$
      insert into tmidb_parts.%I (ts, position, digest, target_id, version_id, category_id, compact, payload)
      select o.ts, o.position,
             case when n.is_same is not true then coalesce(o.digest, h.digest) when o.digest <> h.digest then o.digest end,
             o.target_id, case when n.is_same then o.newest_id else o.version_id end, o.category_id,
             case when n.is_same then p.packed end, case when n.is_same is not true then o.whole end
      from (select x.*, coalesce(x.payload, tmidb.unpack(v.names, x.compact)) as whole, v.newest_id, v.newest_names
            from tmidb_parts.%I x
            join (select s.version_id, tmidb.names_of(s.version_id) as names, l.version_id as newest_id, tmidb.names_of(l.version_id) as newest_names
                  from tmidb.schema_version s
                  join (select distinct on (category_id, major) * from tmidb.schema_version order by category_id, major, minor desc) l
                    using (category_id, major) offset 0) v using (version_id)
            offset 0) o
      cross join lateral (select jsonb_hash_extended(o.whole, 0) as digest offset 0) h
      cross join lateral (select case when %L and o.position <= (%L::bigint[])[(o.position >> 50) + 1] then tmidb.pack(o.newest_names, o.whole) end as packed
        offset 0) p
      cross join lateral (select tmidb.unpack(o.newest_names, p.packed) = o.whole as is_same offset 0) n
      order by o.category_id, o.target_id, o.ts, o.position$sql$, v_leaf.name || '_new', v_leaf.name, p_is_cold, v_rolled);
    get diagnostics v_count = row_count;
    v_all := v_all + v_count;
    perform tmidb.index_leaf(v_leaf.name || '_new', p_is_cold);
    execute format('analyze tmidb_parts.%I', v_leaf.name || '_new');
  end loop;
  for v_leaf in select * from tmidb.leaves_of(v_chunk.name) loop
    execute format('alter table %I.%I detach partition tmidb_parts.%I', v_leaf.parent_schema, v_leaf.parent, v_leaf.name);
    execute format('drop table tmidb_parts.%I', v_leaf.name);
    execute format('alter table tmidb_parts.%I rename to %I', v_leaf.name || '_new', v_leaf.name);
    foreach v_suffix in array array['identity_idx', 'position_idx', 'cold_idx'] loop
      execute format('alter index if exists tmidb_parts.%I rename to %I', v_leaf.name || '_new_' || v_suffix, v_leaf.name || '_' || v_suffix);
    end loop;
    execute format('alter table %I.%I attach partition tmidb_parts.%I %s', v_leaf.parent_schema, v_leaf.parent, v_leaf.name, v_leaf.bound);
  end loop;
  update tmidb.chunk set cold_at = case when p_is_cold then now() end where from_ts = p_from;
  return v_all;
end $$;

comment on function tmidb.rewrite_chunk(timestamptz, boolean) is
  'Packs (or unpacks) the readings of the chunk that begins at this moment; returns how many there are.';
revoke all on function tmidb.rewrite_chunk(timestamptz, boolean) from public;
grant execute on function tmidb.rewrite_chunk(timestamptz, boolean) to tmidb_admin;
