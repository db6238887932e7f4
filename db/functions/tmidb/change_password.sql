-- SPDX-License-Identifier: MIT
-- after: end_account_sessions, record_audit
-- A person chooses another password, having known the old one: everything that was opened with it ends.
create or replace function tmidb.change_password(p_account_id bigint, p_old_hash text, p_new_hash text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_login text;
begin
  update tmidb.account set password_hash = p_new_hash, password_changed_at = now(), must_change_password = false
  where account_id = p_account_id and password_hash = p_old_hash and disabled_at is null
  returning login into v_login;
  if not found then return false; end if;
  perform tmidb.end_account_sessions(p_account_id);
  perform tmidb.record_audit('password.changed', v_login, '{}');
  return true;
end $$;
comment on function tmidb.change_password(bigint, text, text) is 'Replaces a password hash that is still this one and ends all sessions; false if it is not.';
revoke all on function tmidb.change_password(bigint, text, text) from public;
grant execute on function tmidb.change_password(bigint, text, text) to tmidb_api;
