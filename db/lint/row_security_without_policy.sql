-- SPDX-License-Identifier: MIT
-- A table of yours with row security has a policy: without one it is empty for everybody but its owner.
-- level: info
select format('%s: row security is on, and no policy shows a row to anybody', c.oid::regclass) as what,
  format('create policy ... on %s for select to tmidb_viewer using (true);', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and c.relkind in ('r', 'p') and not c.relispartition and c.relrowsecurity
  and not exists (select from pg_policy p where p.polrelid = c.oid)
