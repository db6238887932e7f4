-- SPDX-License-Identifier: MIT
-- after: exposed_schemas, reload_api
-- Whoever changes what the API shows, by migration or by hand, wakes the api processes: tables, views, columns, functions, types,
-- comments, grants. Pieces of ts_obs, temporary tables and what lies in other schemas wake nobody. It must never be in the way of the
-- statement itself, so whatever goes wrong here is nothing but a change that is seen later. The two event triggers on it are made by a
-- superuser (db/policies/event_triggers.sql); without them the api process asks tmidb.api_fingerprint().
create or replace function tmidb.tg_ddl__reload_api() returns event_trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_shown boolean;
begin
  if TG_EVENT = 'sql_drop' then
    select coalesce(bool_or(d.object_type = 'schema' or d.schema_name in (select tmidb.exposed_schemas())), false) into v_is_shown
    from pg_event_trigger_dropped_objects() d where not d.is_temporary;
  elsif TG_TAG in ('GRANT', 'REVOKE') then
    -- PostgreSQL does not say on what, only of which kind.
    select coalesce(bool_or(c.object_type in ('TABLE', 'SCHEMA', 'FUNCTION', 'PROCEDURE', 'ROUTINE')), false) into v_is_shown
    from pg_event_trigger_ddl_commands() c;
  else
    select coalesce(bool_or(coalesce(c.schema_name, c.object_identity) in (select tmidb.exposed_schemas())), false) into v_is_shown
    from pg_event_trigger_ddl_commands() c;
  end if;
  if v_is_shown then perform tmidb.reload_api(); end if;
exception when others then
  return;
end $$;

comment on function tmidb.tg_ddl__reload_api() is 'Lets the API follow a change of what it shows.';
revoke all on function tmidb.tg_ddl__reload_api() from public;
