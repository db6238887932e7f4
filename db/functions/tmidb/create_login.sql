-- SPDX-License-Identifier: MIT
-- after: listener_named, account_id_named, set_login, record_audit
-- A PostgreSQL login for a listener, a speaker or a user, named like it: with psql it sees and does what its token sees and does.
create or replace function tmidb.create_login(p_kind text, p_name text, p_password text) returns name
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_account bigint;
begin
  if p_kind not in ('listener', 'speaker', 'user') then
    raise exception 'A login is for a listener, a speaker or a user, not for a %.', p_kind using errcode = 'TM303', hint = 'Say ''listener'', ''speaker'' or ''user''.';
  end if;
  if p_kind = 'user' then
    v_account := tmidb.account_id_named(p_name);
    select login into p_name from tmidb.account where account_id = v_account;
  end if;
  if p_name ~ '^(pg_|tmidb_)' or octet_length(p_name) > 63 or exists (
      select from pg_roles r where r.rolname = p_name and not exists (
        select from tmidb.listener where p_kind = 'listener' and role_name = p_name
        union all select from tmidb.speaker where p_kind = 'speaker' and role_name = p_name
        union all select from tmidb.account where account_id = v_account and role_name = p_name)) then
    raise exception 'There is a PostgreSQL role named % already.', quote_literal(p_name) using errcode = 'TM106', hint = 'Choose another name.';
  end if;
  if length(coalesce(p_password, '')) < 8 then
    raise exception 'The password is too short.' using errcode = 'TM303', hint = 'Use at least 8 characters.';
  end if;
  if p_kind = 'listener' then
    update tmidb.listener set role_name = p_name where listener_id = tmidb.listener_named(p_name);
  elsif p_kind = 'user' then
    update tmidb.account set role_name = p_name where account_id = v_account;
  else
    update tmidb.speaker set role_name = p_name where name = p_name;
    if not found then
      raise exception 'There is no speaker named %.', quote_literal(p_name) using errcode = 'TM107', hint = 'Check the spelling.';
    end if;
  end if;
  if not exists (select from pg_roles where rolname = p_name) then
    execute format('create role %I login', p_name);
  end if;
  execute format('alter role %I password %L', p_name, p_password);
  execute format('alter role %I set search_path = api, tmidb', p_name);
  execute format('alter role %I set statement_timeout = %L', p_name, '30s');
  execute format('alter role %I set idle_in_transaction_session_timeout = %L', p_name, '30s');
  execute format('alter role %I connection limit 10', p_name);
  if p_kind = 'user' then
    perform tmidb.set_login(v_account);
  else
    execute format('grant %I to %I', 'tmidb_' || p_kind, p_name);
  end if;
  perform tmidb.record_audit('login.given', p_resource => p_kind || ':' || p_name, p_detail => jsonb_build_object(p_kind, p_name));
  return p_name;
end $$;

comment on function tmidb.create_login(text, text, text) is 'Gives a listener, speaker or user a PostgreSQL login of its own name, or that login another password.';
revoke all on function tmidb.create_login(text, text, text) from public;
grant execute on function tmidb.create_login(text, text, text) to tmidb_admin;
