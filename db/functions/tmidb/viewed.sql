-- SPDX-License-Identifier: MIT
-- after: who_named, request_timeout, with_reach
-- The claims of whom an administrator views as: a listener or a person. Nobody sees more by it: administrators see everything.
create or replace function tmidb.viewed(p_who text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who constant jsonb := tmidb.who_named(p_who);
begin
  if v_who->>'kind' not in ('listener', 'user') then
    raise exception 'Nobody reads as a %.', v_who->>'kind' using errcode = 'TM108', hint = 'View as listener:<name> or user:<login>.';
  end if;
  return tmidb.with_reach(jsonb_strip_nulls(jsonb_build_object('role', v_who->>'role', 'name', v_who->>'name', 'listener_id', v_who->>'listener_id',
    'account_id', v_who->>'account_id', 'timeout_ms', tmidb.request_timeout(v_who->>'role'))));
end $$;
comment on function tmidb.viewed(text) is 'Claims of listener:<name> or user:<login>, for who views as them. TM107: there is nobody of that name; TM108: nobody reads so.';
revoke all on function tmidb.viewed(text) from public;
grant execute on function tmidb.viewed(text) to tmidb_admin;
