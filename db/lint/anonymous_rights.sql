-- SPDX-License-Identifier: MIT
-- Who gives no token may read no relation and call no function that the API shows.
-- level: error
select format('%s may be read without a token', c.oid::regclass) as what,
  format('revoke all on %s from public, tmidb_anonymous;', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in (select tmidb.exposed_schemas()) and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and (has_any_column_privilege('tmidb_anonymous', c.oid, 'select') or has_any_column_privilege('tmidb_anonymous', c.oid, 'insert')
    or has_any_column_privilege('tmidb_anonymous', c.oid, 'update') or has_table_privilege('tmidb_anonymous', c.oid, 'delete'))
union all
select format('%s may be called without a token', p.oid::regprocedure),
  format('revoke execute on function %s from public, tmidb_anonymous;', p.oid::regprocedure), obj_description(p.oid, 'pg_proc')
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname in (select tmidb.exposed_schemas()) and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
  and has_function_privilege('tmidb_anonymous', p.oid, 'execute')
