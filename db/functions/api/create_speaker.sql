-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.create_speaker, with the rights of who calls.
create or replace function api.create_speaker(name text, target text default null, may_create boolean default true) returns text
language sql volatile set search_path = pg_catalog, pg_temp
as $$ select tmidb.create_speaker(create_speaker.name, create_speaker.target, create_speaker.may_create) $$;

comment on function api.create_speaker(text, text, boolean) is
  E'@resultFieldName token\n@param name Up to 63 letters, digits, dots, dashes and underscores.\n@param target Key of the only target it may write for; null: any.\n@param may_create Whether it may make new targets and categories.\nMakes a speaker and gives its token, shown once. TM106: the name is taken; TM303: it cannot be used.';
revoke all on function api.create_speaker(text, text, boolean) from public;
grant execute on function api.create_speaker(text, text, boolean) to tmidb_admin;
