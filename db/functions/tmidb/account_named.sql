-- SPDX-License-Identifier: MIT
-- after: request_timeout
-- What is needed to check a password, and the time that a request of the account has.
create or replace function tmidb.account_named(p_login text) returns table (login text, password_hash text, role name, timeout_ms int)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select login, password_hash, role, tmidb.request_timeout(role) from tmidb.account where login = p_login $$;

comment on function tmidb.account_named(text) is 'Login, password hash, role and statement timeout in milliseconds of an account.';
revoke all on function tmidb.account_named(text) from public;
grant execute on function tmidb.account_named(text) to tmidb_edge, tmidb_api;
