-- SPDX-License-Identifier: MIT
-- after: token_text, networks, owner_scopes, check_token, identity
-- A key for a speaker, a listener or a user, who may have several. The text is returned once; only its sha-256 stays. Everybody makes
-- tokens for themselves, administrators for all.
create or replace function tmidb.create_token(p_kind text, p_name text, p_label text default null, p_expires_at timestamptz default null,
  p_scopes text[] default null, p_from text[] default null)
returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who jsonb := tmidb.identity();
  v_own_kind text := case when v_who ? 'account_id' then 'user' when v_who ? 'listener_id' then 'listener' when v_who ? 'speaker_id' then 'speaker' end;
  v_own_id bigint := coalesce(v_who->>'account_id', v_who->>'listener_id', v_who->>'speaker_id')::bigint;
  v_mine tmidb.token;
  v_kind text := coalesce(p_kind, case when p_name is null then v_own_kind end);
  v_id bigint;
  v_may text[];
  v_scopes text[];
  v_from cidr[];
  v_text text;
begin
  case v_kind
    when 'speaker' then select speaker_id into v_id from tmidb.speaker where name = p_name;
    when 'listener' then select listener_id into v_id from tmidb.listener where name = p_name;
    when 'user' then select account_id into v_id from tmidb.account where login = p_name;
    else
      raise exception 'A token is for a speaker, a listener or a user%.', coalesce(', not for a ' || p_kind, '') using errcode = 'TM303',
        hint = 'Say ''speaker'', ''listener'' or ''user'', and its name.';
  end case;
  if p_name is null and v_kind = v_own_kind then v_id := v_own_id; end if;
  if v_who->>'role' <> 'tmidb_admin' and (v_kind, v_id) is distinct from (v_own_kind, v_own_id) then
    raise exception 'Only an administrator makes tokens for others.' using errcode = 'TM102', hint = 'Leave kind and name out to make one for yourself.';
  end if;
  if v_id is null then
    raise exception 'There is no % named %.', v_kind, quote_literal(p_name) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;

  v_from := tmidb.networks(p_from);
  v_may := tmidb.owner_scopes(v_kind, v_id);
  v_scopes := array(select s from unnest(array['read', 'write', 'command', 'admin']) s where s = any(p_scopes));
  if p_scopes is null then
    v_scopes := null;
  elsif not p_scopes <@ v_may then
    raise exception 'This % may not be given the scope %.', v_kind,
      (select string_agg(coalesce(s, 'null'), ', ') from unnest(p_scopes) s where s <> all (v_may) or s is null)
      using errcode = 'TM108', hint = format('It may have: %s.', array_to_string(v_may, ', '));
  elsif not v_scopes && array['read', 'write', 'admin'] then
    raise exception 'A token reads, or writes, or both.' using errcode = 'TM108', hint = format('It may have: %s.', array_to_string(v_may, ', '));
  end if;
  if p_expires_at <= now() then
    raise exception 'A token cannot end before it begins.' using errcode = 'TM108', hint = 'Say a time to come, or none.';
  end if;
  -- What is so far away is never.
  if p_expires_at > now() + interval '100 years' then p_expires_at := null; end if;
  if v_who->>'role' <> 'tmidb_admin' and 100 <= (
      select count(*) from tmidb.token t
      where t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
        and case v_kind when 'speaker' then t.speaker_id = v_id when 'listener' then t.listener_id = v_id else t.account_id = v_id end) then
    raise exception 'There are 100 tokens already.' using errcode = 'TM108', hint = 'Revoke some that are not used; an administrator may make more.';
  end if;
  if octet_length(p_label) > 200 then
    raise exception 'The label is too long.' using errcode = 'TM108', hint = 'Use at most 200 bytes.';
  elsif p_label ~ '[\u0001-\u001f\u007f-\u009f]' then
    raise exception 'The label holds control characters.' using errcode = 'TM108', hint = 'Write it in one line of text.';
  end if;
  -- What is not said is as narrow as the token that calls.
  if v_kind = 'user' or v_who->>'role' <> 'tmidb_admin' then
    select * into v_mine from tmidb.token where token_id = (v_who->>'token_id')::bigint;
    if not 'admin' = any(v_mine.scopes) then v_scopes := coalesce(v_scopes, v_mine.scopes); end if;
    v_from := coalesce(v_from, v_mine.allow_from);
    p_expires_at := coalesce(p_expires_at, v_mine.expires_at);
    perform tmidb.check_token(v_scopes, v_from, p_expires_at);
  end if;

  v_text := tmidb.token_text(v_kind);
  insert into tmidb.token (hash, prefix, kind, speaker_id, listener_id, account_id, label, expires_at, scopes, allow_from)
  values (sha256(convert_to(v_text, 'UTF8')), left(v_text, length(v_kind) + 13), v_kind, case v_kind when 'speaker' then v_id end,
    case v_kind when 'listener' then v_id end, case v_kind when 'user' then v_id end, p_label, p_expires_at, v_scopes, v_from);
  return v_text;
end $$;

comment on function tmidb.create_token(text, text, text, timestamptz, text[], text[]) is
  'Makes a token for a speaker, listener or user (null: the one who asks), with these scopes (null: all that it may) and from these networks (null: any), and returns it, once.';
revoke all on function tmidb.create_token(text, text, text, timestamptz, text[], text[]) from public;
grant execute on function tmidb.create_token(text, text, text, timestamptz, text[], text[]) to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
