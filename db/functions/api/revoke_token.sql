-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.revoke_token, with the rights of who calls.
create or replace function api.revoke_token(token text) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.revoke_token(revoke_token.token) $$;

comment on function api.revoke_token(text) is
  E'@resultFieldName count\n@param token The token, or its prefix: tmi_<kind>_ and the 8 characters behind.\nEnds a token and closes the sockets that it opened; gives how many it ended. TM106: several begin like this.';
revoke all on function api.revoke_token(text) from public;
grant execute on function api.revoke_token(text) to tmidb_admin;
