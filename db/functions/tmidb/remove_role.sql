-- SPDX-License-Identifier: MIT
-- after: role_named
-- A role goes when nobody has it any more.
create or replace function tmidb.remove_role(p_name text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant smallint := tmidb.role_named(p_name);
begin
  if exists (select from tmidb.access_role where role_id = v_id and request_role <> 'tmidb_member') then
    raise exception 'The role % belongs to tmiDB.', quote_literal(p_name) using errcode = 'TM102', hint = 'It stays.';
  end if;
  delete from tmidb.access_role where role_id = v_id;
exception
  when foreign_key_violation then
    raise exception 'Somebody has the role %.', quote_literal(p_name) using errcode = 'TM106', hint = 'Give these people another role first.';
end $$;
comment on function tmidb.remove_role(text) is 'Removes a role of your own. TM102: it is built in; TM106: somebody has it.';
revoke all on function tmidb.remove_role(text) from public;
grant execute on function tmidb.remove_role(text) to tmidb_admin;
