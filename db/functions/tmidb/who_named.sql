-- SPDX-License-Identifier: MIT
-- after: holder_named
-- Somebody by one word, with what stands in the way of all that they ask: listener:A, user:kim, role:fleet, speaker:x, or token:<prefix>,
-- which is its owner with the token's own limits.
create or replace function tmidb.who_named(p_who text, p_action text default 'read', p_address inet default null) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text := split_part(p_who, ':', 1);
  v_name text := substr(p_who, length(v_kind) + 2);
  v_problems text[] := '{}';
  v_token tmidb.token;
  v_account tmidb.account;
  v_to tmidb.access_grant;
  v_role record;
begin
  if v_kind = 'token' then
    -- The whole token may be said too; of several that begin alike, the one that still opens something.
    select * into v_token from tmidb.token t
    where t.prefix = v_name or t.hash = sha256(convert_to(v_name, 'UTF8')) order by t.revoked_at is not null, t.created_at desc limit 1;
    if not found then
      raise exception 'There is no token that begins with %.', quote_literal(left(v_name, 17)) using errcode = 'TM107', hint = 'Its prefix is tmi_<kind>_ and the 8 characters behind.';
    end if;
    v_problems := array_remove(array[
      case when v_token.revoked_at is not null then 'the token was revoked at ' || (to_jsonb(v_token.revoked_at) #>> '{}') end,
      case when v_token.expires_at <= now() then 'the token expired at ' || (to_jsonb(v_token.expires_at) #>> '{}') end,
      case when not v_token.scopes && array[p_action, 'admin'] then format('the token may only %s', array_to_string(v_token.scopes, ', ')) end,
      case when not exists (select from unnest(v_token.allow_from) a where p_address <<= a) and p_address is not null and v_token.allow_from is not null then
        format('the token may not come from %s, only from %s', p_address, array_to_string(v_token.allow_from, ', ')) end], null);
    v_kind := case when v_token.listener_id is not null then 'listener' when v_token.account_id is not null then 'user' else 'speaker' end;
    v_name := case v_kind
      when 'listener' then (select name from tmidb.listener where listener_id = v_token.listener_id)
      when 'user' then (select login from tmidb.account where account_id = v_token.account_id)
      else (select name from tmidb.speaker where speaker_id = v_token.speaker_id) end;
  end if;
  v_to := tmidb.holder_named(v_kind || ':' || v_name);
  select * into v_account from tmidb.account a where a.account_id = v_to.account_id;
  select r.role_id, r.name, r.request_role into v_role
  from tmidb.access_role r where r.role_id = coalesce(v_to.role_id, v_account.role_id);
  if v_account.disabled_at is not null then
    v_problems := v_problems || format('the account %s is disabled', v_name);
  end if;
  return jsonb_strip_nulls(jsonb_build_object('kind', v_kind, 'name', v_name, 'who', v_kind || ':' || v_name,
    'listener_id', v_to.listener_id::text, 'account_id', v_to.account_id::text, 'speaker_id', v_to.speaker_id::text, 'role_id', v_role.role_id,
    'role_name', v_role.name, 'role', coalesce(v_role.request_role::text, 'tmidb_' || v_kind), 'problems', to_jsonb(v_problems)));
end $$;
comment on function tmidb.who_named(text, text, inet) is
  'Somebody by listener:<name>, user:<login>, role:<name>, speaker:<name> or token:<prefix>: kind, name, ids, request role, and why all would be refused. TM107: there is nobody of that name; TM108: it is not said who.';
revoke all on function tmidb.who_named(text, text, inet) from public;
