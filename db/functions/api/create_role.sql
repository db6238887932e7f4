-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.create_role, with the rights of who calls.
create or replace function api.create_role(name text, description text default null) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.create_role(create_role.name, create_role.description)::integer $$;

comment on function api.create_role(text, text) is
  E'@resultFieldName roleId\n@param name Small letters, digits, "-" and "_", a letter first; up to 48.\n@param description What it is for.\nMakes a role for people, who see and do what it is granted. TM106: the name is taken; TM303: it cannot be used.';
revoke all on function api.create_role(text, text) from public;
grant execute on function api.create_role(text, text) to tmidb_admin;
