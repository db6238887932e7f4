-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.set_account_role, with the rights of who calls.
create or replace function api.set_account_role(login text, role text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.set_account_role(set_account_role.login, set_account_role.role) $$;

comment on function api.set_account_role(text, text) is
  E'@param login Their login or email.\n@param role admin, editor, viewer or a role of your own.\nGives a user another role, at once for all that is open. TM102: it is the last administrator; TM107: there is no such user or role.';
revoke all on function api.set_account_role(text, text) from public;
grant execute on function api.set_account_role(text, text) to tmidb_admin;
