-- SPDX-License-Identifier: MIT
-- after: exposed_schemas
-- What one may have forgotten in a migration: a table that the API shows to listeners without row security, one that says nothing of
-- itself, a foreign key that makes each delete on the other side read the whole table, a view that reads past row security, a
-- materialized view, whose rows no row security guards, a function that everybody may call. Each with the statement that mends it. Our own schema api is held by the lints in db/lint.
create or replace function tmidb.exposed_warnings() returns table (what text, mend text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with shown as (
    select c.oid, c.relname, c.relkind, c.relrowsecurity, c.reloptions, format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api' and c.relkind in ('r', 'p', 'v', 'm')
      and not c.relispartition
  )
  select w.what, w.mend from (
    select 1 as kind, s.name, format('%s has no row security: whoever may read it reads all of it.', s.name) as what,
      format('alter table %s enable row level security; -- and a policy for each role that may see rows', s.name) as mend
    from shown s where s.relkind in ('r', 'p') and not s.relrowsecurity
    union all
    select 2, s.name, format('%s reads with the rights of its owner, past row security.', s.name),
      format('alter view %s set (security_invoker = true);', s.name)
    from shown s
    where s.relkind = 'v' and not coalesce((select o.option_value::boolean from pg_options_to_table(s.reloptions) o
      where o.option_name = 'security_invoker'), false)
    union all
    select 2, s.name, format('%s holds rows that its owner read, past row security, and has none itself: devices and listeners that may read it read all of it.', s.name),
      format('revoke all on %s from public, tmidb_listener, tmidb_speaker; -- and grant a view on it that picks rows', s.name)
    from shown s
    where s.relkind = 'm' and (has_any_column_privilege('tmidb_listener', s.oid, 'select') or has_any_column_privilege('tmidb_speaker', s.oid, 'select'))
    union all
    select 3, s.name, format('%s has no comment, so the API''s documentation is silent about it.', s.name),
      format('comment on %s %s is ''...'';', case s.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, s.name)
    from shown s where obj_description(s.oid, 'pg_class') is null
    union all
    select 4, s.name, format('The foreign key %s of %s has no index: a delete on the other side reads the whole table.', k.conname, s.name),
      format('create index on %s (%s);', s.name, (select string_agg(quote_ident(a.attname), ', ' order by u.o)
        from unnest(k.conkey) with ordinality u(attnum, o) join pg_attribute a on a.attrelid = s.oid and a.attnum = u.attnum))
    from shown s join pg_constraint k on k.conrelid = s.oid and k.contype = 'f'
    where not exists (
      select from pg_index i where i.indrelid = s.oid and i.indpred is null
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey)
    union all
    select f.kind, p.oid::regprocedure::text, format(f.what, p.oid::regprocedure), format(f.mend, p.oid::regprocedure)
    from pg_proc p
    cross join lateral (values
      (5, '%s may be called by everybody.', 'revoke execute on function %s from public; -- and grant it to the roles that may',
        (select bool_or(a.grantee = 0) from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.privilege_type = 'EXECUTE')),
      (6, '%s runs with the rights of its owner on whatever search_path its caller has.', 'alter function %s set search_path = pg_catalog, pg_temp;',
        p.prosecdef and not coalesce(array_to_string(p.proconfig, ' ') ~ 'search_path=', false))) f(kind, what, mend, holds)
    where p.pronamespace in (select n.oid from pg_namespace n where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api')
      and f.holds
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  ) w
  order by w.name, w.kind
$$;

comment on function tmidb.exposed_warnings() is
  'What the tables, views and functions of the exposed schemas lack (row security, comments, indexes for foreign keys, narrow rights), each with the statement that mends it.';
revoke all on function tmidb.exposed_warnings() from public;
grant execute on function tmidb.exposed_warnings() to tmidb_admin;
