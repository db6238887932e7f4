-- SPDX-License-Identifier: MIT
-- Somebody has to be left who can let others in. Asked before an account stops being an administrator's; the lock on their
-- role, which only its owner can take, keeps two administrators who remove each other from both succeeding.
create or replace function tmidb.keep_an_administrator(p_account_id bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform from tmidb.access_role where request_role = 'tmidb_admin' for no key update;
  if (select array_agg(a.account_id) from tmidb.account a join tmidb.access_role r using (role_id)
      where r.request_role = 'tmidb_admin' and a.disabled_at is null) = array[p_account_id] then
    raise exception 'This is the last administrator.' using errcode = 'TM102', hint = 'Make another one first.';
  end if;
end $$;
comment on function tmidb.keep_an_administrator(bigint) is 'TM102 if this account is the only one of an administrator that is enabled.';
revoke all on function tmidb.keep_an_administrator(bigint) from public;
