-- SPDX-License-Identifier: MIT
-- after: disable_account, account_id_named, end_login, leave_classes
-- A person goes with sessions, tokens, grants and the PostgreSQL login. The audit keeps the name, their readings stay.
create or replace function tmidb.remove_account(p_login text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant bigint := tmidb.account_id_named(p_login);
  v_role_name name;
  v_class bigint;
begin
  perform tmidb.disable_account(p_login);
  delete from tmidb.account where account_id = v_id returning role_name, class_id into v_role_name, v_class;
  perform tmidb.leave_classes(array[v_class]);
  perform tmidb.end_login(v_role_name);
end $$;
comment on function tmidb.remove_account(text) is
  'Removes a user with sessions, tokens, grants and PostgreSQL login, at once. TM102: it is the last administrator; TM107: there is no such user.';
revoke all on function tmidb.remove_account(text) from public;
grant execute on function tmidb.remove_account(text) to tmidb_admin;
