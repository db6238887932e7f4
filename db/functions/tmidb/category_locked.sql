-- SPDX-License-Identifier: MIT
-- A category for whoever changes what is said of it; discovery waits meanwhile.
create or replace function tmidb.category_locked(p_name text) returns tmidb.category
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_category tmidb.category;
begin
  select * into v_category from tmidb.category where name = p_name for no key update;
  if not found then
    raise exception 'There is no category named %.', quote_nullable(left(p_name, 80)) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
  return v_category;
end $$;

comment on function tmidb.category_locked(text) is 'The category of this name, its row locked; TM107.';
revoke all on function tmidb.category_locked(text) from public;
