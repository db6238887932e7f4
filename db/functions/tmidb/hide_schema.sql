-- SPDX-License-Identifier: MIT
-- after: reload_api
-- Takes a schema out of the API; its data stay.
create or replace function tmidb.hide_schema(name text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  if name in ('tmidb', 'api') or to_regnamespace(quote_ident(name)) is null then
    raise exception 'There is no schema "%" to hide.', left(name, 80) using errcode = 'TM107';
  end if;
  execute format('revoke usage on schema %I from tmidb_api, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin', name);
  perform tmidb.reload_api();
end $$;

comment on function tmidb.hide_schema(text) is 'Takes a schema out of the API; its tables and rows stay. TM107: there is none of this name.';
revoke all on function tmidb.hide_schema(text) from public;
grant execute on function tmidb.hide_schema(text) to tmidb_admin;
