-- SPDX-License-Identifier: MIT
-- A role of people by its name, or TM107.
create or replace function tmidb.role_named(p_name text) returns smallint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id smallint;
begin
  select role_id into v_id from tmidb.access_role where name = p_name;
  if not found then
    raise exception 'There is no role named %.', quote_literal(p_name) using errcode = 'TM107', hint = 'select name from tmidb.access_role; or make it: select tmidb.create_role(name).';
  end if;
  return v_id;
end $$;
comment on function tmidb.role_named(text) is 'role_id of a name; TM107 if there is none.';
revoke all on function tmidb.role_named(text) from public;
