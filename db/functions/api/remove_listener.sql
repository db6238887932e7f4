-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.remove_listener, with the rights of who calls.
create or replace function api.remove_listener(name text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.remove_listener(remove_listener.name) $$;

comment on function api.remove_listener(text) is
  E'@param name Its name.\nRemoves a listener with tokens, grants and PostgreSQL login, at once. TM107: there is none of this name.';
revoke all on function api.remove_listener(text) from public;
grant execute on function api.remove_listener(text) to tmidb_admin;
