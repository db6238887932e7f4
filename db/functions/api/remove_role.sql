-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.remove_role, with the rights of who calls.
create or replace function api.remove_role(name text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.remove_role(remove_role.name) $$;

comment on function api.remove_role(text) is E'@param name Name of the role.\nRemoves a role of your own, with its grants. TM102: it is built in; TM106: somebody has it; TM107: there is none of this name.';
revoke all on function api.remove_role(text) from public;
grant execute on function api.remove_role(text) to tmidb_admin;
