-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.create_listener, with the rights of who calls.
create or replace function api.create_listener(name text) returns text
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.create_listener(create_listener.name) $$;

comment on function api.create_listener(text) is
  E'@resultFieldName token\n@param name Up to 63 letters, digits, dots, dashes and underscores.\nMakes a listener, which sees nothing until it is subscribed, and gives its token, shown once. TM106: the name is taken; TM303: it cannot be used.';
revoke all on function api.create_listener(text) from public;
grant execute on function api.create_listener(text) to tmidb_admin;
