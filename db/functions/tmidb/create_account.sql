-- SPDX-License-Identifier: MIT
-- A person who signs in. The hash is made where the password is known.
create or replace function tmidb.create_account(p_login text, p_password_hash text, p_role text) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into tmidb.account (login, password_hash, role) values (p_login, p_password_hash, 'tmidb_' || p_role)
  on conflict (login) do update set password_hash = excluded.password_hash, role = excluded.role
  returning account_id
$$;

comment on function tmidb.create_account(text, text, text) is 'Makes an account (admin, editor or viewer) from a PHC password hash, or sets both anew.';
revoke all on function tmidb.create_account(text, text, text) from public;
grant execute on function tmidb.create_account(text, text, text) to tmidb_admin;
