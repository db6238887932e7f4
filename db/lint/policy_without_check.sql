-- SPDX-License-Identifier: MIT
-- A policy of your tables that lets somebody write says what may be written (with check), not only which rows may be touched.
-- level: warn
select format('%s: %s has no "with check": whoever may change a row may make it any row that the policy shows', p.polrelid::regclass, p.polname) as what,
  format('alter policy %I on %s with check (...);', p.polname, p.polrelid::regclass) as mend,
  coalesce(obj_description(p.oid, 'pg_policy'), obj_description(p.polrelid, 'pg_class')) as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and p.polcmd in ('*', 'w', 'a') and p.polpermissive and p.polwithcheck is null
  and exists (select from unnest(p.polroles) o where o = 0 or has_any_column_privilege(o, c.oid, 'insert') or has_any_column_privilege(o, c.oid, 'update'))
