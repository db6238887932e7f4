-- SPDX-License-Identifier: MIT
-- after: reload_api
-- Makes a schema, if there is none of this name, and lets the API show it. Runs as the administrator who calls it: the default rights
-- are for what the same one makes there later.
create or replace function tmidb.expose_schema(name text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_function regprocedure;
begin
  if name is null or name !~ '^[a-z][a-z0-9_]{0,47}$' or name in ('tmidb', 'tmidb_parts', 'api', 'ext', 'public', 'graphile_worker') or name ~ '^pg_' then
    raise exception 'The schema "%" cannot be exposed.', left(name, 80) using errcode = 'TM108',
      hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter; tmiDB''s own schemas stay as they are.';
  end if;
  if to_regnamespace(quote_ident(name)) is null then execute format('create schema %I', name); end if;
  execute format('grant usage on schema %I to tmidb_api, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin', name);
  execute format('alter default privileges in schema %I grant select on tables to tmidb_viewer', name);
  execute format('alter default privileges in schema %I grant select, insert, update, delete on tables to tmidb_editor, tmidb_admin', name);
  execute format('alter default privileges in schema %I grant usage on sequences to tmidb_editor, tmidb_admin', name);
  -- A listener calls what it was granted, not what PostgreSQL lets everybody call.
  alter default privileges revoke execute on functions from public;
  execute format('alter default privileges in schema %I grant execute on functions to tmidb_viewer, tmidb_editor, tmidb_admin', name);
  -- Those that are there already, as far as they are the caller's; an extension's are left as they are.
  for v_function in
    select p.oid from pg_proc p
    where p.pronamespace = to_regnamespace(quote_ident(name)) and p.prokind in ('f', 'w') and pg_has_role(p.proowner, 'usage')
      and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  loop
    execute format('revoke execute on function %s from public', v_function);
  end loop;
  perform tmidb.reload_api();
end $$;

comment on function tmidb.expose_schema(text) is
  'Makes a schema (if there is none) and shows its tables, views and functions in the API; viewers may read, editors and administrators also write what you make there from now on. Your functions there are no longer for everybody. TM108: the name cannot be used.';
revoke all on function tmidb.expose_schema(text) from public;
grant execute on function tmidb.expose_schema(text) to tmidb_admin;
