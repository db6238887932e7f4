-- SPDX-License-Identifier: MIT
-- after: identity, account_speaker
-- As which speaker the one who asks may write. People write as a speaker of their own, administrators and editors of
-- PostgreSQL's own logins as the speaker "sql"; both are made at need.
create or replace function tmidb.speaker_id() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who jsonb := tmidb.identity();
  v_id bigint := (v_who->>'speaker_id')::bigint;
begin
  if v_id is null and v_who ? 'account_id' and v_who->>'role' in ('tmidb_speaker', 'tmidb_member', 'tmidb_editor', 'tmidb_admin') then
    v_id := tmidb.account_speaker((v_who->>'account_id')::bigint);
  elsif v_id is null and not v_who ? 'account_id' and v_who->>'role' in ('tmidb_admin', 'tmidb_editor') then
    select speaker_id into v_id from tmidb.speaker where name = 'sql';
    if not found then
      insert into tmidb.speaker (name) values ('sql') on conflict (name) do update set name = excluded.name returning speaker_id into v_id;
    end if;
  end if;
  if v_id is null then
    raise exception 'Only speakers, administrators and who was granted it write readings.' using errcode = 'TM102',
      hint = 'Ask an administrator for a speaker or a grant.';
  end if;
  return v_id;
end $$;

comment on function tmidb.speaker_id() is 'The speaker as which the one who asks writes; TM102 if none.';
revoke all on function tmidb.speaker_id() from public;
