-- SPDX-License-Identifier: MIT
-- after: create_account, create_token
-- An account as administrators make it: with its first token.
create or replace function tmidb.open_account(p_login text, p_password_hash text, p_role text, p_email text default null,
  p_display_name text default null, p_must_change boolean default false) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform tmidb.create_account(p_login, p_password_hash, p_role, p_email, p_display_name, p_must_change);
  return tmidb.create_token('user', coalesce(p_login, p_email), 'first token');
end $$;
comment on function tmidb.open_account(text, text, text, text, text, boolean) is
  'tmidb.create_account, and gives the first token of the account, shown once.';
revoke all on function tmidb.open_account(text, text, text, text, text, boolean) from public;
grant execute on function tmidb.open_account(text, text, text, text, text, boolean) to tmidb_admin;
