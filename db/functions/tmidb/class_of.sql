-- SPDX-License-Identifier: MIT
-- after: class_of_rules
-- The permission class a socket belongs to.
create or replace function tmidb.class_of(p_listener_id bigint) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select case when p_listener_id is null then tmidb.class_of_rules('{"*/*": {"*": 1}, "t/*": 1}')
    else (select class_id from tmidb.listener where listener_id = p_listener_id) end
$$;

comment on function tmidb.class_of(bigint) is 'class_id of a listener; null asks for the class that sees everything.';
revoke all on function tmidb.class_of(bigint) from public;
grant execute on function tmidb.class_of(bigint) to tmidb_api;
