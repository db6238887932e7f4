-- SPDX-License-Identifier: MIT
-- Logins and request roles have no right on any table, not even on a column: they work through functions and the views of api. Only
-- level: error
-- administrators' own tables may point at targets.
select format('%s may %s %s', r.rolname, p.privilege, c.oid::regclass) as what
from pg_class c
cross join pg_roles r
cross join unnest(array['select', 'insert', 'update', 'references']) p(privilege)
where c.relnamespace in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace) and c.relkind in ('r', 'p')
  and not r.rolsuper and r.rolname !~ '^pg_'
  and (r.rolcanlogin or r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member', 'tmidb_viewer', 'tmidb_editor'))
  and not (p.privilege = 'select' and c.relnamespace = 'tmidb'::regnamespace and pg_has_role(r.oid, 'tmidb_admin', 'usage'))
  and not (p.privilege = 'references' and c.oid = 'tmidb.target'::regclass and pg_has_role(r.oid, 'tmidb_admin', 'usage'))
  and has_any_column_privilege(r.oid, c.oid, p.privilege)
union all
select format('%s may %s %s', r.rolname, p.privilege, c.oid::regclass)
from pg_class c
cross join pg_roles r
cross join unnest(array['delete', 'truncate', 'trigger']) p(privilege)
where c.relnamespace in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace) and c.relkind in ('r', 'p')
  and not r.rolsuper and r.rolname !~ '^pg_' and r.rolname <> 'tmidb_owner'
  and has_table_privilege(r.oid, c.oid, p.privilege)
