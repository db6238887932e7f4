-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.disable_account, with the rights of who calls.
create or replace function api.disable_account(login text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.disable_account(disable_account.login) $$;

comment on function api.disable_account(text) is
  E'@param login Their login or email.\nShuts a user out, at once: sessions end, tokens open nothing until enable_account. TM102: it is the last administrator; TM107: there is no such user.';
revoke all on function api.disable_account(text) from public;
grant execute on function api.disable_account(text) to tmidb_admin;
