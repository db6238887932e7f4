-- SPDX-License-Identifier: MIT
-- after: index_leaf
-- A table that can become a piece of ts_obs. One table a chunk and not eight by hash: 7.1 us a row against 8.8 in batches of 4,000
-- (8.6 against 7.9 in batches of 30), and a read plans one scan a chunk. Indexes are made here and not on the parent, because a
-- cold leaf has others. Row security of its own, since policies of a parent do not cover a partition that is read directly.
create or replace function tmidb.make_leaf(p_name text, p_is_cold boolean default false) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create table tmidb_parts.%I (like tmidb.ts_obs including constraints)', p_name);
  execute format('alter table tmidb_parts.%I enable row level security, force row level security', p_name);
  execute format('create policy owner_all on tmidb_parts.%I to tmidb_owner using (true) with check (true)', p_name);
  if not p_is_cold then
    perform tmidb.index_leaf(p_name, false);
  end if;
end $$;

comment on function tmidb.make_leaf(text, boolean) is 'Makes a table of readings in tmidb_parts, with its indexes unless it is to be filled as a cold one.';
revoke all on function tmidb.make_leaf(text, boolean) from public;
