-- SPDX-License-Identifier: MIT
-- after: request_timeout, account_speaker
-- What is needed to check a password, and what a request of the account is.
create or replace function tmidb.account_named(p_login text)
returns table (account_id bigint, login text, password_hash text, role name, speaker_id bigint, timeout_ms int)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select a.account_id, a.login, a.password_hash, r.request_role, tmidb.account_speaker(a.account_id), tmidb.request_timeout(r.request_role)
  from tmidb.account a join tmidb.access_role r using (role_id) where a.login = p_login
$$;
comment on function tmidb.account_named(text) is 'An account by its login, with password hash, request role and statement timeout in milliseconds.';
revoke all on function tmidb.account_named(text) from public;
grant execute on function tmidb.account_named(text) to tmidb_edge, tmidb_api;
