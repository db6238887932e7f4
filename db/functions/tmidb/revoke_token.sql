-- SPDX-License-Identifier: MIT
-- Ends a token, by its text or its prefix (tmi_<kind>_ and 8 more); sockets that it opened are closed. A prefix that several
-- tokens share ends none of them.
create or replace function tmidb.revoke_token(p_token text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  if (select count(*) > 1 from tmidb.token where revoked_at is null and prefix = p_token) then
    raise exception 'Several tokens begin like this.' using errcode = 'TM106', hint = 'Say the whole token.';
  end if;
  update tmidb.token set revoked_at = now()
  where revoked_at is null and (hash = sha256(convert_to(p_token, 'UTF8')) or prefix = p_token);
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform pg_notify(tmidb.channel('access'), 'token');
  end if;
  return v_count;
end $$;

comment on function tmidb.revoke_token(text) is 'Revokes the token of this text or prefix; returns how many.';
revoke all on function tmidb.revoke_token(text) from public;
grant execute on function tmidb.revoke_token(text) to tmidb_admin;
