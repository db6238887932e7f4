-- SPDX-License-Identifier: MIT
-- after: base62, crc32
-- A key for a speaker or a listener: tmi_<kind>_<32 base62 = 190 bits><6 base62 crc>. The text is returned once; only its sha-256
-- stays. Randomness is PostgreSQL's strong source, by way of two random UUIDs.
create or replace function tmidb.create_token(p_kind text, p_name text, p_label text default null, p_expires_at timestamptz default null)
returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_random numeric := 0;
  v_bytes bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  v_text text;
  v_id bigint;
begin
  if p_kind = 'speaker' then
    select speaker_id into v_id from tmidb.speaker where name = p_name;
  elsif p_kind = 'listener' then
    select listener_id into v_id from tmidb.listener where name = p_name;
  else
    raise exception 'A token is for a speaker or a listener, not for a %.', p_kind using errcode = 'TM303', hint = 'Say ''speaker'' or ''listener''.';
  end if;
  if v_id is null then
    raise exception 'There is no % named %.', p_kind, quote_literal(p_name) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
  for i in 0..31 loop v_random := v_random * 256 + get_byte(v_bytes, i); end loop;
  v_text := 'tmi_' || p_kind || '_' || tmidb.base62(v_random, 32);
  v_text := v_text || tmidb.base62(tmidb.crc32(convert_to(v_text, 'UTF8')), 6);
  insert into tmidb.token (hash, prefix, kind, speaker_id, listener_id, label, expires_at)
  values (sha256(convert_to(v_text, 'UTF8')), left(v_text, length(p_kind) + 13), p_kind,
    case p_kind when 'speaker' then v_id end, case p_kind when 'listener' then v_id end, p_label, p_expires_at);
  return v_text;
end $$;

comment on function tmidb.create_token(text, text, text, timestamptz) is 'Makes a token for a speaker or listener and returns it, once.';
revoke all on function tmidb.create_token(text, text, text, timestamptz) from public;
grant execute on function tmidb.create_token(text, text, text, timestamptz) to tmidb_admin;
