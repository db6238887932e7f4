-- SPDX-License-Identifier: MIT
-- A view of yours reads with the rights of whoever asks (security_invoker): otherwise it reads with its owner's, past row security.
-- level: error
select format('%s reads with the rights of %s', c.oid::regclass, pg_get_userbyid(c.relowner)) as what,
  format('alter view %s set (security_invoker = true);', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and c.relkind = 'v'
  and not coalesce((select o.option_value::boolean from pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker'), false)
  and exists (select from pg_roles r where r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')
    and (has_any_column_privilege(r.oid, c.oid, 'select') or has_any_column_privilege(r.oid, c.oid, 'insert')
      or has_any_column_privilege(r.oid, c.oid, 'update') or has_table_privilege(r.oid, c.oid, 'delete')))
