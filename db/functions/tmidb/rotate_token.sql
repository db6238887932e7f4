-- SPDX-License-Identifier: MIT
-- after: token_named, check_token, token_text
-- A new token in place of an old one, with all that it has: owner, label, scopes, networks, end. The old one stays good for a while, so
-- that who uses it can change over; with no overlap it ends at once.
create or replace function tmidb.rotate_token(p_token text, p_overlap interval default interval '1 day') returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v tmidb.token;
  v_text text;
begin
  if p_overlap is null or p_overlap not between interval '0' and interval '90 days' then
    raise exception 'The old token stays good for 0 seconds to 90 days.' using errcode = 'TM108', hint = 'Say it like ''1 day'' or ''2 hours''.';
  end if;
  select * into v from tmidb.token_named(p_token);
  if not found then
    raise exception 'There is no such token.' using errcode = 'TM107', hint = 'Say its text, its prefix or its number; one that is over cannot be rotated.';
  end if;
  if v.kind = 'user' or tmidb.identity()->>'role' <> 'tmidb_admin' then
    perform tmidb.check_token(v.scopes, v.allow_from, v.expires_at);
  end if;
  v_text := tmidb.token_text(v.kind);
  insert into tmidb.token (hash, prefix, kind, speaker_id, listener_id, account_id, label, expires_at, scopes, allow_from)
  values (sha256(convert_to(v_text, 'UTF8')), left(v_text, length(v.kind) + 13), v.kind, v.speaker_id, v.listener_id, v.account_id, v.label, v.expires_at,
    v.scopes, v.allow_from);
  update tmidb.token set expires_at = least(expires_at, now() + p_overlap) where token_id = v.token_id;
  perform tmidb.record_audit('token.rotated', p_resource => format('token:%s', v.prefix),
    p_detail => jsonb_build_object('overlap', p_overlap));
  return v_text;
end $$;

comment on function tmidb.rotate_token(text, interval) is
  'Makes a token like this one (by text, prefix or number) and returns it, once; the old one ends after the overlap. TM107 if there is none.';
revoke all on function tmidb.rotate_token(text, interval) from public;
grant execute on function tmidb.rotate_token(text, interval) to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
