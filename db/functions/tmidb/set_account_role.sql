-- SPDX-License-Identifier: MIT
-- after: account_id_named, role_named, keep_an_administrator, classify, set_login
-- Sessions, tokens and open sockets go on with the new rights.
create or replace function tmidb.set_account_role(p_login text, p_role text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant bigint := tmidb.account_id_named(p_login);
  v_role constant smallint := tmidb.role_named(p_role);
begin
  if not exists (select from tmidb.access_role where role_id = v_role and request_role = 'tmidb_admin') then
    perform tmidb.keep_an_administrator(v_id);
  end if;
  update tmidb.account set role_id = v_role where account_id = v_id;
  perform tmidb.set_login(v_id);
  perform tmidb.classify(null, v_id);
end $$;
comment on function tmidb.set_account_role(text, text) is
  'Gives a user another role (admin, editor, viewer or one of your own), at once for all that is open. TM102: it is the last administrator; TM107: there is no such user or role.';
revoke all on function tmidb.set_account_role(text, text) from public;
grant execute on function tmidb.set_account_role(text, text) to tmidb_admin;
