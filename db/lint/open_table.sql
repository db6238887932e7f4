-- SPDX-License-Identifier: MIT
-- A table of yours that devices, listeners, members or everybody may touch has row security on: without it they have all of its rows.
-- level: error
select format('%s: %s may %s every row', c.oid::regclass, string_agg(distinct r.rolname, ', ' order by r.rolname),
    string_agg(distinct p.privilege, ', ' order by p.privilege)) as what,
  format('alter table %s enable row level security; -- and a policy for each role that may see rows', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_roles r on r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')
cross join unnest(array['select', 'insert', 'update', 'delete']) p(privilege)
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and c.relkind in ('r', 'p') and not c.relispartition and not c.relrowsecurity
  and case p.privilege when 'delete' then has_table_privilege(r.oid, c.oid, p.privilege) else has_any_column_privilege(r.oid, c.oid, p.privilege) end
group by c.oid
