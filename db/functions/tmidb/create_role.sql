-- SPDX-License-Identifier: MIT
-- A role for people that sees and does what it is granted: select tmidb.grant_access('role:fleet', '{read,write}', 'sensor').
create or replace function tmidb.create_role(p_name text, p_description text default null) returns smallint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id smallint;
begin
  insert into tmidb.access_role (name, description) values (p_name, p_description) returning role_id into v_id;
  return v_id;
exception
  when unique_violation then
    raise exception 'There is a role named % already.', quote_literal(p_name) using errcode = 'TM106', hint = 'Choose another name.';
  when check_violation or not_null_violation then
    raise exception 'The name % cannot be used.', coalesce(quote_literal(left(p_name, 80)), 'null') using errcode = 'TM303',
      hint = 'Use up to 48 of a-z, 0-9, _ and -, starting with a letter.';
end $$;
comment on function tmidb.create_role(text, text) is 'Makes a role for people, which sees nothing until something is granted to it. TM106: the name is taken.';
revoke all on function tmidb.create_role(text, text) from public;
grant execute on function tmidb.create_role(text, text) to tmidb_admin;
