-- SPDX-License-Identifier: MIT
-- after: end_account_sessions, account_claims
-- A person chooses another password, having known the old one: everything that was opened with it ends.
create or replace function tmidb.change_password(p_account_id bigint, p_old_hash text, p_new_hash text, p_via jsonb) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('tmidb.claims', (tmidb.account_claims(p_account_id) || jsonb_build_object('via', p_via))::text, true);
  update tmidb.account set password_hash = p_new_hash, password_changed_at = now(), must_change_password = false
  where account_id = p_account_id and password_hash = p_old_hash and disabled_at is null;
  if not found then return false; end if;
  perform tmidb.end_account_sessions(p_account_id);
  return true;
end $$;
comment on function tmidb.change_password(bigint, text, text, jsonb) is 'Replaces a password hash that is still this one, from {"address", "agent", "request"}, and ends all sessions; false if it is not.';
revoke all on function tmidb.change_password(bigint, text, text, jsonb) from public;
grant execute on function tmidb.change_password(bigint, text, text, jsonb) to tmidb_api;
