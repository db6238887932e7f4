-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.revoke_token, with the rights of who calls.
create or replace function api.revoke_token(token text) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.revoke_token(revoke_token.token) $$;

comment on function api.revoke_token(text) is
  E'@resultFieldName count\n@param token The token, its prefix (tmi_<kind>_ and the 8 characters behind) or its token_id.\nEnds a token, of your own or, for an administrator, of anybody, and closes the sockets that it opened; gives how many it ended. TM106: several begin like this; TM102: it may do more than the token that asks.';
revoke all on function api.revoke_token(text) from public;
grant execute on function api.revoke_token(text) to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
