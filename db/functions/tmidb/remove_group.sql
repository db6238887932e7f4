-- SPDX-License-Identifier: MIT
-- after: group_named, classify, compile_classes
-- A group goes, and with it what was granted of it.
create or replace function tmidb.remove_group(p_name text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant int := tmidb.group_named(p_name);
  v_count int;
begin
  lock table tmidb.target_group in exclusive mode;
  delete from tmidb.access_grant where group_id = v_id;
  get diagnostics v_count = row_count;
  perform tmidb.classify(null, null);
  delete from tmidb.target_group where group_id = v_id;
  perform tmidb.compile_classes(array[v_id]);
  return v_count;
end $$;
comment on function tmidb.remove_group(text) is 'Removes a group with the grants that name it; gives how many these were.';
revoke all on function tmidb.remove_group(text) from public;
grant execute on function tmidb.remove_group(text) to tmidb_admin;
