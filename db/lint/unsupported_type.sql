-- SPDX-License-Identifier: MIT
-- No column has a type that points into PostgreSQL's own catalog and that an upgrade cannot carry over (regproc, regoper, regconfig ...).
-- level: warn
select format('%s.%I is a %s', c.oid::regclass, a.attname, format_type(a.atttypid, null)) as what,
  format('alter table %s alter column %I type text;', c.oid::regclass, a.attname) as mend,
  coalesce(col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')) as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname !~ '^(pg_|information_schema$)' and c.relkind in ('r', 'p', 'm')
  and a.atttypid in ('regcollation'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype,
    'regoper'::regtype, 'regoperator'::regtype, 'regproc'::regtype, 'regprocedure'::regtype)
