-- SPDX-License-Identifier: MIT
-- Which schemas the API grows from: the right USAGE of its login says it, so a schema is exposed by a grant and there is no second
-- list to keep. The grant is to the login by name: what everybody may use is not meant for the API by that. The order decides where
-- two relations share a name.
create or replace function tmidb.exposed_schemas() returns setof name
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select nspname from pg_namespace
  where nspname not in ('tmidb', 'tmidb_parts', 'graphile_worker', 'ext', 'public', 'information_schema')
    and nspname !~ '^(pg_|_?timescaledb)' and exists (
      select from aclexplode(nspacl) a where a.grantee = 'tmidb_api'::regrole and a.privilege_type = 'USAGE')
  order by nspname <> 'api', nspname <> 'app', nspname
$$;

comment on function tmidb.exposed_schemas() is
  'The schemas that GraphQL, REST and OpenAPI show: api (generated), app (made for you) and those of tmidb.expose_schema, in the order in which a name is looked up.';
revoke all on function tmidb.exposed_schemas() from public;
grant execute on function tmidb.exposed_schemas() to tmidb_api, tmidb_viewer, tmidb_editor, tmidb_admin;
