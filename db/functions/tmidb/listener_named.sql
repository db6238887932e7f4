-- SPDX-License-Identifier: MIT
-- A listener by its name, or TM107.
create or replace function tmidb.listener_named(p_name text) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  select listener_id into v_id from tmidb.listener where name = p_name;
  if not found then
    raise exception 'There is no listener named %.', quote_literal(p_name) using errcode = 'TM107',
      hint = 'select name from tmidb.listener; or make it: select tmidb.create_listener(name).';
  end if;
  return v_id;
end $$;

comment on function tmidb.listener_named(text) is 'listener_id of a name; TM107 if there is none.';
revoke all on function tmidb.listener_named(text) from public;
