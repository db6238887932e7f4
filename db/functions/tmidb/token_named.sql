-- SPDX-License-Identifier: MIT
-- after: identity
-- The token that is meant by its text, its prefix (tmi_<kind>_ and 8 more) or its number, if it still opens something and the one who
-- asks may know it. A prefix that several share means none.
create or replace function tmidb.token_named(p_token text) returns setof tmidb.token
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who jsonb := tmidb.identity();
begin
  return query
    select t.* from tmidb.token t
    where (t.hash = sha256(convert_to(p_token, 'UTF8')) or t.prefix = p_token
        or t.token_id = case when p_token ~ '^[0-9]{1,18}$' then p_token::bigint end)
      and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
      and (v_who->>'role' = 'tmidb_admin' or case
        when v_who ? 'account_id' then t.account_id = (v_who->>'account_id')::bigint
        when v_who ? 'listener_id' then t.listener_id = (v_who->>'listener_id')::bigint
        else t.speaker_id = (v_who->>'speaker_id')::bigint end)
    limit 2;
  if (select count(*) > 1 from tmidb.token t where t.prefix = p_token and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())) then
    raise exception 'Several tokens begin like this.' using errcode = 'TM106', hint = 'Say its number, or the whole token.';
  end if;
end $$;

comment on function tmidb.token_named(text) is 'The live token of this text, prefix or number, of one''s own or, for an administrator, of anybody.';
revoke all on function tmidb.token_named(text) from public;
