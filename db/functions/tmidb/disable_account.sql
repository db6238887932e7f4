-- SPDX-License-Identifier: MIT
-- after: account_id_named, keep_an_administrator, end_account_sessions, set_login
-- Nothing of a person opens anything any more: no password, no session, no token, no PostgreSQL login. What they made stays.
create or replace function tmidb.disable_account(p_login text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant bigint := tmidb.account_id_named(p_login);
begin
  perform tmidb.keep_an_administrator(v_id);
  update tmidb.account set disabled_at = now() where account_id = v_id and disabled_at is null;
  perform tmidb.set_login(v_id);
  perform tmidb.end_account_sessions(v_id);
end $$;
comment on function tmidb.disable_account(text) is
  'Shuts a user out, at once: sessions end, tokens and the PostgreSQL login open nothing until enable_account. TM102: it is the last administrator; TM107: there is no such user.';
revoke all on function tmidb.disable_account(text) from public;
grant execute on function tmidb.disable_account(text) to tmidb_admin;
