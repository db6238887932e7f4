-- SPDX-License-Identifier: MIT
-- after: group_path, group_named, compile_classes
-- Another condition for a group; who was granted something of it sees the other targets at once.
create or replace function tmidb.set_group(p_name text, p_condition text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant int := tmidb.group_named(p_name);
begin
  lock table tmidb.target_group in exclusive mode;
  update tmidb.target_group set condition = p_condition, path = tmidb.group_path(p_condition) where group_id = v_id;
  perform tmidb.compile_classes(array[v_id]);
  perform pg_notify(tmidb.channel('access'), 'group');
end $$;
comment on function tmidb.set_group(text, text) is 'Gives a group another condition. TM107: there is no such group; TM108: the condition cannot be read.';
revoke all on function tmidb.set_group(text, text) from public;
grant execute on function tmidb.set_group(text, text) to tmidb_admin;
