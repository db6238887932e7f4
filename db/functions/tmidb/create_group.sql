-- SPDX-License-Identifier: MIT
-- after: group_path, set_group
-- Targets that belong together by what is said of them; see tmidb.group_path for how that is said.
create or replace function tmidb.create_group(p_name text, p_condition text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id int;
begin
  -- At once: who only had the insert's lock and is granting it next would wait for whoever does the same, and that one for it.
  lock table tmidb.target_group in exclusive mode;
  insert into tmidb.target_group (name, condition, path) values (p_name, p_condition, tmidb.group_path(p_condition)) returning group_id into v_id;
  return v_id;
exception
  when unique_violation then
    raise exception 'There is a group named % already.', quote_literal(p_name) using errcode = 'TM106', hint = 'Change it: select tmidb.set_group(name, condition).';
  when check_violation or not_null_violation then
    raise exception 'This group cannot be made.' using errcode = 'TM108', hint = 'Give it a name of up to 100 characters and a condition like $.site == "busan".';
end $$;
comment on function tmidb.create_group(text, text) is
  'Makes a group of the targets whose meta passes a condition: $.site == "busan", {"site": "busan"} or meta->>''site'' = ''busan''. TM106: the name is taken; TM108: the condition cannot be read.';
revoke all on function tmidb.create_group(text, text) from public;
grant execute on function tmidb.create_group(text, text) to tmidb_admin;
