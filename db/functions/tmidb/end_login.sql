-- SPDX-License-Identifier: MIT
-- after: channel
-- A PostgreSQL login goes, with all its rights. Open connections are ended once this is committed (tmidb.end_logins).
create or replace function tmidb.end_login(p_role_name name) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_oid constant oid := (select oid from pg_roles where rolname = p_role_name);
  v_member_of text;
begin
  if v_oid is null then return; end if;
  insert into tmidb.login_to_end (role_oid) values (v_oid) on conflict (role_oid) do nothing;
  perform pg_notify(tmidb.channel('access'), 'login');
  begin
    execute format('drop role %I', p_role_name);
  exception
    -- It owns tables: they stay, and so does a name that opens nothing.
    when dependent_objects_still_exist then
      for v_member_of in select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid
                         where m.member = v_oid and g.rolname ~ '^tmidb_' loop
        execute format('revoke %I from %I', v_member_of, p_role_name);
      end loop;
      execute format('alter role %I nologin password null', p_role_name);
  end;
end $$;
comment on function tmidb.end_login(name) is 'Drops a PostgreSQL login and ends its open connections; one that owns something stays without rights and password.';
revoke all on function tmidb.end_login(name) from public;
