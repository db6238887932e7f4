-- SPDX-License-Identifier: MIT
-- Nobody but its owner has a right on the queue of jobs or on its schema.
-- level: error
select format('%s: %s for %s', c.oid::regclass, lower(a.privilege_type), case a.grantee when 0 then 'everybody' else a.grantee::regrole::text end) as what,
  format('revoke all on %s from %s;', c.oid::regclass, case a.grantee when 0 then 'public' else a.grantee::regrole::text end) as mend,
  null::text as comment
from pg_class c, aclexplode(c.relacl) a
where c.relnamespace = to_regnamespace('graphile_worker') and a.grantee not in (c.relowner, 'tmidb_worker'::regrole, 'tmidb_owner'::regrole)
union all
select format('schema %I: %s for %s', n.nspname, lower(a.privilege_type), case a.grantee when 0 then 'everybody' else a.grantee::regrole::text end),
  format('revoke all on schema %I from %s;', n.nspname, case a.grantee when 0 then 'public' else a.grantee::regrole::text end), null
from pg_namespace n, aclexplode(n.nspacl) a
where n.nspname = 'graphile_worker' and a.grantee not in (n.nspowner, 'tmidb_worker'::regrole, 'tmidb_owner'::regrole)
