-- SPDX-License-Identifier: MIT
-- How long a category's readings and roll-ups are kept, each apart; null: for ever. Readings that go leave the roll-ups as they are.
create or replace function tmidb.set_retention(p_category text, p_raw interval, p_minute interval default null,
  p_hour interval default null, p_day interval default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if least(p_raw, p_minute, p_hour, p_day) <= interval '0' then
    raise exception 'A retention must be positive.' using errcode = 'TM108', hint = 'Say an interval such as ''30 days'', or null for ever.';
  end if;
  update tmidb.category set retention = p_raw, minute_retention = p_minute, hour_retention = p_hour, day_retention = p_day
  where name = p_category;
  if not found then
    raise exception 'There is no category named %.', quote_literal(left(p_category, 80)) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
end $$;

comment on function tmidb.set_retention(text, interval, interval, interval, interval) is
  'How long readings and their roll-ups of a minute, an hour and a day are kept; null: for ever.';
revoke all on function tmidb.set_retention(text, interval, interval, interval, interval) from public;
grant execute on function tmidb.set_retention(text, interval, interval, interval, interval) to tmidb_admin;
