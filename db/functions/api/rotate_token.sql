-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.rotate_token, with the rights of who calls.
create or replace function api.rotate_token(token text, overlap interval default interval '1 day') returns text
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.rotate_token(rotate_token.token, rotate_token.overlap) $$;

comment on function api.rotate_token(text, interval) is
  E'@resultFieldName token\n@param token Which: its text, its prefix or its token_id.\n@param overlap How long the old one stays good, up to 90 days; 0: it ends at once.\nMakes a token like this one, of the same owner with the same scopes, networks and end, and gives it, once. TM107: there is none that you may rotate; TM106: several begin like this; TM102: it is wider than the token that asks.';
revoke all on function api.rotate_token(text, interval) from public;
grant execute on function api.rotate_token(text, interval) to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
