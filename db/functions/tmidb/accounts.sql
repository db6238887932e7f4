-- SPDX-License-Identifier: MIT
-- Who there is, as an administrator reads it.
create or replace function tmidb.accounts(p_login text default null)
returns table (login text, email text, display_name text, role text, is_enabled boolean, has_password boolean, must_change_password boolean,
  postgres_login text, sessions integer, created_at timestamptz, password_changed_at timestamptz, last_login_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select a.login, a.email, a.display_name, r.name, a.disabled_at is null, a.password_hash is not null, a.must_change_password,
    a.role_name::text, (select count(*)::int from tmidb.session s where s.account_id = a.account_id and s.ends_at > now()),
    a.created_at, a.password_changed_at, a.last_login_at
  from tmidb.account a join tmidb.access_role r using (role_id)
  where p_login is null or lower(a.login) = lower(p_login) or lower(a.email) = lower(p_login)
  order by lower(a.login)
$$;
comment on function tmidb.accounts(text) is 'Users with role, state and open sessions, by login; or the one of this login or email.';
revoke all on function tmidb.accounts(text) from public;
grant execute on function tmidb.accounts(text) to tmidb_admin;
