-- SPDX-License-Identifier: MIT
-- after: identity, own_account, account_id_named, end_account_sessions
-- One's own other sessions, or all of a person by an administrator.
create or replace function tmidb.end_sessions(p_login text default null) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who constant jsonb := tmidb.identity();
begin
  if p_login is null then return tmidb.end_account_sessions(tmidb.own_account(), (v_who->>'session_id')::bigint); end if;
  if v_who->>'role' <> 'tmidb_admin' then
    raise exception 'Only an administrator ends the sessions of others.' using errcode = 'TM102', hint = 'Leave the login out to end your own.';
  end if;
  return tmidb.end_account_sessions(tmidb.account_id_named(p_login));
end $$;
comment on function tmidb.end_sessions(text) is 'Ends all sessions of a person; null: one''s own, but for the one that asks. Gives how many.';
revoke all on function tmidb.end_sessions(text) from public;
grant execute on function tmidb.end_sessions(text) to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
