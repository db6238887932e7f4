-- SPDX-License-Identifier: MIT
-- No view reads tmiDB's accounts, tokens or sessions: only our own functions do, which give no hash away.
-- level: error
select distinct format('%s reads %s', v.oid::regclass, t.oid::regclass) as what,
  format('drop view %s; -- api.account and tmictl show what may be known', v.oid::regclass) as mend,
  obj_description(v.oid, 'pg_class') as comment
from pg_class t
join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.classid = 'pg_rewrite'::regclass
join pg_rewrite w on w.oid = d.objid
join pg_class v on v.oid = w.ev_class and v.oid <> t.oid and v.relkind in ('v', 'm')
where t.relnamespace = 'tmidb'::regnamespace and t.relkind in ('r', 'p')
  and v.relowner <> 'tmidb_owner'::regrole and v.relowner <> 'tmidb_views'::regrole
  and exists (select from pg_attribute a where a.attrelid = t.oid and not a.attisdropped and a.attname ~ '(hash|password|secret)')
