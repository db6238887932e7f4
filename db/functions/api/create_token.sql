-- SPDX-License-Identifier: MIT
-- The API's way to tmidb.create_token, with the rights of who calls: everybody for themselves, an administrator for all.
create or replace function api.create_token(label text default null, scopes text[] default null, expires_at timestamptz default null,
  allow_from text[] default null, kind text default null, name text default null) returns text
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select tmidb.create_token(create_token.kind, create_token.name, create_token.label, create_token.expires_at, create_token.scopes,
    create_token.allow_from)
$$;

comment on function api.create_token(text, text[], timestamptz, text[], text, text) is
  E'@resultFieldName token\n@param label What it is for.\n@param scopes Of read, write, command and admin; null: all that its owner may.\n@param expires_at From when on it opens nothing; null: never.\n@param allow_from The only networks that it may come from, such as 10.0.0.0/8; null: any.\n@param kind Of whom: speaker, listener or user; null: of yourself.\n@param name Whose; null: your own.\nMakes a token, which is shown once. TM102: it is for somebody else, or wider than the token that asks; TM108: the scopes, the time or a network cannot be used.';
revoke all on function api.create_token(text, text[], timestamptz, text[], text, text) from public;
grant execute on function api.create_token(text, text[], timestamptz, text[], text, text) to tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
