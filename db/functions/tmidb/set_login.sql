-- SPDX-License-Identifier: MIT
-- after: channel
-- What the PostgreSQL login of a person may: what its account says, or nothing. PostgreSQL looks at memberships only when a role is set, so
-- open connections are ended, once this is committed (tmidb.end_logins): before, they could be opened anew.
create or replace function tmidb.set_login(p_account_id bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_role_name name;
  v_member_of text;
  v_enabled boolean;
  v_old text;
begin
  select a.role_name, r.request_role, a.disabled_at is null into v_role_name, v_member_of, v_enabled
  from tmidb.account a join tmidb.access_role r using (role_id) where a.account_id = p_account_id and a.role_name is not null;
  if not found or not exists (select from pg_roles where rolname = v_role_name) then return; end if;
  for v_old in select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles p on p.oid = m.member
               where p.rolname = v_role_name and g.rolname ~ '^tmidb_' and (g.rolname <> v_member_of or not v_enabled) loop
    execute format('revoke %I from %I', v_old, v_role_name);
    insert into tmidb.login_to_end (role_oid) select oid from pg_roles where rolname = v_role_name on conflict (role_oid) do nothing;
  end loop;
  perform pg_notify(tmidb.channel('access'), 'login');
  if v_enabled then
    execute format('grant %I to %I', v_member_of, v_role_name);
    execute format('alter role %I login', v_role_name);
  else
    execute format('alter role %I nologin', v_role_name);
  end if;
end $$;
comment on function tmidb.set_login(bigint) is 'Makes the PostgreSQL login of an account, if it has one, a member of its request role, or takes its rights if the account is disabled.';
revoke all on function tmidb.set_login(bigint) from public;
