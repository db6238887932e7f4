-- SPDX-License-Identifier: MIT
-- No function of ours or yours claims to be leakproof: the planner would run it before row security.
-- level: error
select format('function %s', p.oid::regprocedure) as what,
  format('alter function %s not leakproof;', p.oid::regprocedure) as mend,
  obj_description(p.oid, 'pg_proc') as comment
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where p.proleakproof and (n.nspname = 'tmidb' or n.nspname in (select tmidb.exposed_schemas()))
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
