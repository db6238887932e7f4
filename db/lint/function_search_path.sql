-- SPDX-License-Identifier: MIT
-- A function of yours that runs for others (security definer, a trigger, in a policy) fixes its search_path: bare names are otherwise whatever the caller's session finds first.
-- A body of standard SQL ("begin atomic", "return") was bound when it was made, and is left out; so is what only its caller runs.
-- level: warn
select format('%s has no search_path of its own%s', p.oid::regprocedure, case when p.prosecdef then ', and runs with the rights of ' || pg_get_userbyid(p.proowner) else '' end) as what,
  format('alter function %s set search_path = pg_catalog, pg_temp; -- and write schema.name in its body', p.oid::regprocedure) as mend,
  obj_description(p.oid, 'pg_proc') as comment
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and (p.prosecdef or p.prosqlbody is null and (p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype)
    or exists (select from pg_depend d where d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid)))
  and not coalesce(array_to_string(p.proconfig, ' ') ~ 'search_path=', false)
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
