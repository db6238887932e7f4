-- SPDX-License-Identifier: MIT
-- after: owner_scopes
-- The speaker as which a person writes, made at need, so that the ledger says who it was. What it may write is what the person may at the
-- time (tmidb.refused_targets): everything for administrators and editors, and nothing once the account is gone.
create or replace function tmidb.account_speaker(p_account_id bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_login text;
  v_name text;
  v_id bigint;
begin
  select login, speaker_id into v_login, v_id from tmidb.account where account_id = p_account_id;
  if not coalesce('write' = any(tmidb.owner_scopes('user', p_account_id)), false) then return null; end if;
  if v_id is null then
    v_name := left('user-' || regexp_replace(v_login, '[^A-Za-z0-9_.-]', '-', 'g'), 40);
    if exists (select from tmidb.speaker where name = v_name) then v_name := v_name || '-' || p_account_id; end if;
    insert into tmidb.speaker (name, is_restricted) values (v_name, true)
    on conflict (name) do update set name = excluded.name returning speaker_id into v_id;
    update tmidb.account set speaker_id = v_id where account_id = p_account_id;
  end if;
  return v_id;
end $$;

comment on function tmidb.account_speaker(bigint) is 'Identity of the speaker as which this person writes; null: it may write nothing.';
revoke all on function tmidb.account_speaker(bigint) from public;
