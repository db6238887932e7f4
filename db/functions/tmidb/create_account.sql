-- SPDX-License-Identifier: MIT
-- after: classify, role_named
-- A person who signs in. The hash is made where the password is known.
create or replace function tmidb.create_account(p_login text, p_password_hash text, p_role text) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  insert into tmidb.account (login, password_hash, role_id) values (p_login, p_password_hash, tmidb.role_named(p_role))
  on conflict (login) do update set password_hash = excluded.password_hash, role_id = excluded.role_id
  returning account_id into v_id;
  perform tmidb.classify(null, v_id);
  return v_id;
end $$;
comment on function tmidb.create_account(text, text, text) is 'Makes an account of a role from a PHC password hash, or sets both anew.';
revoke all on function tmidb.create_account(text, text, text) from public;
grant execute on function tmidb.create_account(text, text, text) to tmidb_admin;
