-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.set_group, with the rights of who calls.
create or replace function api.set_group(name text, condition text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.set_group(set_group.name, set_group.condition) $$;

comment on function api.set_group(text, text) is
  E'@param name Name of the group.\n@param condition As createGroup takes it.\nGives a group another condition; who was granted something of it sees the other targets at once. TM107: there is no such group; TM108: the condition cannot be read.';
revoke all on function api.set_group(text, text) from public;
grant execute on function api.set_group(text, text) to tmidb_admin;
