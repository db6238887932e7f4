-- SPDX-License-Identifier: MIT
-- A group of targets by its name, or TM107.
create or replace function tmidb.group_named(p_name text) returns integer
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id integer;
begin
  select group_id into v_id from tmidb.target_group where name = p_name;
  if not found then
    raise exception 'There is no group named %.', quote_literal(p_name) using errcode = 'TM107', hint = 'select name from tmidb.target_group; or make it: select tmidb.create_group(name, condition).';
  end if;
  return v_id;
end $$;
comment on function tmidb.group_named(text) is 'group_id of a name; TM107 if there is none.';
revoke all on function tmidb.group_named(text) from public;
