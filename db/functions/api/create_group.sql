-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.create_group, with the rights of who calls.
create or replace function api.create_group(name text, condition text) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.create_group(create_group.name, create_group.condition) $$;

comment on function api.create_group(text, text) is
  E'@resultFieldName groupId\n@param name Up to 100 characters.\n@param condition Asked of a target\'s meta: $.site == "busan", {"site": "busan"} or meta->>\'site\' = \'busan\'; $key and $name are the target\'s.\nMakes a group of the targets that pass a condition, now and later. TM106: the name is taken; TM108: the condition cannot be read.';
revoke all on function api.create_group(text, text) from public;
grant execute on function api.create_group(text, text) to tmidb_admin;
