-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.remove_speaker, with the rights of who calls.
create or replace function api.remove_speaker(name text) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.remove_speaker(remove_speaker.name) $$;

comment on function api.remove_speaker(text) is
  E'@param name Its name.\nRemoves a speaker with tokens, grants and PostgreSQL login, at once; its readings stay. TM106: a connector or a person writes as it; TM107: there is none of this name.';
revoke all on function api.remove_speaker(text) from public;
grant execute on function api.remove_speaker(text) to tmidb_admin;
