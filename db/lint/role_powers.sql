-- SPDX-License-Identifier: MIT
-- No role of tmiDB is a superuser or stands above row security.
-- level: error
select format('role %I', r.rolname) as what
from pg_roles r
where (r.rolsuper or r.rolbypassrls or r.rolreplication)
  and (r.rolname ~ '^tmidb_' or r.rolname = 'admin' or pg_has_role(r.oid, 'tmidb_listener', 'member') and not r.rolsuper)
