-- SPDX-License-Identifier: MIT
-- Nobody but the owner has a right on a partition or on the schema they are in.
-- level: error
select format('%s: %s for %s', c.oid::regclass, lower(a.privilege_type), case a.grantee when 0 then 'public' else a.grantee::regrole::text end) as what
from pg_class c, aclexplode(c.relacl) a
where c.relnamespace = 'tmidb_parts'::regnamespace and a.grantee <> c.relowner
union all
select format('schema %I: %s for %s', n.nspname, lower(a.privilege_type), case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
from pg_namespace n, aclexplode(n.nspacl) a
where n.nspname = 'tmidb_parts' and a.grantee <> n.nspowner
union all
select format('%s.%I: column right', c.oid::regclass, t.attname)
from pg_class c join pg_attribute t on t.attrelid = c.oid
where c.relnamespace = 'tmidb_parts'::regnamespace and t.attacl is not null
