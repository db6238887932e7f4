-- SPDX-License-Identifier: MIT
-- As whom a person writes: a speaker of its own, made at need, so that the ledger says who it was. It is bound to what the person
-- may write at the time, which is everything for administrators and editors, and nothing once the account is gone.
create or replace function tmidb.account_speaker(p_account_id bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
  v_may boolean;
  c_name constant text := 'user.' || p_account_id;
begin
  select a.speaker_id, r.request_role in ('tmidb_admin', 'tmidb_editor') or r.request_role = 'tmidb_member' and exists (
      select from tmidb.access_grant g where 'write' = any(g.actions) and (g.account_id = a.account_id or g.role_id = a.role_id))
  into v_id, v_may
  from tmidb.account a join tmidb.access_role r using (role_id) where a.account_id = p_account_id;
  if v_may is not true then return null; end if;
  if v_id is null then
    insert into tmidb.speaker (name, is_restricted) values (c_name, true)
    on conflict (name) do update set name = excluded.name returning speaker_id into v_id;
    update tmidb.account set speaker_id = v_id where account_id = p_account_id;
  end if;
  return v_id;
end $$;
comment on function tmidb.account_speaker(bigint) is 'speaker_id as which an account writes; null if it may write nothing.';
revoke all on function tmidb.account_speaker(bigint) from public;
