-- SPDX-License-Identifier: MIT
-- Somebody has to be left who can let others in. Asked after a change; who changes accounts first takes the lock of this name, so that
-- two administrators who remove each other do not both succeed.
create or replace function tmidb.keep_an_administrator() returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from tmidb.account a join tmidb.access_role r using (role_id) where r.request_role = 'tmidb_admin' and a.disabled_at is null) then
    raise exception 'This is the last administrator.' using errcode = 'TM102', hint = 'Make another one first.';
  end if;
end $$;
comment on function tmidb.keep_an_administrator() is 'TM102 if no account of an administrator is left that is enabled.';
revoke all on function tmidb.keep_an_administrator() from public;
