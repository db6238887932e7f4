-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.remove_account, with the rights of who calls.
create or replace function api.remove_account(login text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.remove_account(remove_account.login) $$;

comment on function api.remove_account(text) is
  E'@param login Their login or email.\nRemoves a user with sessions, tokens and grants, at once. TM102: it is the last administrator; TM107: there is no such user.';
revoke all on function api.remove_account(text) from public;
grant execute on function api.remove_account(text) to tmidb_admin;
