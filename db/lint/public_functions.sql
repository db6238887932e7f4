-- SPDX-License-Identifier: MIT
-- No function may be executed by everybody, but for the pure conversions that the views of categories are made of.
-- level: error
select format('%s may be called by everybody', p.oid::regprocedure) as what,
  format('revoke execute on function %s from public; -- and grant it to the roles that may', p.oid::regprocedure) as mend,
  obj_description(p.oid, 'pg_proc') as comment
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname in (select tmidb.exposed_schemas() union select 'tmidb' union select 'graphile_worker')
  and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
  and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
  and not (n.nspname = 'tmidb' and p.provolatile = 'i' and p.proname ~ '^to_' and p.pronargs = 1)
  and not (n.nspname = 'graphile_worker' and n.nspacl is null)
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
