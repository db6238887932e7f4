-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.remove_group, with the rights of who calls.
create or replace function api.remove_group(name text) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.remove_group(remove_group.name) $$;

comment on function api.remove_group(text) is
  E'@resultFieldName grants\n@param name Name of the group.\nRemoves a group with the grants that name it, and gives how many these were. TM107: there is no such group.';
revoke all on function api.remove_group(text) from public;
grant execute on function api.remove_group(text) to tmidb_admin;
