-- SPDX-License-Identifier: MIT
-- after: token_named, check_token
-- Ends a token at once; what it has open is closed. A narrow token cannot end a wider one of the same owner.
create or replace function tmidb.revoke_token(p_token text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v tmidb.token;
  v_mine tmidb.token;
begin
  select * into v from tmidb.token_named(p_token);
  if not found then return 0; end if;
  select * into v_mine from tmidb.token where token_id = (tmidb.identity()->>'token_id')::bigint;
  perform tmidb.check_token(v.scopes, v_mine.allow_from, v_mine.expires_at);
  update tmidb.token set revoked_at = now() where token_id = v.token_id;
  return 1;
end $$;

comment on function tmidb.revoke_token(text) is 'Revokes the token of this text, prefix or number; returns how many.';
revoke all on function tmidb.revoke_token(text) from public;
grant execute on function tmidb.revoke_token(text) to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
