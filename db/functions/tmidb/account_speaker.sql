-- SPDX-License-Identifier: MIT
-- The speaker as which a person writes, made at need. With a role of one's own it writes only what was granted.
create or replace function tmidb.account_speaker(p_account_id bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_login text;
  v_name text;
  v_id bigint;
  v_restricted boolean;
begin
  select a.login, a.speaker_id, r.request_role = 'tmidb_member' into v_login, v_id, v_restricted
  from tmidb.account a join tmidb.access_role r using (role_id) where a.account_id = p_account_id;
  if v_id is null then
    v_name := left('user-' || regexp_replace(v_login, '[^A-Za-z0-9_.-]', '-', 'g'), 40);
    if exists (select from tmidb.speaker where name = v_name) then v_name := v_name || '-' || p_account_id; end if;
    insert into tmidb.speaker (name, is_restricted) values (v_name, v_restricted)
    on conflict (name) do update set name = excluded.name returning speaker_id into v_id;
    update tmidb.account set speaker_id = v_id where account_id = p_account_id;
  else
    update tmidb.speaker set is_restricted = v_restricted where speaker_id = v_id and is_restricted <> v_restricted;
  end if;
  return v_id;
end $$;

comment on function tmidb.account_speaker(bigint) is 'Identity of the speaker as which this person writes.';
revoke all on function tmidb.account_speaker(bigint) from public;
