-- SPDX-License-Identifier: MIT
-- after: listener_named, role_named
-- Whose a grant is to be, said in one word: listener:A, speaker:x, user:kim, role:fleet.
create or replace function tmidb.holder_named(p_holder text) returns tmidb.access_grant
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := split_part(p_holder, ':', 1);
  v_name constant text := substr(p_holder, length(v_kind) + 2);
  v tmidb.access_grant;
begin
  case v_kind
    when 'listener' then v.listener_id := tmidb.listener_named(v_name);
    when 'role' then v.role_id := tmidb.role_named(v_name);
    when 'user' then select account_id into v.account_id from tmidb.account where login = v_name;
    when 'speaker' then select speaker_id into v.speaker_id from tmidb.speaker where name = v_name;
    else
      raise exception 'It is not said whose right this is: %', coalesce(quote_literal(left(p_holder, 100)), 'null') using errcode = 'TM108',
        hint = 'Say listener:<name>, user:<login>, role:<name> or speaker:<name>.';
  end case;
  if num_nonnulls(v.listener_id, v.role_id, v.account_id, v.speaker_id) = 0 then
    raise exception 'There is no % named %.', v_kind, quote_literal(v_name) using errcode = 'TM107', hint = 'Check the spelling.';
  end if;
  return v;
end $$;
comment on function tmidb.holder_named(text) is 'A grant with nothing but its holder, by listener:<name>, user:<login>, role:<name> or speaker:<name>.';
revoke all on function tmidb.holder_named(text) from public;
