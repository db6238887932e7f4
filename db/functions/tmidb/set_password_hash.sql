-- SPDX-License-Identifier: MIT
-- after: account_id_named, end_account_sessions
-- An administrator gives somebody another password, which by default only serves to choose one's own.
create or replace function tmidb.set_password_hash(p_login text, p_password_hash text, p_must_change boolean default true) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant bigint := tmidb.account_id_named(p_login);
begin
  update tmidb.account set password_hash = p_password_hash, password_changed_at = now(),
    must_change_password = coalesce(p_must_change, true) and p_password_hash is not null
  where account_id = v_id;
  perform tmidb.end_account_sessions(v_id);
exception
  when check_violation then
    raise exception 'This is no argon2id hash.' using errcode = 'TM108', hint = 'tmictl user password <login> makes it of a password.';
end $$;
comment on function tmidb.set_password_hash(text, text, boolean) is
  'Sets a password by its PHC hash (argon2id; null: none) and ends all sessions; by default it must be changed at the next login. TM107: there is no such user.';
revoke all on function tmidb.set_password_hash(text, text, boolean) from public;
grant execute on function tmidb.set_password_hash(text, text, boolean) to tmidb_admin;
