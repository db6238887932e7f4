-- SPDX-License-Identifier: MIT
-- No function of yours with its owner's rights (security definer) may be called by devices, listeners, members or everybody.
-- level: warn
select format('%s: %s may call it with the rights of %s', p.oid::regprocedure, string_agg(r.rolname, ', ' order by r.rolname), pg_get_userbyid(p.proowner)) as what,
  format('revoke execute on function %s from public, %s; -- or alter function ... security invoker', p.oid::regprocedure, string_agg(quote_ident(r.rolname), ', ' order by r.rolname)) as mend,
  obj_description(p.oid, 'pg_proc') as comment
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_roles r on r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and p.prosecdef and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype) and has_function_privilege(r.oid, p.oid, 'execute')
group by p.oid
