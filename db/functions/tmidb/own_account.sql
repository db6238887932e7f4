-- SPDX-License-Identifier: MIT
-- after: identity
-- The person who asks, with all of their rights: a token that was made narrower decides nothing about its owner.
create or replace function tmidb.own_account() returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who constant jsonb := tmidb.identity();
  v_id bigint;
begin
  select a.account_id into v_id from tmidb.account a join tmidb.access_role r using (role_id)
  where a.account_id = (v_who->>'account_id')::bigint and r.request_role = v_who->>'role';
  if not found then
    raise exception 'Only a person who is signed in may do that.' using errcode = 'TM102', hint = 'Sign in with login and password.';
  end if;
  return v_id;
end $$;
comment on function tmidb.own_account() is 'account_id of the person who asks; TM102 if it is none, or a token with less than all rights.';
revoke all on function tmidb.own_account() from public;
