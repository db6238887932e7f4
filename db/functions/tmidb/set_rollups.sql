-- SPDX-License-Identifier: MIT
-- Turns the roll-ups of a category on or off. Turned on, they are whole from a day ahead on, because a reading may be that far ahead
-- already; what is older is read from the readings. The lock keeps the merging job out until the switch is committed.
create or replace function tmidb.set_rollups(p_category text, p_enabled boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  lock table tmidb.rollup_cursor in exclusive mode;
  update tmidb.category
  set rollup_since = case when not p_enabled then 'infinity' when rollup_enabled then rollup_since
        else date_trunc('day', clock_timestamp(), 'UTC') + interval '2 days' end,
      rollup_enabled = p_enabled
  where name = p_category;
  if not found then
    raise exception 'There is no category named %.', quote_literal(left(p_category, 80)) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
end $$;

comment on function tmidb.set_rollups(text, boolean) is 'Turns the roll-ups of a category on or off.';
revoke all on function tmidb.set_rollups(text, boolean) from public;
grant execute on function tmidb.set_rollups(text, boolean) to tmidb_admin;
