-- SPDX-License-Identifier: MIT
-- A table that can become a piece of roll-ups, with row security of its own, since policies of a parent do not cover a partition
-- that is read directly.
create or replace function tmidb.make_rollup_leaf(p_grain text, p_name text, p_fillfactor int) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create table tmidb_parts.%I (like tmidb.rollup_%s including constraints) with (fillfactor = %s)', p_name, p_grain, p_fillfactor);
  execute format('alter table tmidb_parts.%I enable row level security, force row level security', p_name);
  execute format('create policy owner_all on tmidb_parts.%I to tmidb_owner using (true) with check (true)', p_name);
end $$;

comment on function tmidb.make_rollup_leaf(text, text, int) is 'Makes a table of roll-ups in tmidb_parts.';
revoke all on function tmidb.make_rollup_leaf(text, text, int) from public;
