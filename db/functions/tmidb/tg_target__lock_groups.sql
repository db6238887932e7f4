-- SPDX-License-Identifier: MIT
-- Whoever changes groups or grants waits for the transactions that make targets, and they for it: neither would see what the other is
-- about to commit. Before the first row, so that nobody who holds a new key waits here. The table's own lock, since only its owner may
-- take these two modes: an advisory lock is anybody's who has SQL. Makers do not wait for one another, reading waits for nobody, nothing
-- is written (row locks shared by many would write multixacts), and who waits has its turn however many makers come after it.
create or replace function tmidb.tg_target__lock_groups() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  lock table tmidb.target_group in row share mode;
  return null;
end $$;
comment on function tmidb.tg_target__lock_groups() is 'Makes who changes groups wait for who makes targets.';
revoke all on function tmidb.tg_target__lock_groups() from public;
create or replace trigger lock_groups before insert or update on tmidb.target
  for each statement execute function tmidb.tg_target__lock_groups();
