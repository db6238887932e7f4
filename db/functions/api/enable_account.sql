-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.enable_account, with the rights of who calls.
create or replace function api.enable_account(login text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.enable_account(enable_account.login) $$;

comment on function api.enable_account(text) is
  E'@param login Their login or email.\nLets a user in again. TM107: there is no such user.';
revoke all on function api.enable_account(text) from public;
grant execute on function api.enable_account(text) to tmidb_admin;
