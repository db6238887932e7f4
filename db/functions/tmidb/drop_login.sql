-- SPDX-License-Identifier: MIT
-- after: account_id_named, end_login, record_audit
-- Takes back what tmidb.create_login gave; tokens, grants and sessions stay.
create or replace function tmidb.drop_login(p_kind text, p_name text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_account bigint;
  v_role_name name;
begin
  case p_kind
    when 'listener' then select role_name into v_role_name from tmidb.listener where name = p_name for update;
    when 'speaker' then select role_name into v_role_name from tmidb.speaker where name = p_name for update;
    when 'user' then
      v_account := tmidb.account_id_named(p_name);
      select role_name, login into v_role_name, p_name from tmidb.account where account_id = v_account for update;
    else
      raise exception 'A login is of a listener, a speaker or a user%.', coalesce(', not of a ' || p_kind, '') using errcode = 'TM303',
        hint = 'Say ''listener'', ''speaker'' or ''user''.';
  end case;
  if v_role_name is null then
    raise exception 'There is no % named % with a PostgreSQL login.', p_kind, coalesce(quote_literal(p_name), 'null') using errcode = 'TM107',
      hint = 'Check the spelling.';
  end if;
  case p_kind
    when 'listener' then update tmidb.listener set role_name = null where name = p_name;
    when 'speaker' then update tmidb.speaker set role_name = null where name = p_name;
    else update tmidb.account set role_name = null where account_id = v_account;
  end case;
  perform tmidb.end_login(v_role_name);
  perform tmidb.record_audit('login.taken', p_resource => p_kind || ':' || p_name, p_detail => jsonb_build_object(p_kind, p_name));
end $$;
comment on function tmidb.drop_login(text, text) is
  'Takes the PostgreSQL login of a listener, speaker or user back and ends its open connections; nothing else of it changes. TM107: it has none.';
revoke all on function tmidb.drop_login(text, text) from public;
grant execute on function tmidb.drop_login(text, text) to tmidb_admin;
