-- SPDX-License-Identifier: MIT
-- after: create_token, classify
-- A new listener, which sees nothing until it is subscribed, and its first token.
create or replace function tmidb.create_listener(p_name text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name ~ '^v[0-9]+$' or p_name in ('in', 'openapi.json', 'rpc', 'v', 'target', 'token', 'access_grant', 'target_group', 'audit_events', 'auth') then
    raise exception 'The name % is an address of the API.', quote_literal(p_name) using errcode = 'TM106', hint = 'Choose another name.';
  end if;
  insert into tmidb.listener (name, class_id) values (p_name, tmidb.class_of_grants('[]'));
  return tmidb.create_token('listener', p_name);
exception
  when unique_violation then
    raise exception 'There is a listener named % already.', quote_literal(p_name) using errcode = 'TM106',
      hint = 'Choose another name, or make it a further token: select tmidb.create_token(''listener'', name).';
  when check_violation then
    raise exception 'The name % cannot be used.', quote_literal(left(p_name, 80)) using errcode = 'TM303',
      hint = 'Use up to 63 letters, digits, dots, dashes and underscores.';
end $$;

comment on function tmidb.create_listener(text) is 'Makes a listener and returns its token, shown once; subscribe it with tmidb.subscribe.';
revoke all on function tmidb.create_listener(text) from public;
grant execute on function tmidb.create_listener(text) to tmidb_admin;
