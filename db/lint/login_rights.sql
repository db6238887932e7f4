-- SPDX-License-Identifier: MIT
-- The logins of our processes take no role's rights by themselves and have none on a table of yours: a request without a role does nothing.
-- level: error
select format('%s inherits the rights of its roles', r.rolname) as what, format('alter role %I noinherit;', r.rolname) as mend, null::text as comment
from pg_roles r
where r.rolname in ('tmidb_api', 'tmidb_edge', 'tmidb_drain') and r.rolinherit
union all
select format('%s: %s for %s', c.oid::regclass, lower(string_agg(a.privilege_type, ', ')), a.grantee::regrole),
  format('revoke all on %s from %s;', c.oid::regclass, a.grantee::regrole), obj_description(c.oid, 'pg_class')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join aclexplode(c.relacl) a
join pg_roles r on r.oid = a.grantee and r.rolname in ('tmidb_api', 'tmidb_edge', 'tmidb_drain', 'tmidb_worker')
where n.nspname in (select tmidb.exposed_schemas())
group by c.oid, a.grantee
