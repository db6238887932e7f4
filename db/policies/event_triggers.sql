-- SPDX-License-Identifier: MIT
-- What only a superuser can make, run as one after the functions. Where the login of TMIDB_PG_URL is none, the api process asks
-- tmidb.api_fingerprint() each second instead.
do $$
begin
  if not (select rolsuper from pg_roles where rolname = current_user) then return; end if;
  if not exists (select from pg_event_trigger where evtname = 'tmidb_ddl') then
    create event trigger tmidb_ddl on ddl_command_end
      when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
        'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION',
        'CREATE PROCEDURE', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'CREATE TYPE', 'ALTER TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN',
        'CREATE INDEX', 'CREATE SCHEMA', 'ALTER SCHEMA', 'COMMENT', 'GRANT', 'REVOKE')
      execute function tmidb.tg_ddl__reload_api();
  end if;
  if not exists (select from pg_event_trigger where evtname = 'tmidb_functions') then
    create event trigger tmidb_functions on ddl_command_end when tag in ('CREATE FUNCTION', 'CREATE PROCEDURE')
      execute function tmidb.tg_ddl__close_function();
  end if;
  if not exists (select from pg_event_trigger where evtname = 'tmidb_drop') then
    create event trigger tmidb_drop on sql_drop execute function tmidb.tg_ddl__reload_api();
  end if;
end $$;
