-- SPDX-License-Identifier: MIT
-- after: listener_named, end_login, leave_classes
-- A listener goes with tokens, grants and the PostgreSQL login; the doors hear of each token that went. The audit keeps the name.
create or replace function tmidb.remove_listener(p_name text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_role_name name;
  v_class bigint;
begin
  delete from tmidb.listener where listener_id = tmidb.listener_named(p_name) returning role_name, class_id into v_role_name, v_class;
  perform tmidb.leave_classes(array[v_class]);
  perform tmidb.end_login(v_role_name);
end $$;
comment on function tmidb.remove_listener(text) is 'Removes a listener with tokens, grants and PostgreSQL login, at once. TM107: there is none of this name.';
revoke all on function tmidb.remove_listener(text) from public;
grant execute on function tmidb.remove_listener(text) to tmidb_admin;
