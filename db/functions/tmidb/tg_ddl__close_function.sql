-- SPDX-License-Identifier: MIT
-- PostgreSQL lets everybody call a new function, and one that runs as its owner would lend that one's rights to every listener. So a new
-- function is nobody's but its owner's until it is granted, whoever made it. It runs as who made it, who alone may say so; what was
-- granted before is left as it is.
create or replace function tmidb.tg_ddl__close_function() returns event_trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure from pg_event_trigger_ddl_commands() c join pg_proc p on p.oid = c.objid
    join pg_namespace n on n.oid = p.pronamespace
    where c.classid = 'pg_proc'::regclass and p.proacl is null and not c.in_extension
      and n.nspname !~ '^(pg_|tmidb|api$|ext$|graphile_worker$|information_schema$)' and pg_has_role(p.proowner, 'tmidb_admin', 'member')
      and not (select rolsuper from pg_roles where oid = p.proowner)
  loop
    execute format('revoke execute on routine %s from public', v_function);
  end loop;
end $$;

comment on function tmidb.tg_ddl__close_function() is 'Takes a new function of an administrator''s from PUBLIC.';
revoke all on function tmidb.tg_ddl__close_function() from public;
