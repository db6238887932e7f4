-- SPDX-License-Identifier: MIT
-- Who there is. Run as a superuser (or a role that may create roles) before everything else, and again at will.
--   tmidb_owner   migrates, owns tables and functions      tmidb_views  owns the API's views, bound by row security
--   tmidb_api, tmidb_edge, tmidb_drain, tmidb_worker       logins without a right on any table
--   tmidb_anonymous ... tmidb_admin                        what a request becomes; SQL users are members of one of them
do $$
declare
  r text;
begin
  foreach r in array array['tmidb_owner', 'tmidb_views', 'tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener',
                           'tmidb_member', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin'] loop
    if not exists (select from pg_roles where rolname = r) then
      execute format('create role %I nologin', r);
    end if;
  end loop;
  foreach r in array array['tmidb_api', 'tmidb_edge', 'tmidb_drain', 'tmidb_worker'] loop
    if not exists (select from pg_roles where rolname = r) then
      execute format('create role %I login noinherit', r);
    end if;
  end loop;
  if not exists (select from pg_roles where rolname = 'admin') then
    create role admin login;
  end if;
end $$;

alter role tmidb_owner createrole;
grant tmidb_views, tmidb_worker to tmidb_owner;
grant tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_member, tmidb_viewer, tmidb_editor, tmidb_admin to tmidb_api;
grant tmidb_speaker, tmidb_listener, tmidb_member, tmidb_viewer, tmidb_editor, tmidb_admin to tmidb_owner with admin option;
-- Who lost rights is cut off from open connections too (tmidb.end_logins); no superuser's can be.
do $$
begin
  grant pg_signal_backend to tmidb_owner;
exception when insufficient_privilege then null;
end $$;
-- People of a role of one's own: bound by the rules as listeners are, and they may write where they were granted to.
grant tmidb_listener to tmidb_member;
grant tmidb_admin to admin;

do $$
begin
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to tmidb_owner, tmidb_api, tmidb_edge, tmidb_drain, tmidb_worker,
    tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin', current_database());
  execute format('grant create, temporary on database %I to tmidb_admin', current_database());
end $$;
revoke create on schema public from public;
-- Large objects belong to nobody's rights here and would fill the disk.
do $$
declare
  f regprocedure;
begin
  for f in select oid::regprocedure from pg_proc where pronamespace = 'pg_catalog'::regnamespace
           and proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_open', 'lowrite', 'lo_import') loop
    execute format('revoke execute on function %s from public', f);
  end loop;
end $$;

create schema if not exists tmidb authorization tmidb_owner;
create schema if not exists tmidb_parts authorization tmidb_owner;
create schema if not exists api authorization tmidb_owner;
create schema if not exists graphile_worker authorization tmidb_worker;

grant usage on schema tmidb to tmidb_views, tmidb_api, tmidb_edge, tmidb_drain, tmidb_worker,
  tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
grant usage on schema api to tmidb_api, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
grant usage, create on schema api to tmidb_views;

-- What a user's own migrations add stands in app, which the API shows; tmidb.expose_schema makes more such schemas.
create schema if not exists app authorization tmidb_admin;
grant usage on schema app to tmidb_api, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
alter default privileges for role admin in schema app grant select on tables to tmidb_viewer;
alter default privileges for role admin in schema app grant select, insert, update, delete on tables to tmidb_editor, tmidb_admin;
alter default privileges for role admin in schema app grant usage on sequences to tmidb_editor, tmidb_admin;
-- PostgreSQL lets everybody call a new function, and the API would show it to every listener.
alter default privileges for role admin revoke execute on functions from public;
alter default privileges for role admin in schema app grant execute on functions to tmidb_viewer, tmidb_editor, tmidb_admin;

-- Geography stands on two of PostgreSQL's own extensions. They have a schema of their own, which no function has in its search_path.
create schema if not exists ext authorization tmidb_owner;
create extension if not exists cube schema ext;
create extension if not exists earthdistance schema ext;
do $$
declare
  v_name text;
begin
  for v_name in select extname from pg_extension
                where extname in ('cube', 'earthdistance') and extnamespace <> 'ext'::regnamespace loop
    raise exception 'The extension % is in another schema than ext.', v_name
      using hint = format('alter extension %I set schema ext', v_name);
  end loop;
end $$;
grant usage on schema ext to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;

alter role admin set search_path = api, tmidb, public;

-- Requests wait for a lock no longer than this, a transaction whose process has gone quiet ends, and one statement's sorting cannot
-- fill the disk; only a superuser may set the last. The time of a statement is told with each request (tmidb.request_limit).
alter role tmidb_api set lock_timeout = '5s';
alter role tmidb_api set idle_in_transaction_session_timeout = '30s';
do $$
begin
  alter role tmidb_api set temp_file_limit = '512MB';
exception when insufficient_privilege then null;
end $$;

-- Where the server has TimescaleDB loaded, ts_obs becomes a hypertable; its extension can only be made by a superuser.
do $$
begin
  if current_setting('shared_preload_libraries') ~ 'timescaledb' and exists (select from pg_available_extensions where name = 'timescaledb') then
    create extension if not exists timescaledb schema public;
  end if;
end $$;
